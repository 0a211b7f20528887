/*
 * vmm-worker/hw/ioapic.c - the I/O APIC: 24 pins become messages
 *
 * Intel 82093AA with the EOI register of version 0x20. An interrupt leaves as a
 * message to KVM's local APICs (split irqchip); KVM tells us of the end of a
 * level-triggered one by an exit, for which it must know where our pins lead:
 * irq_routes_changed() whenever an unmasked pin leads elsewhere.
 *
 * An edge on a masked pin is lost, as the datasheet has it (MASK bit); a level
 * that stands on a pin is delivered when the pin is unmasked or the last one ended.
 */
#include "vmm-worker/hw/hw.h"
#include "vmm-worker/machine.h"

#define IOAPIC_SIZE 0x1000
#define IOAPIC_VERSION 0x20

#define IOREGSEL 0x00
#define IOWIN 0x10
#define IOEOI 0x40

#define REG_ID 0x00
#define REG_VERSION 0x01
#define REG_ARBITRATION 0x02
#define REG_TABLE 0x10

#define RTE_VECTOR 0xffull
#define RTE_MODE(e) (((e) >> 8) & 7)
#define RTE_LOGICAL (1ull << 11)
#define RTE_REMOTE_IRR (1ull << 14)
#define RTE_LEVEL (1ull << 15)
#define RTE_MASKED (1ull << 16)
#define RTE_DEST(e) ((e) >> 56)
/* Vector, mode, destination mode, polarity, trigger, mask, destination. */
#define RTE_WRITABLE 0xff0000000001afffull
#define RTE_READ_ONLY RTE_REMOTE_IRR

#define MODE_EXTINT 7

struct ioapic {
	struct device dev;
	uint8_t id;
	uint8_t select;
	uint32_t lines; /* level of each pin */
	uint64_t rte[IRQ_PINS];
	struct irq_route routes[IRQ_PINS]; /* what KVM was last told */
};

/* The message of a redirection entry (SDM vol. 3 §11.11). */
static struct irq_route route_of(uint64_t rte)
{
	struct irq_route r = { .used = true };

	r.address = MAP_LAPIC | (RTE_DEST(rte) << 12);
	if (rte & RTE_LOGICAL)
		r.address |= 1u << 2;
	r.data = (uint32_t)((rte & RTE_VECTOR) | (RTE_MODE(rte) << 8));
	if (rte & RTE_LEVEL)
		r.data |= 1u << 15 | 1u << 14;
	return r;
}

static bool same_route(const struct irq_route *a, const struct irq_route *b)
{
	return a->used == b->used && a->address == b->address && a->data == b->data;
}

/* KVM keeps routes of masked pins too: an EOI may still be due. */
static void update_route(struct ioapic *io, unsigned pin)
{
	struct irq_route r = route_of(io->rte[pin]);

	if ((io->rte[pin] & RTE_MASKED) || same_route(&io->routes[pin], &r))
		return;
	io->routes[pin] = r;
	irq_routes_changed(io->dev.machine, io->routes);
}

/* Send the pin's interrupt, unless it is masked or the last has not ended. */
static void deliver(struct ioapic *io, unsigned pin)
{
	uint64_t rte = io->rte[pin];

	/* There is no PIC whose vector an ExtINT could ask for. */
	if ((rte & RTE_MASKED) || RTE_MODE(rte) == MODE_EXTINT)
		return;
	if (rte & RTE_LEVEL) {
		if (rte & RTE_REMOTE_IRR)
			return;
		io->rte[pin] |= RTE_REMOTE_IRR;
	}

	struct irq_route r = route_of(rte);

	msi_send(io->dev.machine, r.address, r.data);
}

static bool line_of(const struct ioapic *io, unsigned pin)
{
	return io->lines & (1u << pin);
}

void ioapic_line(struct device *dev, unsigned pin, bool level)
{
	struct ioapic *io = container_of(dev, struct ioapic, dev);

	pthread_mutex_lock(&dev->lock);

	bool rises = level && !line_of(io, pin);

	if (level)
		io->lines |= 1u << pin;
	else
		io->lines &= ~(1u << pin);
	if (rises)
		deliver(io, pin);
	pthread_mutex_unlock(&dev->lock);
}

static void end_of_interrupt(struct ioapic *io, uint8_t vector)
{
	for (unsigned pin = 0; pin < IRQ_PINS; pin++) {
		uint64_t rte = io->rte[pin];

		if (!(rte & RTE_REMOTE_IRR) || (rte & RTE_VECTOR) != vector)
			continue;
		io->rte[pin] &= ~RTE_REMOTE_IRR;
		if ((rte & RTE_LEVEL) && line_of(io, pin))
			deliver(io, pin);
	}
}

void ioapic_eoi(struct device *dev, uint8_t vector)
{
	pthread_mutex_lock(&dev->lock);
	end_of_interrupt(container_of(dev, struct ioapic, dev), vector);
	pthread_mutex_unlock(&dev->lock);
}

