/*
 * tests/hostbox/hbtsc.c - print this machine's TSC frequency in kHz
 *
 * QEMU's emulated CPUs count at the rate of the machine's own TSC. A kernel in
 * the box would have to measure it against emulated timers, and stalls in one
 * boot of twenty when it gets that wrong; so it is measured here and passed in.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define SAMPLES 5
#define SAMPLE_NS 10000000

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

struct reading {
	int64_t ns;
	int64_t tsc;
	int64_t jitter_ns; /* how long it took to read both */
};

static struct reading read_both(void)
{
	struct reading r = { .ns = now_ns() };

	r.tsc = (int64_t)__rdtsc();
	r.jitter_ns = now_ns() - r.ns;
	return r;
}

int main(void)
{
	int64_t khz = 0, least_jitter = INT64_MAX;

	for (int i = 0; i < SAMPLES; i++) {
		const struct reading a = read_both();
		struct reading b;

		do
			b = read_both();
		while (b.ns - a.ns < SAMPLE_NS);
		if (a.jitter_ns + b.jitter_ns >= least_jitter)
			continue;
		least_jitter = a.jitter_ns + b.jitter_ns;
		khz = (b.tsc - a.tsc) * 1000000 / (b.ns - a.ns);
	}
	printf("%lld\n", (long long)khz);
	return 0;
}
