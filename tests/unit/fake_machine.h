/*
 * tests/unit/fake_machine.h - a machine without KVM, for tests of devices
 *
 * Its buses are real; interrupts and ends are counted instead of delivered. Time
 * stands still until a test moves it.
 */
#ifndef VX_TESTS_UNIT_FAKE_MACHINE_H
#define VX_TESTS_UNIT_FAKE_MACHINE_H

#include "vmm-worker/hw/hw.h"
#include "vmm-worker/machine.h"

#define FAKE_MSIS_MAX 64

struct fake_machine {
	struct machine m;
	struct vm_definition definition;
	struct console console;
	bool level[IRQ_PINS];
	unsigned rises[IRQ_PINS];
	unsigned n_msis; /* counts on beyond the array */
	struct {
		uint64_t address;
		uint32_t data;
	} msis[FAKE_MSIS_MAX];
	unsigned n_routes; /* how often routes changed */
	struct irq_route routes[IRQ_PINS];
	struct machine_end end;
	unsigned n_ends;
};

/* Lines go to this recorder, or into the machine's IOAPIC once it has one. */
void fake_machine_init(struct fake_machine *f);
void fake_machine_fini(struct fake_machine *f);
/* Attach a device; it is freed with the machine. Fails the test where that fails. */
struct device *fake_machine_add(struct fake_machine *f, const struct device_type *type,
				const char *name);
/* What the console's ring holds, as text that lasts until the next call. */
const char *fake_machine_output(struct fake_machine *f);

uint64_t fake_in(struct fake_machine *f, uint16_t port, unsigned size);
void fake_out(struct fake_machine *f, uint16_t port, unsigned size, uint64_t value);

/*
 * Save `dev`, load into a fresh object of its type and save that: 0 when both
 * streams are equal, -1 when the load failed, 1 when they differ.
 */
int fake_round_trip(struct device *dev);
/* Fill the fields of the state table with `bytes`, which repeat; then the device
 * decides whether that can be: its loaded() is called. 0 or -1. */
int fake_load_bytes(struct device *dev, const uint8_t *bytes, size_t len);

#endif
