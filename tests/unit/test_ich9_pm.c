/*
 * tests/unit/test_ich9_pm.c - power button, sleep, timer, GPE; reset and debug exit
 */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "tests/unit/fake_machine.h"

#define PM1_STS 0x600
#define PM1_EN 0x602
#define PM1_CNT 0x604
#define PM_TMR 0x608
#define GPE0_STS 0x620
#define GPE0_EN 0x628
#define RESET 0xcf9
#define DEBUG_EXIT 0xf4

static struct device *setup(struct fake_machine *f)
{
	fake_machine_init(f);
	return fake_machine_add(f, &device_ich9_pm, "pm");
}

static void acpi_is_always_on(void)
{
	struct fake_machine f;

	setup(&f);
	T_EQ(fake_in(&f, PM1_CNT, 2), 1);
	fake_out(&f, PM1_CNT, 2, 0);
	T_EQ(fake_in(&f, PM1_CNT, 2), 1);
	fake_machine_fini(&f);
}

static void the_power_button_interrupts_a_guest_that_wants_it(void)
{
	struct fake_machine f;
	struct device *pm = setup(&f);

	fake_out(&f, PM1_EN, 2, 0x100);
	ich9_pm_power_button(pm);
	T_OK(f.level[9]);
	T_EQ(fake_in(&f, PM1_STS, 2), 0x100);
	fake_out(&f, PM1_STS, 2, 0x100);
	T_OK(!f.level[9]);
	T_EQ(fake_in(&f, PM1_STS, 2), 0);
	fake_machine_fini(&f);
}

static void a_press_before_the_guest_listens_is_remembered(void)
{
	struct fake_machine f;
	struct device *pm = setup(&f);

	ich9_pm_power_button(pm);
	T_OK(!f.level[9]);
	fake_out(&f, PM1_EN, 2, 0x100);
	T_OK(f.level[9]);
	fake_machine_fini(&f);
}

static void only_s5_powers_off(void)
{
	struct fake_machine f;

	setup(&f);
	fake_out(&f, PM1_CNT, 2, 0x0001); /* S5's type without SLP_EN */
	fake_out(&f, PM1_CNT, 2, 0x2400); /* SLP_EN with a type that is none */
	T_EQ(f.n_ends, 0);
	fake_out(&f, PM1_CNT, 2, 0x2001);
	T_EQ(f.n_ends, 1);
	T_EQ(f.end.reason, END_REASON_GUEST_POWEROFF);
	/* SLP_EN always reads as 0. */
	T_EQ(fake_in(&f, PM1_CNT, 2), 1);
	fake_machine_fini(&f);
}

static void the_timer_counts_at_its_rate_and_rests_in_a_pause(void)
{
	struct fake_machine f;

	setup(&f);
	T_EQ(fake_in(&f, PM_TMR, 4), 0);
	f.m.clock.time = 1000000000;
	T_EQ(fake_in(&f, PM_TMR, 4), 3579545);
	T_EQ(fake_in(&f, PM_TMR, 4), 3579545);
	guest_clock_start(&f.m.clock);
	while (fake_in(&f, PM_TMR, 4) == 3579545)
		;
	guest_clock_stop(&f.m.clock);
	uint64_t stopped = fake_in(&f, PM_TMR, 4);

	T_OK(stopped > 3579545);
	T_EQ(fake_in(&f, PM_TMR, 4), stopped);
	fake_machine_fini(&f);
}

static void the_timer_carry_is_seen_in_the_status(void)
{
	struct fake_machine f;

	setup(&f);
	f.m.clock.time = 599000000000; /* just before 2^31 ticks */
	T_EQ(fake_in(&f, PM1_STS, 2), 0);
	f.m.clock.time = 600000000000;
	T_EQ(fake_in(&f, PM1_STS, 2), 1);
	fake_out(&f, PM1_STS, 2, 1);
	T_EQ(fake_in(&f, PM1_STS, 2), 0);
	fake_machine_fini(&f);
}

