/*
 * tests/guest/smp.c - bring up the other CPUs
 *
 * By INIT, SIPI, SIPI to each id that the MADT lists. Each one says its id, as CPUID
 * gives it, by one atomic bit; a CPU that comes twice, or under another's id, is seen
 * by the count.
 */
#include "guest.h"

#define ICR_INIT 0x4500u
#define ICR_SIPI (0x4600u | TRAMPOLINE_ADDRESS >> 12)
#define ICR_PENDING 0x1000u
#define WAIT_SECONDS 120u /* each wake-up may take long where KVM only emulates */

extern const uint8_t trampoline[], trampoline_end[];

/* In the trampoline's page, as smp_ap.S has them. */
#define AP_COUNT (TRAMPOLINE_ADDRESS + 0x400)
#define AP_TWICE (TRAMPOLINE_ADDRESS + 0x404)
#define AP_SEEN (TRAMPOLINE_ADDRESS + 0x408)

static void send(uint32_t id, uint32_t command)
{
	*at32(LAPIC + LAPIC_ICR_HIGH) = id << 24;
	*at32(LAPIC + LAPIC_ICR_LOW) = command;
	while (*at32(LAPIC + LAPIC_ICR_LOW) & ICR_PENDING)
		;
}

static void wait_ticks(uint32_t ticks)
{
	struct stopwatch w = stopwatch_start();

	while (stopwatch_ticks(&w) < ticks)
		;
}

static void wake_all(const uint8_t *ids, uint32_t n, uint32_t self)
{
	static const uint32_t commands[] = { ICR_INIT, ICR_SIPI, ICR_SIPI };

	for (uint32_t step = 0; step < 3; step++) {
		for (uint32_t i = 0; i < n; i++)
			if (ids[i] != self)
				send(ids[i], commands[step]);
		wait_ticks(PM_TIMER_HZ / 1000);
	}
}

static void list_missing(const uint8_t *ids, uint32_t n, uint32_t self)
{
	print("missing CPUs:");
	for (uint32_t i = 0; i < n; i++)
		if (ids[i] != self &&
		    !(bytes_at(AP_SEEN)[ids[i] / 8] & (1u << ids[i] % 8)))
			print(" %u", ids[i]);
	print("\n");
}

void test_smp(const uint8_t *ids, uint32_t n_ids, uint32_t wanted)
{
	uint32_t self = *at32(LAPIC + LAPIC_ID) >> 24;
	struct stopwatch w = stopwatch_start();

	if (n_ids != wanted) {
		print("the MADT lists %u CPUs, not %u\n", n_ids, wanted);
		return;
	}
	memset(bytes_at(TRAMPOLINE_ADDRESS), 0, 0x1000);
	memcpy(bytes_at(TRAMPOLINE_ADDRESS), trampoline,
	       (size_t)(trampoline_end - trampoline));
	wake_all(ids, n_ids, self);
	while (*at32(AP_COUNT) < wanted - 1 &&
	       stopwatch_ticks(&w) < WAIT_SECONDS * PM_TIMER_HZ)
		;
	if (*at32(AP_COUNT) < wanted - 1)
		list_missing(ids, n_ids, self);
	else if (*at32(AP_TWICE))
		print("%u CPUs came under an id that was taken\n", *at32(AP_TWICE));
	else
		print("cpus=%u up\n", *at32(AP_COUNT) + 1);
}
