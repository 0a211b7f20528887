/*
 * tests/guest/echo.c - lines typed into COM1 come back, by receive interrupts
 *
 * Each line comes back as "echo: LINE", also when many bytes come at once: nothing
 * typed may get lost.
 */
#include "guest.h"

#define LSR 5
#define LSR_DATA 0x01
#define IER_RX 0x01
#define LINE_MAX 256
#define INPUT_MAX 4096u /* a power of two */

static char input[INPUT_MAX];
static volatile uint32_t in_head, in_tail;

static void take_input(void)
{
	while (in8(COM1 + LSR) & LSR_DATA) {
		char c = (char)in8(COM1);

		if (in_head - in_tail < INPUT_MAX)
			input[in_head++ % INPUT_MAX] = c;
	}
}

static char next_char(void)
{
	irqs_off();
	while (in_head == in_tail)
		irqs_wait();

	char c = input[in_tail++ % INPUT_MAX];

	irqs_on();
	return c;
}

void echo_lines(void)
{
	char line[LINE_MAX];
	uint32_t n = 0;

	irq_route(GSI_COM1, false, take_input);
	out8(COM1 + 1, IER_RX);
	print("type\n");
	for (;;) {
		char c = next_char();

		if (c != '\n' && c != '\r') {
			if (n + 1 < LINE_MAX)
				line[n++] = c;
			continue;
		}
		line[n] = '\0';
		if (n == 4 && memcmp(line, "quit", 4) == 0)
			break;
		if (n)
			print("echo: %s\n", line);
		n = 0;
	}
	irqs_off();
	out8(COM1 + 1, 0);
	print("bye\n");
}