static void enable_bits_hold_and_status_bits_do_not(void)
{
	struct fake_machine f;

	setup(&f);
	fake_out(&f, GPE0_EN, 4, 0xffffffff);
	fake_out(&f, GPE0_EN + 4, 4, 0x12345678);
	fake_out(&f, GPE0_STS, 4, 0xffffffff);
	T_EQ(fake_in(&f, GPE0_EN, 4), 0xffffffff);
	T_EQ(fake_in(&f, GPE0_EN + 4, 4), 0x12345678);
	T_EQ(fake_in(&f, GPE0_STS, 4), 0);
	fake_out(&f, PM1_EN, 2, 0xffff);
	T_EQ(fake_in(&f, PM1_EN, 2), 0x0721);
	T_EQ(fake_in(&f, PM1_STS, 4), 0x07210000);
	fake_machine_fini(&f);
}

static void state_survives_a_round_trip(void)
{
	struct fake_machine f;
	struct device *pm = setup(&f);

	srand(3);
	f.m.clock.time = 12345678901234;
	for (int i = 0; i < 2000; i++) {
		fake_out(&f, (uint16_t)(0x600 + rand() % 0x30), 1, (unsigned)rand());
		if (rand() % 4 == 0)
			ich9_pm_power_button(pm);
		T_EQ(fake_round_trip(pm), 0);
	}
	fake_machine_fini(&f);
}

static void impossible_states_are_refused(void)
{
	struct fake_machine f;
	struct device *pm = setup(&f);
	uint8_t bytes[0x38] = { [0x10] = 1 };

	T_EQ(fake_load_bytes(pm, bytes, sizeof(bytes)), -1);
	pm->type->reset(pm);
	fake_machine_fini(&f);
}

static void each_way_to_write_cf9_resets(void)
{
	static const uint8_t ways[][2] = {
		{ 0x02, 0x06 }, { 0x0a, 0x0e }, { 0x00, 0x04 }, { 0x0e, 0x0e }
	};

	for (size_t i = 0; i < COUNT(ways); i++) {
		struct fake_machine f;
		struct device *dev;

		fake_machine_init(&f);
		dev = fake_machine_add(&f, &device_reset_control, "reset");
		fake_out(&f, RESET, 1, ways[i][0]);
		T_EQ(f.n_ends, ways[i][0] & 4 ? 1 : 0);
		T_EQ(fake_round_trip(dev), 0);
		fake_out(&f, RESET, 1, ways[i][1]);
		T_EQ(f.n_ends, 1);
		T_EQ(f.end.reason, END_REASON_GUEST_RESET);
		T_EQ(fake_in(&f, RESET, 1), ways[i][1]);
		fake_machine_fini(&f);
	}
}

static void probing_for_pci_does_not_reset(void)
{
	struct fake_machine f;

	fake_machine_init(&f);
	fake_machine_add(&f, &device_reset_control, "reset");
	fake_out(&f, 0xcfb, 1, 0x01);
	/* Every function of every device: its number lies where 0xcf9 is. */
	for (uint32_t function = 0; function < 256; function++)
		fake_out(&f, 0xcf8, 4, 0x80000000 | function << 8);
	T_EQ(f.n_ends, 0);
	T_NE(fake_in(&f, 0xcf8, 4), 0x80000000 | 255 << 8); /* no such register */
	fake_out(&f, 0xcf9, 1, 0x06);
	T_EQ(f.n_ends, 1);
	fake_machine_fini(&f);
}

static void the_debug_exit_port_carries_the_status(void)
{
	struct fake_machine f;
	struct device *dev;

	fake_machine_init(&f);
	dev = fake_machine_add(&f, &device_debug_exit, "debug-exit");
	T_EQ(fake_round_trip(dev), 0);
	fake_out(&f, DEBUG_EXIT, 1, 42);
	T_EQ(f.end.reason, END_REASON_DEBUG_EXIT);
	T_EQ(f.end.status, 42);
	fake_machine_fini(&f);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(acpi_is_always_on),
		T_CASE(the_power_button_interrupts_a_guest_that_wants_it),
		T_CASE(a_press_before_the_guest_listens_is_remembered),
		T_CASE(only_s5_powers_off),
		T_CASE(the_timer_counts_at_its_rate_and_rests_in_a_pause),
		T_CASE(the_timer_carry_is_seen_in_the_status),
		T_CASE(enable_bits_hold_and_status_bits_do_not),
		T_CASE(state_survives_a_round_trip),
		T_CASE(impossible_states_are_refused),
		T_CASE(each_way_to_write_cf9_resets),
		T_CASE(probing_for_pci_does_not_reset),
		T_CASE(the_debug_exit_port_carries_the_status),
	};

	return T_RUN(cases);
}
