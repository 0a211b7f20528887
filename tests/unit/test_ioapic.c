/*
 * tests/unit/test_ioapic.c - pins, masks, levels and their ends
 */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "tests/unit/fake_machine.h"

#define SELECT 0xfec00000ull
#define WINDOW 0xfec00010ull
#define EOI 0xfec00040ull

#define LEVEL 0x8000u
#define MASKED 0x10000u
#define REMOTE_IRR 0x4000u

static struct device *setup(struct fake_machine *f)
{
	fake_machine_init(f);
	return fake_machine_add(f, &device_ioapic, "ioapic0");
}

static uint32_t reg_get(struct fake_machine *f, unsigned reg)
{
	bus_write(&f->m.mmio, SELECT, 4, reg);
	return (uint32_t)bus_read(&f->m.mmio, WINDOW, 4);
}

static void reg_set(struct fake_machine *f, unsigned reg, uint32_t value)
{
	bus_write(&f->m.mmio, SELECT, 4, reg);
	bus_write(&f->m.mmio, WINDOW, 4, value);
}

/* Vector 0x40 + pin for the APIC `dest`. */
static void pin_set(struct fake_machine *f, unsigned pin, uint32_t flags, unsigned dest)
{
	reg_set(f, 0x10 + pin * 2 + 1, dest << 24);
	reg_set(f, 0x10 + pin * 2, (0x40 + pin) | flags);
}

static void it_has_24_masked_pins_after_reset(void)
{
	struct fake_machine f;

	setup(&f);
	T_EQ(reg_get(&f, 1), 0x00170020);
	for (unsigned pin = 0; pin < 24; pin++) {
		T_EQ(reg_get(&f, 0x10 + pin * 2), MASKED);
		T_EQ(reg_get(&f, 0x11 + pin * 2), 0);
		irq_line(&f.m, pin, true);
	}
	T_EQ(reg_get(&f, 0x40), 0);
	T_EQ(f.n_msis, 0);
	fake_machine_fini(&f);
}

static void an_edge_becomes_one_message(void)
{
	struct fake_machine f;

	setup(&f);
	pin_set(&f, 4, 0, 3);
	irq_line(&f.m, 4, true);
	irq_line(&f.m, 4, true);
	T_EQ(f.n_msis, 1);
	T_EQ(f.msis[0].address, 0xfee03000);
	T_EQ(f.msis[0].data, 0x44);
	irq_line(&f.m, 4, false);
	irq_line(&f.m, 4, true);
	T_EQ(f.n_msis, 2);
	fake_machine_fini(&f);
}

static void logical_destinations_and_modes_reach_the_message(void)
{
	struct fake_machine f;

	setup(&f);
	pin_set(&f, 5, 0x0900, 0xff); /* logical, lowest priority */
	irq_line(&f.m, 5, true);
	T_EQ(f.msis[0].address, 0xfeeff004);
	T_EQ(f.msis[0].data, 0x145);
	fake_machine_fini(&f);
}

static void an_edge_on_a_masked_pin_is_lost(void)
{
	struct fake_machine f;

	setup(&f);
	pin_set(&f, 4, MASKED, 0);
	irq_line(&f.m, 4, true);
	pin_set(&f, 4, 0, 0);
	T_EQ(f.n_msis, 0);
	irq_line(&f.m, 4, false);
	irq_line(&f.m, 4, true);
	T_EQ(f.n_msis, 1);
	fake_machine_fini(&f);
}

static void a_level_on_a_masked_pin_waits(void)
{
	struct fake_machine f;

	setup(&f);
	pin_set(&f, 9, LEVEL | MASKED, 0);
	irq_line(&f.m, 9, true);
	T_EQ(f.n_msis, 0);
	pin_set(&f, 9, LEVEL, 0);
	T_EQ(f.n_msis, 1);
	T_EQ(f.msis[0].data, 0xc049);
	T_EQ(reg_get(&f, 0x22) & REMOTE_IRR, REMOTE_IRR);
	fake_machine_fini(&f);
}

