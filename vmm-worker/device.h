/*
 * vmm-worker/device.h - what every device model is
 *
 * A device is one object with a const description of its type. It hangs regions
 * on the port and memory buses, raises interrupts through irq_line() or
 * msi_send(), saves and loads itself by a field table. Its own lock (`lock`)
 * guards its registers: vCPU threads and the control loop both come in.
 */
#ifndef VX_VMM_DEVICE_H
#define VX_VMM_DEVICE_H

#include <pthread.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm-worker/state.h"

struct machine;
struct device;

struct device_type {
	const char *name; /* in the state stream */
	struct state_table state;
	size_t size; /* of the object that embeds `struct device` first */
	/* Hang its regions on the machine's buses. Called once. */
	int (*attach)(struct device *dev, struct err **e);
	/* Back to the state after power-on. Called with no vCPU running. */
	void (*reset)(struct device *dev);
	/* No I/O in flight on return. May be NULL. */
	void (*quiesce)(struct device *dev);
	/* After the fields were loaded: 0 and lines, timers re-established, or
	 * -1 when values cannot be right. May be NULL. */
	int (*loaded)(struct device *dev, struct err **e);
	/* Free what the object owns; the object itself goes next. May be NULL. */
	void (*destroy)(struct device *dev);
};

struct device {
	const struct device_type *type;
	char name[32];		 /* of the definition: "com1" */
	struct machine *machine; /* borrowed */
	pthread_mutex_t lock;
};

/* device_list.c: an object of `type`, attached and reset. NULL and *e. */
struct device *device_new(const struct device_type *type, const char *name,
			  struct machine *machine, struct err **e) NODISCARD;
void device_free(struct device *dev);
AUTOPTR(device, device_free);

/* One section of the state stream, and back: -1 and *e for what cannot be right. */
void device_save(struct device *dev, struct str *out);
int device_load(struct device *dev, const struct state_section *section,
		struct err **e);

#endif
