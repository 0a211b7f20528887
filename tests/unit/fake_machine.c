/*
 * tests/unit/fake_machine.c - a machine without KVM, for tests of devices
 */
#include "tests/unit/fake_machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/mem.h"
#include "schema/console_ring.h"

static struct fake_machine *fake_of(struct machine *m)
{
	return container_of(m, struct fake_machine, m);
}

static void fake_line(struct machine *m, unsigned gsi, bool level)
{
	struct fake_machine *f = fake_of(m);

	if (m->ioapic)
		ioapic_line(m->ioapic, gsi, level);
	f->rises[gsi] += level && !f->level[gsi];
	f->level[gsi] = level;
}

static void fake_msi(struct machine *m, uint64_t address, uint32_t data)
{
	struct fake_machine *f = fake_of(m);

	if (f->n_msis < FAKE_MSIS_MAX) {
		f->msis[f->n_msis].address = address;
		f->msis[f->n_msis].data = data;
	}
	f->n_msis++;
}

static void fake_routes(struct machine *m, const struct irq_route routes[IRQ_PINS])
{
	struct fake_machine *f = fake_of(m);

	memcpy(f->routes, routes, sizeof(f->routes));
	f->n_routes++;
}

static void fake_end(struct machine *m, enum end_reason reason, uint8_t status)
{
	struct fake_machine *f = fake_of(m);

	if (!f->n_ends++)
		f->end = (struct machine_end){ .reason = reason, .status = status };
}

static const struct machine_ops fake_ops = {
	.irq_line = fake_line,
	.msi_send = fake_msi,
	.irq_routes = fake_routes,
	.guest_end = fake_end,
};

void fake_machine_init(struct fake_machine *f)
{
	*f = (struct fake_machine){ 0 };
	f->m.ops = &fake_ops;
	f->m.definition = &f->definition;
	f->m.console = &f->console;
	bus_init(&f->m.ports, "port");
	bus_init(&f->m.mmio, "memory");
	console_init(&f->console, mem_new(struct console_ring),
		     eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

void fake_machine_fini(struct fake_machine *f)
{
	for (size_t i = 0; i < f->m.n_devices; i++)
		device_free(f->m.devices[i]);
	free(f->console.ring);
	close(f->console.kick);
	console_fini(&f->console);
}

struct device *fake_machine_add(struct fake_machine *f, const struct device_type *type,
				const char *name)
{
	struct device *dev = device_new(type, name, &f->m, NULL);

	if (!dev)
		abort();
	f->m.devices[f->m.n_devices++] = dev;
	if (type == &device_ioapic)
		f->m.ioapic = dev;
	return dev;
}

const char *fake_machine_output(struct fake_machine *f)
{
	static char text[4096];
	uint64_t pos = 0, lost = 0;

	text[console_ring_read(f->console.ring, &pos, text, sizeof(text) - 1, &lost)] =
		'\0';
	return text;
}

uint64_t fake_in(struct fake_machine *f, uint16_t port, unsigned size)
{
	return bus_read(&f->m.ports, port, size);
}

void fake_out(struct fake_machine *f, uint16_t port, unsigned size, uint64_t value)
{
	bus_write(&f->m.ports, port, size, value);
}

static void save_one(struct device *dev, struct str *out)
{
	state_begin(out);
	device_save(dev, out);
	state_end(out);
}

static int load_one(struct device *dev, const struct str *stream)
{
	struct span bytes = { (const uint8_t *)stream->data, stream->len };
	struct state_reader reader;
	struct state_section section;

	if (state_reader_init(&reader, bytes, NULL) < 0 ||
	    state_next(&reader, &section, NULL) != 1)
		return -1;
	return device_load(dev, &section, NULL);
}

int fake_round_trip(struct device *dev)
{
	struct fake_machine other;
	autofini(str) before = { 0 };
	autofini(str) after = { 0 };
	struct device *copy;
	int rc;

	fake_machine_init(&other);
	other.m.clock = dev->machine->clock;
	copy = fake_machine_add(&other, dev->type, dev->name);
	save_one(dev, &before);
	rc = load_one(copy, &before);
	save_one(copy, &after);
	if (rc == 0 && (before.len != after.len ||
			memcmp(before.data, after.data, before.len) != 0))
		rc = 1;
	fake_machine_fini(&other);
	return rc;
}

int fake_load_bytes(struct device *dev, const uint8_t *bytes, size_t len)
{
	const struct state_table *table = &dev->type->state;
	size_t at = 0;
	int rc;

	pthread_mutex_lock(&dev->lock);
	for (size_t i = 0; i < table->n_fields; i++) {
		const struct state_field *f = &table->fields[i];
		uint8_t *to = (uint8_t *)dev + f->offset;

		for (size_t n = 0; n < f->size * f->count; n++, at++)
			to[n] = len ? bytes[at % len] : 0;
		if (f->kind == STATE_BOOL)
			*to &= 1;
	}
	rc = dev->type->loaded ? dev->type->loaded(dev, NULL) : 0;
	pthread_mutex_unlock(&dev->lock);
	return rc;
}
