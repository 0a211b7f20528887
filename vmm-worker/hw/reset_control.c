/*
 * vmm-worker/hw/reset_control.c - the reset control register, port 0xcf9
 *
 * As in ICH9 (datasheet 13.7.5): bit 2 going from 0 to 1 resets, bit 1 tells a
 * hard reset from an INIT of the processor, bit 3 asks for a power cycle. A guest
 * writes 0x02 then 0x06, or 0x0e at once; all of them reset the whole machine,
 * as direct boot has no firmware that an INIT could enter.
 *
 * The register is there for bytes alone: four bytes at 0xcf8 are PCI's address
 * register, where a guest that looks for PCI writes a bus, device and function. There
 * is no PCI, but such a write must not reset.
 */
#include "vmm-worker/hw/hw.h"
#include "vmm-worker/machine.h"

#define PCI_ADDRESS_PORT 0xcf8
#define PCI_ADDRESS_SIZE 4
#define RESET_OFFSET 1 /* port 0xcf9 */
#define RST_CPU 0x04
#define RST_BITS 0x0a /* SYS_RST and FULL_RST keep what was written */

struct reset_control {
	struct device dev;
	uint8_t value;
};

static uint64_t reset_read(struct device *dev, uint64_t offset, unsigned size)
{
	struct reset_control *r = container_of(dev, struct reset_control, dev);

	if (offset != RESET_OFFSET || size != 1)
		return UINT64_MAX;
	pthread_mutex_lock(&dev->lock);

	uint8_t value = r->value;

	pthread_mutex_unlock(&dev->lock);
	return value;
}

static void reset_write(struct device *dev, uint64_t offset, unsigned size,
			uint64_t value)
{
	struct reset_control *r = container_of(dev, struct reset_control, dev);

	if (offset != RESET_OFFSET || size != 1)
		return;
	pthread_mutex_lock(&dev->lock);

	bool fires = (value & RST_CPU) && !(r->value & RST_CPU);

	r->value = (uint8_t)(value & (RST_BITS | RST_CPU));
	pthread_mutex_unlock(&dev->lock);
	if (fires)
		machine_guest_end(dev->machine, END_REASON_GUEST_RESET, 0);
}

static const struct bus_ops reset_ops = {
	.read = reset_read,
	.write = reset_write,
	.width = PCI_ADDRESS_SIZE,
};

static int reset_attach(struct device *dev, struct err **e)
{
	struct bus_region r = { PCI_ADDRESS_PORT, PCI_ADDRESS_SIZE, &reset_ops, dev };

	return bus_add(&dev->machine->ports, &r, e);
}

static void reset_reset(struct device *dev)
{
	container_of(dev, struct reset_control, dev)->value = 0;
}

static int reset_loaded(struct device *dev, struct err **e)
{
	struct reset_control *r = container_of(dev, struct reset_control, dev);

	if (r->value & ~(RST_BITS | RST_CPU))
		return err_set(e, ERR_INVALID_PARAMS, "reset control holds 0x%02x",
			       r->value);
	return 0;
}

static const struct state_field reset_fields[] = {
	STATE_FIELD(1, STATE_U8, struct reset_control, value),
};

const struct device_type device_reset_control = {
	.name = "reset-control",
	.state = { reset_fields, COUNT(reset_fields), 1 },
	.size = sizeof(struct reset_control),
	.attach = reset_attach,
	.reset = reset_reset,
	.loaded = reset_loaded,
};
