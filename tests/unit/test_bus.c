/*
 * tests/unit/test_bus.c - port and memory buses
 */
#include "tests/unit/test.h"

#include "vmm-worker/bus.h"
#include "vmm-worker/device.h"

struct probe {
	struct device dev;
	uint64_t offset, value;
	unsigned size, calls;
};

static uint64_t probe_read(struct device *dev, uint64_t offset, unsigned size)
{
	struct probe *p = container_of(dev, struct probe, dev);

	p->offset = offset;
	p->size = size;
	p->calls++;
	return 0x1122334455667788ull >> (offset % 8 * 8);
}

static void probe_write(struct device *dev, uint64_t offset, unsigned size,
			uint64_t value)
{
	struct probe *p = container_of(dev, struct probe, dev);

	p->offset = offset;
	p->size = size;
	p->value = value;
	p->calls++;
}

static const struct bus_ops wide = { probe_read, probe_write, 8 };
static const struct bus_ops narrow = { probe_read, probe_write, 1 };

static int add(struct bus *b, uint64_t start, uint64_t size, const struct bus_ops *ops,
	       struct probe *p)
{
	struct bus_region r = { start, size, ops, &p->dev };

	return bus_add(b, &r, NULL);
}

static void what_nobody_claims_reads_as_ones(void)
{
	struct bus b;

	bus_init(&b, "port");
	T_EQ(bus_read(&b, 0x70, 1), 0xff);
	T_EQ(bus_read(&b, 0xcf8, 4), 0xffffffff);
	T_OK(bus_read(&b, 0xe0000000, 8) == UINT64_MAX);
	bus_write(&b, 0x80, 1, 1);
}

static void each_region_gets_its_own_accesses(void)
{
	struct probe p[5] = { 0 };
	struct bus b;

	bus_init(&b, "port");
	/* Added out of order, with gaps and without. */
	static const uint64_t starts[] = { 0x600, 0x3f8, 0xcf9, 0x400, 0x608 };

	for (int i = 0; i < 5; i++)
		T_EQ(add(&b, starts[i], 8, &wide, &p[i]), 0);
	for (int i = 0; i < 5; i++) {
		bus_write(&b, starts[i] + 3, 2, 0xabcd);
		T_EQ(p[i].calls, 1);
		T_EQ(p[i].offset, 3);
		T_EQ(p[i].size, 2);
		T_EQ(p[i].value, 0xabcd);
	}
	T_EQ(bus_read(&b, 0x3f7, 1), 0xff);
	T_EQ(bus_read(&b, 0x408, 1), 0xff);
	T_EQ(bus_read(&b, 0xcf8, 1), 0xff);
}

static void an_access_wider_than_a_register_comes_in_pieces(void)
{
	struct probe p = { 0 };
	struct bus b;

	bus_init(&b, "port");
	T_EQ(add(&b, 0x3f8, 8, &narrow, &p), 0);
	T_EQ(bus_read(&b, 0x3f8, 4), 0x55667788);
	T_EQ(p.calls, 4);
	T_EQ(p.size, 1);
}

static void an_access_over_the_end_reaches_only_what_is_inside(void)
{
	struct probe p = { 0 };
	struct bus b;

	bus_init(&b, "port");
	T_EQ(add(&b, 0x100, 8, &wide, &p), 0);
	T_EQ(bus_read(&b, 0x107, 2), 0xff11);
	T_EQ(p.offset, 7);
	T_EQ(p.size, 1);
	T_EQ(bus_read(&b, 0xff, 2), 0x88ff);
	bus_write(&b, 0x105, 8, 0x0102030405060708ull);
	T_EQ(p.offset, 7);
	T_EQ(p.value, 0x06);
}

static void two_devices_cannot_have_one_address(void)
{
	struct probe p = { 0 };
	struct bus b;

	bus_init(&b, "memory");
	T_EQ(add(&b, 0x1000, 0x1000, &wide, &p), 0);
	T_EQ(add(&b, 0x1fff, 1, &wide, &p), -1);
	T_EQ(add(&b, 0xfff, 2, &wide, &p), -1);
	T_EQ(add(&b, 0, 0x10000, &wide, &p), -1);
	T_EQ(add(&b, 0x1000, 0x1000, &wide, &p), -1);
	T_EQ(add(&b, 0x2000, 1, &wide, &p), 0);
	T_EQ(add(&b, 0xfff, 1, &wide, &p), 0);
}

static void a_full_bus_refuses_more(void)
{
	struct probe p = { 0 };
	struct bus b;

	bus_init(&b, "port");
	for (unsigned i = 0; i < BUS_REGIONS_MAX; i++)
		T_EQ(add(&b, i * 8, 8, &wide, &p), 0);
	T_EQ(add(&b, 0x8000, 8, &wide, &p), -1);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(what_nobody_claims_reads_as_ones),
		T_CASE(each_region_gets_its_own_accesses),
		T_CASE(an_access_wider_than_a_register_comes_in_pieces),
		T_CASE(an_access_over_the_end_reaches_only_what_is_inside),
		T_CASE(two_devices_cannot_have_one_address),
		T_CASE(a_full_bus_refuses_more),
	};

	return T_RUN(cases);
}
