/*
 * vmm-worker/hw/pvpanic.c - the guest says that its kernel panicked
 *
 * QEMU's pvpanic device (docs/specs/pvpanic) on port 0x505: a read tells which events
 * are understood, a write of a panic ends the VM. Linux, Windows and the BSDs have the
 * driver. It has no state. A kernel that was loaded for a crash dump may go on.
 */
#include "vmm-worker/hw/hw.h"
#include "vmm-worker/machine.h"

#define PVPANIC_PORT 0x505 /* also in acpi/dsdt.asl */

#define PVPANIC_PANICKED 0x01
#define PVPANIC_CRASH_LOADED 0x02 /* a crash kernel takes over: not the end */

static uint64_t pvpanic_read(struct device *dev, uint64_t offset, unsigned size)
{
	return PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

static void pvpanic_write(struct device *dev, uint64_t offset, unsigned size,
			  uint64_t value)
{
	if (value & PVPANIC_PANICKED)
		machine_guest_end(dev->machine, END_REASON_PANIC, 0);
}

static const struct bus_ops pvpanic_ops = {
	.read = pvpanic_read,
	.write = pvpanic_write,
	.width = 1,
};

static int pvpanic_attach(struct device *dev, struct err **e)
{
	struct bus_region r = { PVPANIC_PORT, 1, &pvpanic_ops, dev };

	return bus_add(&dev->machine->ports, &r, e);
}

static void pvpanic_reset(struct device *dev)
{
}

const struct device_type device_pvpanic = {
	.name = "pvpanic",
	.state = { .version = 1 },
	.size = sizeof(struct device),
	.attach = pvpanic_attach,
	.reset = pvpanic_reset,
};
