/*
 * vmm-worker/machine.h - one virtual machine: memory, buses, devices, vCPUs
 *
 * Built by one thread; then the vCPU threads run it and the control thread stops,
 * resets, saves and ends it. What a device may ask of its machine goes through
 * `ops`, so that a device runs in a test without KVM.
 *
 *   HOLD --machine_go()--> GO --machine_hold() or the guest's end--> HOLD
 *   any --machine_free()--> QUIT, the threads end
 */
#ifndef VX_VMM_MACHINE_H
#define VX_VMM_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/str.h"
#include "schema/gen/types.h"
#include "vmm-worker/boot/boot.h"
#include "vmm-worker/bus.h"
#include "vmm-worker/console.h"
#include "vmm-worker/device.h"
#include "vmm-worker/guest_clock.h"
#include "vmm-worker/irq.h"
#include "vmm-worker/memory.h"
#include "vmm-worker/vm_kvm.h"

#define MACHINE_DEVICES_MAX 16

struct vcpu;
struct vcpu_state;

struct machine_ops {
	void (*irq_line)(struct machine *m, unsigned gsi, bool level);
	void (*msi_send)(struct machine *m, uint64_t address, uint32_t data);
	void (*irq_routes)(struct machine *m, const struct irq_route routes[IRQ_PINS]);
	/* The guest did what ends or resets it. */
	void (*guest_end)(struct machine *m, enum end_reason reason, uint8_t status);
};

enum machine_run {
	MACHINE_HOLD, /* no vCPU runs, or each is on its way out */
	MACHINE_GO,
	MACHINE_QUIT,
};

struct machine_end {
	enum end_reason reason; /* END_REASON_NONE while the guest lives */
	uint8_t status;
	bool on_purpose;  /* a triple fault meant as a reset, as Linux's reboot=t */
	char detail[256]; /* "" or a sentence */
};

struct machine {
	const struct machine_ops *ops;
	const struct vm_definition *definition; /* borrowed */
	struct vm_kvm vm;
	struct guest_memory memory;
	struct bus ports, mmio;
	struct device *devices[MACHINE_DEVICES_MAX]; /* owned */
	size_t n_devices;
	struct device *ioapic, *pm; /* of `devices` */
	struct console *console;    /* borrowed */
	struct guest_clock clock;   /* changed with no vCPU running */
	uint64_t kvmclock;	    /* while held: what KVM's clock showed */
	bool time_held;		    /* ... and whether there is such a value */
	struct vcpu *vcpus;	    /* owned */
	unsigned n_vcpus;
	struct vcpu_state *pristine; /* owned: vCPU 0 as KVM made it */

	_Atomic int run; /* enum machine_run, changed under run_lock */
	pthread_mutex_t run_lock;
	pthread_cond_t run_cond;    /* `run` changed, or running fell to 0 */
	unsigned running;	    /* vCPU threads inside the run loop */
	struct machine_end end;	    /* under run_lock */
	void (*ended)(void *owner); /* from any thread: look at `end` */
	void *owner;		    /* borrowed */
};

struct machine_config {
	const struct vm_definition *definition; /* borrowed, outlives the machine */
	int kvm;				/* borrowed: /dev/kvm */
	struct console *console;		/* borrowed */
	void (*ended)(void *owner);
	void *owner;
};

/* A machine after power-on: threads made, held, no kernel loaded. NULL and *e. */
struct machine *machine_new(const struct machine_config *config, struct err **e);
/* Ends the threads. NULL is allowed. */
void machine_free(struct machine *m);
AUTOPTR(machine, machine_free);

/* Load what `request` names (its memory, RAM size and RSDP are filled in here) and
 * point vCPU 0 at it. Only while held. */
int machine_boot(struct machine *m, struct boot_request *request, struct err **e);
/* Everything but RAM back to power-on. Only while held; forgets `end`. */
int machine_reset(struct machine *m, struct err **e);

/* Let the vCPUs run; guest time goes on. */
int machine_go(struct machine *m, struct err **e);
/* Stop them and guest time; no vCPU runs on return. Again is harmless. */
void machine_hold(struct machine *m);
/* How the guest ended, if it did. From any thread. */
struct machine_end machine_end_get(struct machine *m);
/* End the guest: the first reason stays. From any thread, never waits. */
void machine_end(struct machine *m, enum end_reason reason, uint8_t status,
		 const char *fmt, ...) PRINTF(4, 5);
/* The same for a triple fault. */
void machine_triple_fault(struct machine *m, bool on_purpose);
/* A device's way to say it. */
static inline void machine_guest_end(struct machine *m, enum end_reason reason,
				     uint8_t status)
{
	m->ops->guest_end(m, reason, status);
}

/* All but RAM as a state stream, and back into a fresh machine of the same
 * definition whose RAM the caller filled. Only while held. */
int machine_save(struct machine *m, struct str *out, struct err **e);
int machine_load(struct machine *m, struct span stream, struct err **e);

/* For vCPU threads: wait until the vCPUs may run; false when the thread is to end. */
bool machine_vcpu_enter(struct machine *m, struct vcpu *v);
void machine_vcpu_leave(struct machine *m);
/* Tell the vCPU threads to end; does not wait. For machine_free(). */
void machine_quit(struct machine *m);

/* device_list.c: make the devices that the definition asks for. */
int machine_add_devices(struct machine *m, struct err **e);

#endif
