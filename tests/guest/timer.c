/*
 * tests/guest/timer.c - the ACPI PM timer, our only clock
 *
 * Of 24 or 32 bits: 24 are used.
 */
#include "guest.h"

#define PM_TIMER 0x608
#define PM_TIMER_MASK 0xffffffu
#define READS_MAX 100000u

struct stopwatch stopwatch_start(void)
{
	return (struct stopwatch){ .last = in32(PM_TIMER) & PM_TIMER_MASK };
}

uint32_t stopwatch_ticks(struct stopwatch *w)
{
	uint32_t now = in32(PM_TIMER) & PM_TIMER_MASK;

	w->ticks += (now - w->last) & PM_TIMER_MASK;
	w->last = now;
	return w->ticks;
}

/* It advances within a bounded number of reads, and it never goes back. */
void test_timer(void)
{
	struct stopwatch w = stopwatch_start();
	uint32_t before = 0;

	for (uint32_t reads = 0; reads < READS_MAX; reads++) {
		uint32_t ticks = stopwatch_ticks(&w);

		if (ticks - before > PM_TIMER_MASK / 2) {
			print("timer went back\n");
			return;
		}
		before = ticks;
		if (ticks > PM_TIMER_HZ / 100) {
			print("timer ok\n");
			return;
		}
	}
	print("timer stands still: %u ticks in %u reads\n", before, READS_MAX);
}