static void a_level_comes_again_only_after_its_end(void)
{
	struct fake_machine f;
	struct device *dev = setup(&f);

	pin_set(&f, 9, LEVEL, 0);
	irq_line(&f.m, 9, true);
	irq_line(&f.m, 9, false);
	irq_line(&f.m, 9, true);
	T_EQ(f.n_msis, 1);
	ioapic_eoi(dev, 0x48); /* somebody else's */
	T_EQ(f.n_msis, 1);
	ioapic_eoi(dev, 0x49); /* still asserted */
	T_EQ(f.n_msis, 2);
	irq_line(&f.m, 9, false);
	ioapic_eoi(dev, 0x49);
	T_EQ(f.n_msis, 2);
	T_EQ(reg_get(&f, 0x22) & REMOTE_IRR, 0);
	fake_machine_fini(&f);
}

static void the_eoi_register_ends_an_interrupt_too(void)
{
	struct fake_machine f;

	setup(&f);
	pin_set(&f, 9, LEVEL, 0);
	irq_line(&f.m, 9, true);
	bus_write(&f.m.mmio, EOI, 4, 0x49);
	T_EQ(f.n_msis, 2);
	fake_machine_fini(&f);
}

static void the_guest_cannot_write_remote_irr(void)
{
	struct fake_machine f;

	setup(&f);
	pin_set(&f, 9, LEVEL | REMOTE_IRR, 0);
	T_EQ(reg_get(&f, 0x22) & REMOTE_IRR, 0);
	irq_line(&f.m, 9, true);
	pin_set(&f, 9, LEVEL | MASKED, 0);
	T_EQ(reg_get(&f, 0x22) & REMOTE_IRR, REMOTE_IRR);
	pin_set(&f, 9, MASKED, 0); /* edge: forgets it */
	T_EQ(reg_get(&f, 0x22) & REMOTE_IRR, 0);
	fake_machine_fini(&f);
}

static void kvm_hears_where_unmasked_pins_lead(void)
{
	struct fake_machine f;

	setup(&f);
	pin_set(&f, 9, LEVEL | MASKED, 2);
	T_EQ(f.n_routes, 0);
	pin_set(&f, 9, LEVEL, 2);
	T_EQ(f.n_routes, 1);
	T_OK(f.routes[9].used);
	T_EQ(f.routes[9].address, 0xfee02000);
	T_EQ(f.routes[9].data, 0xc049);
	/* Masking and unmasking is what drivers do most: it costs nothing. */
	pin_set(&f, 9, LEVEL | MASKED, 2);
	pin_set(&f, 9, LEVEL, 2);
	T_EQ(f.n_routes, 1);
	fake_machine_fini(&f);
}

static void state_survives_a_round_trip(void)
{
	struct fake_machine f;
	struct device *dev = setup(&f);

	srand(2);
	for (int i = 0; i < 2000; i++) {
		reg_set(&f, (unsigned)rand() % 0x48, (uint32_t)rand() * 2654435761u);
		irq_line(&f.m, (unsigned)rand() % 24, rand() & 1);
		T_EQ(fake_round_trip(dev), 0);
	}
	fake_machine_fini(&f);
}

static void impossible_states_are_refused(void)
{
	struct fake_machine f;
	struct device *dev = setup(&f);
	uint8_t too_many_lines[6 + 24 * 8] = { [5] = 0x80 };
	uint8_t edge_waits[6 + 24 * 8] = { [7] = 0x40 };

	T_EQ(fake_load_bytes(dev, too_many_lines, sizeof(too_many_lines)), -1);
	T_EQ(fake_load_bytes(dev, edge_waits, sizeof(edge_waits)), -1);
	edge_waits[7] = 0xc0;
	T_EQ(fake_load_bytes(dev, edge_waits, sizeof(edge_waits)), 0);
	fake_machine_fini(&f);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(it_has_24_masked_pins_after_reset),
		T_CASE(an_edge_becomes_one_message),
		T_CASE(logical_destinations_and_modes_reach_the_message),
		T_CASE(an_edge_on_a_masked_pin_is_lost),
		T_CASE(a_level_on_a_masked_pin_waits),
		T_CASE(a_level_comes_again_only_after_its_end),
		T_CASE(the_eoi_register_ends_an_interrupt_too),
		T_CASE(the_guest_cannot_write_remote_irr),
		T_CASE(kvm_hears_where_unmasked_pins_lead),
		T_CASE(state_survives_a_round_trip),
		T_CASE(impossible_states_are_refused),
	};

	return T_RUN(cases);
}
