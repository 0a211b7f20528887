/*
 * tests/fuzz/fuzz_dev.c - drive one device by accesses and by loaded states
 *
 * What a device must hold to at the end: its state survives a round trip.
 */
#include "tests/fuzz/fuzz_dev.h"

#include <stdlib.h>
#include <string.h>

#define COMMANDS_MAX 512

struct input {
	const uint8_t *data;
	size_t len;
};

static uint32_t take(struct input *in, size_t bytes)
{
	uint32_t value = 0;

	for (size_t i = 0; i < bytes && in->len; i++, in->data++, in->len--)
		value |= (uint32_t)*in->data << (i * 8);
	return value;
}

static void access_window(struct fake_machine *f, const struct fuzz_window *w,
			  struct input *in, bool write)
{
	const struct bus *bus = w->mmio ? &f->m.mmio : &f->m.ports;
	uint64_t addr = w->start + take(in, 2) % w->size;
	unsigned size = 1u << take(in, 1) % 4;

	if (write)
		bus_write(bus, addr, size, (uint64_t)take(in, 4) << 32 | take(in, 4));
	else
		bus_read(bus, addr, size);
}

/* False when the device refused it: a machine is thrown away then. */
static bool load_state(struct device *dev, struct input *in)
{
	size_t want = take(in, 1);
	size_t n = MIN(want, in->len);
	bool taken = fake_load_bytes(dev, in->data, n) == 0;

	in->data += n;
	in->len -= n;
	return taken;
}

/* What else comes from outside: lines and their ends, input, the button, time. */
static void other_event(struct fake_machine *f, struct device *dev, struct input *in)
{
	uint8_t what = (uint8_t)take(in, 1);

	if (dev->type == &device_ioapic) {
		if (what & 1)
			ioapic_eoi(dev, (uint8_t)take(in, 1));
		else
			ioapic_line(dev, take(in, 1) % IRQ_PINS, what & 2);
	} else if (dev->type == &device_ich9_pm) {
		ich9_pm_power_button(dev);
		f->m.clock.time += (uint64_t)take(in, 4) << 8;
	} else if (dev->type == &device_serial16550) {
		int rc = console_input(&f->console, in->data,
				       MIN(in->len, (size_t)what));

		if (rc < 0) /* it reads too slowly: that is its right */
			return;
	}
}

/* One command; false when nothing can follow it. */
static bool command(struct fake_machine *f, struct device *dev,
		    const struct fuzz_window *window, struct input *in)
{
	switch (take(in, 1) % 8) {
	case 0:
		return load_state(dev, in);
	case 1:
		other_event(f, dev, in);
		return true;
	case 2:
	case 3:
		access_window(f, window, in, false);
		return true;
	default:
		access_window(f, window, in, true);
		return true;
	}
}

void fuzz_device(const struct device_type *type, const struct fuzz_window *window,
		 const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct fake_machine f;
	struct device *dev;
	bool going = true;

	fake_machine_init(&f);
	dev = fake_machine_add(&f, type, "fuzzed");
	for (int n = 0; going && n < COMMANDS_MAX && in.len; n++)
		going = command(&f, dev, window, &in);
	if (going && fake_round_trip(dev) != 0)
		abort();
	fake_machine_fini(&f);
}