static void write_entry(struct ioapic *io, unsigned pin, bool high, uint32_t value)
{
	uint64_t *rte = &io->rte[pin];
	uint64_t new = high ? (*rte & 0xffffffffu) | (uint64_t)value << 32
			    : (*rte & ~0xffffffffull) | value;

	*rte = (new &RTE_WRITABLE) | (*rte & RTE_READ_ONLY);
	/* A pin switched to edge forgets what it waits for; Linux ends an
	 * interrupt in this way where there is no EOI register. */
	if (!(*rte & RTE_LEVEL))
		*rte &= ~RTE_REMOTE_IRR;
	update_route(io, pin);
	if ((*rte & RTE_LEVEL) && line_of(io, pin))
		deliver(io, pin);
}

static uint32_t read_window(const struct ioapic *io)
{
	unsigned entry = io->select - REG_TABLE;

	switch (io->select) {
	case REG_ID:
	case REG_ARBITRATION:
		return (uint32_t)io->id << 24;
	case REG_VERSION:
		return IOAPIC_VERSION | (IRQ_PINS - 1) << 16;
	default:
		if (io->select < REG_TABLE || entry / 2 >= IRQ_PINS)
			return 0;
		return (uint32_t)(io->rte[entry / 2] >> (entry % 2 * 32));
	}
}

static void write_window(struct ioapic *io, uint32_t value)
{
	unsigned entry = io->select - REG_TABLE;

	if (io->select == REG_ID)
		io->id = (value >> 24) & 0x0f;
	else if (io->select >= REG_TABLE && entry / 2 < IRQ_PINS)
		write_entry(io, entry / 2, entry % 2, value);
}

static uint64_t ioapic_read(struct device *dev, uint64_t offset, unsigned size)
{
	struct ioapic *io = container_of(dev, struct ioapic, dev);
	uint32_t value = 0;

	pthread_mutex_lock(&dev->lock);
	if (offset == IOREGSEL)
		value = io->select;
	else if (offset == IOWIN && size == 4)
		value = read_window(io);
	pthread_mutex_unlock(&dev->lock);
	return value;
}

static void ioapic_write(struct device *dev, uint64_t offset, unsigned size,
			 uint64_t value)
{
	struct ioapic *io = container_of(dev, struct ioapic, dev);

	pthread_mutex_lock(&dev->lock);
	if (offset == IOREGSEL)
		io->select = (uint8_t)value;
	else if (offset == IOWIN && size == 4)
		write_window(io, (uint32_t)value);
	else if (offset == IOEOI && size == 4)
		end_of_interrupt(io, (uint8_t)value);
	pthread_mutex_unlock(&dev->lock);
}

static const struct bus_ops ioapic_ops = {
	.read = ioapic_read,
	.write = ioapic_write,
	.width = 4,
};

static int ioapic_attach(struct device *dev, struct err **e)
{
	struct bus_region r = { MAP_IOAPIC, IOAPIC_SIZE, &ioapic_ops, dev };

	return bus_add(&dev->machine->mmio, &r, e);
}

static void ioapic_reset(struct device *dev)
{
	struct ioapic *io = container_of(dev, struct ioapic, dev);

	/* The lines are the devices': each sets its own in its reset. */
	io->id = 0;
	io->select = 0;
	for (unsigned pin = 0; pin < IRQ_PINS; pin++)
		io->rte[pin] = RTE_MASKED;
}

static int ioapic_loaded(struct device *dev, struct err **e)
{
	struct ioapic *io = container_of(dev, struct ioapic, dev);

	if (io->lines >> IRQ_PINS)
		return err_set(e, ERR_INVALID_PARAMS, "lines 0x%08x are too many",
			       io->lines);
	for (unsigned pin = 0; pin < IRQ_PINS; pin++)
		if ((io->rte[pin] & ~(RTE_WRITABLE | RTE_READ_ONLY)) ||
		    ((io->rte[pin] & RTE_REMOTE_IRR) && !(io->rte[pin] & RTE_LEVEL)))
			return err_set(e, ERR_INVALID_PARAMS,
				       "pin %u has entry 0x%016llx", pin,
				       (unsigned long long)io->rte[pin]);
	/* Routes of masked pins are not saved: one that waits for its end has its
	 * message still in the entry. */
	for (unsigned pin = 0; pin < IRQ_PINS; pin++) {
		uint64_t rte = io->rte[pin];

		io->routes[pin] = route_of(rte);
		io->routes[pin].used = !(rte & RTE_MASKED) || (rte & RTE_REMOTE_IRR);
	}
	irq_routes_changed(dev->machine, io->routes);
	return 0;
}

static const struct state_field ioapic_fields[] = {
	STATE_FIELD(1, STATE_U8, struct ioapic, id),
	STATE_FIELD(2, STATE_U8, struct ioapic, select),
	STATE_FIELD(3, STATE_U32, struct ioapic, lines),
	STATE_ARRAY(4, STATE_U64, struct ioapic, rte),
};

const struct device_type device_ioapic = {
	.name = "ioapic",
	.state = { ioapic_fields, COUNT(ioapic_fields), 1 },
	.size = sizeof(struct ioapic),
	.attach = ioapic_attach,
	.reset = ioapic_reset,
	.loaded = ioapic_loaded,
};
