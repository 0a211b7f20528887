/*
 * vmm-worker/hw/debug_exit.c - end the VM with a status byte
 *
 * For test guests, and there only if the definition asks for it: a byte written
 * to port 0xf4 ends the VM with reason debug-exit. It has no state.
 */
#include "vmm-worker/hw/hw.h"
#include "vmm-worker/machine.h"

#define DEBUG_EXIT_PORT 0xf4

static uint64_t debug_exit_read(struct device *dev, uint64_t offset, unsigned size)
{
	return 0;
}

static void debug_exit_write(struct device *dev, uint64_t offset, unsigned size,
			     uint64_t value)
{
	machine_guest_end(dev->machine, END_REASON_DEBUG_EXIT, (uint8_t)value);
}

static const struct bus_ops debug_exit_ops = {
	.read = debug_exit_read,
	.write = debug_exit_write,
	.width = 1,
};

static int debug_exit_attach(struct device *dev, struct err **e)
{
	struct bus_region r = { DEBUG_EXIT_PORT, 1, &debug_exit_ops, dev };

	return bus_add(&dev->machine->ports, &r, e);
}

static void debug_exit_reset(struct device *dev)
{
}

const struct device_type device_debug_exit = {
	.name = "debug-exit",
	.state = { .version = 1 },
	.size = sizeof(struct device),
	.attach = debug_exit_attach,
	.reset = debug_exit_reset,
};
