/*
 * tests/guest/ends.c - every way in which a guest can end
 */
#include "guest.h"

#define PM1_STS 0x600
#define PM1_EN 0x602
#define PM1_CNT 0x604
#define PWRBTN (1u << 8)
#define SLP_EN (1u << 13) /* with SLP_TYP 0: S5 */
#define RESET_CONTROL 0xcf9
#define DEBUG_EXIT 0xf4
#define PVPANIC 0x505
#define PANICKED 1
#define MARKER 0x76786731u

static volatile uint32_t presses;

void power_off(void)
{
	out16(PM1_CNT, (uint16_t)(in16(PM1_CNT) | SLP_EN));
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void rest(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void reset(void)
{
	out8(RESET_CONTROL, 0x02);
	out8(RESET_CONTROL, 0x06);
	rest();
}

/* By ud2: a KVM that only emulates does not know int3 in protected mode. */
static void triple_fault(void)
{
	const struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static void sci(void)
{
	if (in16(PM1_STS) & PWRBTN) {
		out16(PM1_STS, PWRBTN);
		presses++;
	}
}

/* The SCI is a level: the second press tells whether it was let go after the first. */
static void wait_button(uint32_t wanted)
{
	uint32_t seen = 0;

	irq_route(GSI_SCI, true, sci);
	out16(PM1_STS, PWRBTN);
	out16(PM1_EN, PWRBTN);
	print("press\n");
	while (seen < wanted) {
		irqs_off();
		while (presses == seen)
			irqs_wait();
		seen++;
		print("button %u\n", seen);
	}
}

/* RAM outlives a reset; the marker is what tells the boots apart. */
static void once(void (*end)(void))
{
	if (*at32(MARKER_ADDRESS) != MARKER) {
		*at32(MARKER_ADDRESS) = MARKER;
		print("boot 1\n");
		end();
	}
	*at32(MARKER_ADDRESS) = 0;
	print("boot 2\n");
}

static bool is(const char *word, const char *name)
{
	size_t n = strlen(name);

	return memcmp(word, name, n) == 0 && (word[n] == '\0' || word[n] == ':');
}

void guest_end(const char *how)
{
	const char *n = how;

	while (*n && *n++ != ':')
		;
	print("end=%s\n", how);
	if (is(how, "reset"))
		reset();
	else if (is(how, "triple"))
		triple_fault();
	else if (is(how, "exit"))
		out8(DEBUG_EXIT, (uint8_t)number_of(n));
	else if (is(how, "panic"))
		out8(PVPANIC, PANICKED);
	else if (is(how, "hlt"))
		rest();
	else if (is(how, "button"))
		wait_button(*n ? number_of(n) : 1);
	else if (is(how, "echo"))
		echo_lines();
	else if (is(how, "reset-once"))
		once(reset);
	else if (is(how, "triple-once"))
		once(triple_fault);
	else if (is(how, "spin"))
		for (;;)
			__asm__ volatile("pause");
	else if (!is(how, "poweroff"))
		print("no such end\n");
	power_off();
}
