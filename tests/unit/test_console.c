/*
 * tests/unit/test_console.c - console input waits, up to a limit
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/mem.h"
#include "schema/console_ring.h"
#include "vmm-worker/console.h"

static void setup(struct console *c)
{
	console_init(c, mem_new(struct console_ring),
		     eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static void teardown(struct console *c)
{
	free(c->ring);
	close(c->kick);
	console_fini(c);
}

static void input_is_refused_whole_when_too_much_waits(void)
{
	static char bytes[CONSOLE_INPUT_MAX];
	struct console c;
	char out[2];

	setup(&c);
	T_EQ(console_input(&c, bytes, CONSOLE_INPUT_MAX - 1), 0);
	T_EQ(console_input(&c, "ab", 2), -ENOBUFS);
	T_EQ(console_input(&c, "a", 1), 0);
	T_EQ(console_input(&c, "b", 1), -ENOBUFS);
	T_EQ(console_input_take(&c, out, 2), 2);
	T_EQ(console_input(&c, "bc", 2), 0);
	teardown(&c);
}

static void input_keeps_its_order_around_the_end_of_the_buffer(void)
{
	struct console c;
	unsigned sent = 0, got = 0;

	setup(&c);
	while (got < 3 * CONSOLE_INPUT_MAX) {
		uint8_t bytes[1000];

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)((sent + i) % 251);
		if (console_input(&c, bytes, sizeof(bytes)) == 0)
			sent += sizeof(bytes);
		for (size_t i = console_input_take(&c, bytes, 700); i-- > 0;)
			T_EQ(bytes[i], (got + i) % 251);
		got += 700;
	}
	teardown(&c);
}

static void a_queue_without_input_gives_nothing(void)
{
	struct console c;
	char out[16];

	setup(&c);
	T_EQ(console_input_take(&c, out, sizeof(out)), 0);
	T_EQ(console_input(&c, "", 0), 0);
	T_EQ(console_input_take(&c, out, sizeof(out)), 0);
	teardown(&c);
}

static void output_of_any_length_goes_on_at_once(void)
{
	static char bytes[CONSOLE_RING_SIZE + 1000];
	static char back[CONSOLE_RING_SIZE];
	struct console c;
	uint64_t pos = 0, lost = 0;

	setup(&c);
	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < 3; i++)
		console_output(&c, bytes, sizeof(bytes));
	T_OK(console_ring_read(c.ring, &pos, back, sizeof(back), &lost) > 0);
	T_OK(lost > 0);
	teardown(&c);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(input_is_refused_whole_when_too_much_waits),
		T_CASE(input_keeps_its_order_around_the_end_of_the_buffer),
		T_CASE(a_queue_without_input_gives_nothing),
		T_CASE(output_of_any_length_goes_on_at_once),
	};

	return T_RUN(cases);
}
