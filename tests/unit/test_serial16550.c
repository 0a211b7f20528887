/*
 * tests/unit/test_serial16550.c - the UART as drivers probe and use it
 */
#include "tests/unit/test.h"

#include <string.h>

#include "tests/unit/fake_machine.h"

#define COM1 0x3f8
#define DATA (COM1 + 0)
#define IER (COM1 + 1)
#define IIR (COM1 + 2)
#define FCR (COM1 + 2)
#define LCR (COM1 + 3)
#define MCR (COM1 + 4)
#define LSR (COM1 + 5)
#define MSR (COM1 + 6)
#define SCR (COM1 + 7)

static struct device *setup(struct fake_machine *f)
{
	fake_machine_init(f);
	return fake_machine_add(f, &device_serial16550, "com1");
}

static unsigned in(struct fake_machine *f, uint16_t port)
{
	return (unsigned)fake_in(f, port, 1);
}

/* Mostly small, so that lengths and flags are often within bounds. */
static uint8_t few_bits(void)
{
	int a = rand(), b = rand(), c = rand();

	return (uint8_t)(a & b & c);
}

static void out(struct fake_machine *f, uint16_t port, unsigned value)
{
	fake_out(f, port, 1, value);
}

static void output_appears_in_the_ring_and_wakes_the_reader(void)
{
	struct fake_machine f;
	uint64_t kicks = 0;

	setup(&f);
	out(&f, DATA, 'h');
	out(&f, DATA, 'i');
	T_STR(fake_machine_output(&f), "hi");
	T_EQ(read(f.console.kick, &kicks, sizeof(kicks)), sizeof(kicks));
	T_EQ(kicks, 2);
	T_EQ(in(&f, LSR), 0x60);
	fake_machine_fini(&f);
}

static void linux_finds_a_16550a(void)
{
	struct fake_machine f;

	setup(&f);
	/* As autoconfig() of Linux' 8250 driver does it. */
	out(&f, IER, 0);
	T_EQ(in(&f, IER), 0);
	out(&f, IER, 0x0f);
	T_EQ(in(&f, IER), 0x0f);
	out(&f, IER, 0);
	out(&f, MCR, 0x10 | 0x08 | 0x02); /* LOOP, OUT2, RTS */
	T_EQ(in(&f, MSR) & 0xf0, 0x90);	  /* DCD, CTS */
	out(&f, MCR, 0);
	out(&f, FCR, 0x01);
	T_EQ(in(&f, IIR) >> 6, 3);
	out(&f, SCR, 0x5a);
	T_EQ(in(&f, SCR), 0x5a);
	fake_machine_fini(&f);
}

static void the_divisor_hides_behind_dlab(void)
{
	struct fake_machine f;

	setup(&f);
	out(&f, LCR, 0x83);
	out(&f, DATA, 0x01);
	out(&f, IER, 0x02);
	T_EQ(in(&f, DATA), 0x01);
	T_EQ(in(&f, IER), 0x02);
	out(&f, LCR, 0x03);
	T_EQ(in(&f, IER), 0);
	T_STR(fake_machine_output(&f), "");
	fake_machine_fini(&f);
}

static void an_empty_transmitter_interrupts_until_it_is_seen(void)
{
	struct fake_machine f;

	setup(&f);
	out(&f, IER, 0x02);
	T_OK(f.level[4]);
	T_EQ(in(&f, IIR) & 0x0f, 0x02);
	T_OK(!f.level[4]);
	T_EQ(in(&f, IIR) & 0x0f, 0x01);
	/* Each character gives one more edge. */
	out(&f, DATA, 'x');
	out(&f, DATA, 'y');
	T_EQ(f.rises[4], 3);
	fake_machine_fini(&f);
}

static void input_interrupts_and_can_be_read(void)
{
	struct fake_machine f;

	setup(&f);
	out(&f, FCR, 0x01);
	out(&f, IER, 0x01);
	T_EQ(console_input(&f.console, "ab", 2), 0);
	T_OK(f.level[4]);
	T_EQ(in(&f, IIR) & 0x0f, 0x04);
	T_EQ(in(&f, LSR) & 1, 1);
	T_EQ(in(&f, DATA), 'a');
	T_EQ(in(&f, DATA), 'b');
	T_OK(!f.level[4]);
	T_EQ(in(&f, LSR) & 1, 0);
	fake_machine_fini(&f);
}

static void fewer_bytes_than_the_trigger_level_come_as_a_timeout(void)
{
	struct fake_machine f;

	setup(&f);
	out(&f, FCR, 0x81); /* 8 bytes */
	out(&f, IER, 0x01);
	T_EQ(console_input(&f.console, "1234567", 7), 0);
	T_EQ(in(&f, IIR) & 0x0f, 0x0c);
	T_EQ(console_input(&f.console, "8", 1), 0);
	T_EQ(in(&f, IIR) & 0x0f, 0x04);
	fake_machine_fini(&f);
}

static void no_byte_of_long_input_is_lost(void)
{
	struct fake_machine f;
	char sent[1000];

	setup(&f);
	out(&f, FCR, 0x01);
	for (unsigned i = 0; i < sizeof(sent); i++)
		sent[i] = (char)('a' + i % 26);
	T_EQ(console_input(&f.console, sent, sizeof(sent)), 0);
	for (unsigned i = 0; i < sizeof(sent); i++) {
		T_EQ(in(&f, LSR) & 3, 1);
		T_EQ(in(&f, DATA), sent[i]);
	}
	T_EQ(in(&f, LSR) & 1, 0);
	fake_machine_fini(&f);
}

static void loopback_keeps_bytes_from_the_console(void)
{
	struct fake_machine f;

	setup(&f);
	out(&f, FCR, 0x01);
	out(&f, MCR, 0x10);
	for (unsigned i = 0; i < 16; i++)
		out(&f, DATA, i);
	T_STR(fake_machine_output(&f), "");
	T_EQ(in(&f, LSR), 0x61);
	out(&f, DATA, 0xff);
	T_EQ(in(&f, LSR), 0x63); /* overrun, once */
	T_EQ(in(&f, LSR), 0x61);
	for (unsigned i = 0; i < 16; i++)
		T_EQ(in(&f, DATA), i);
	fake_machine_fini(&f);
}

static void modem_changes_are_told_once(void)
{
	struct fake_machine f;

	setup(&f);
	in(&f, MSR);
	out(&f, IER, 0x08);
	out(&f, MCR, 0x10); /* all lines fall */
	T_OK(f.level[4]);
	T_EQ(in(&f, IIR) & 0x0f, 0x00);
	T_EQ(in(&f, MSR), 0x0b);
	T_EQ(in(&f, MSR), 0x00);
	T_OK(!f.level[4]);
	fake_machine_fini(&f);
}

static void reset_brings_back_power_on(void)
{
	struct fake_machine f;
	struct device *dev = setup(&f);

	out(&f, IER, 0x0f);
	out(&f, LCR, 0x03);
	out(&f, SCR, 1);
	dev->type->reset(dev);
	T_OK(!f.level[4]);
	T_EQ(in(&f, IER) | in(&f, LCR) | in(&f, SCR) | in(&f, MCR), 0);
	T_EQ(in(&f, IIR), 0x01);
	fake_machine_fini(&f);
}

static void state_survives_a_round_trip(void)
{
	struct fake_machine f;
	struct device *dev = setup(&f);
	unsigned loaded = 0;

	srand(1);
	for (int i = 0; i < 2000; i++) {
		/* By accesses, and by values that only a stream can bring. */
		for (int n = 0; n < 8; n++)
			out(&f, (uint16_t)(COM1 + rand() % 8), (unsigned)rand());
		T_EQ(fake_round_trip(dev), 0);
	}
	for (int i = 0; i < 2000; i++) {
		uint8_t bytes[40];

		for (size_t n = 0; n < sizeof(bytes); n++)
			bytes[n] = few_bits();
		if (fake_load_bytes(dev, bytes, sizeof(bytes)) < 0)
			continue;
		loaded++;
		T_EQ(fake_round_trip(dev), 0);
	}
	T_OK(loaded > 20);
	fake_machine_fini(&f);
}

static void a_state_with_an_impossible_fifo_is_refused(void)
{
	struct fake_machine f;
	struct device *dev = setup(&f);
	uint8_t bytes[40] = { 0 };

	memset(bytes + 26, 17, 2);
	T_EQ(fake_load_bytes(dev, bytes, sizeof(bytes)), -1);
	dev->type->reset(dev);
	fake_machine_fini(&f);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(output_appears_in_the_ring_and_wakes_the_reader),
		T_CASE(linux_finds_a_16550a),
		T_CASE(the_divisor_hides_behind_dlab),
		T_CASE(an_empty_transmitter_interrupts_until_it_is_seen),
		T_CASE(input_interrupts_and_can_be_read),
		T_CASE(fewer_bytes_than_the_trigger_level_come_as_a_timeout),
		T_CASE(no_byte_of_long_input_is_lost),
		T_CASE(loopback_keeps_bytes_from_the_console),
		T_CASE(modem_changes_are_told_once),
		T_CASE(reset_brings_back_power_on),
		T_CASE(state_survives_a_round_trip),
		T_CASE(a_state_with_an_impossible_fifo_is_refused),
	};

	return T_RUN(cases);
}
