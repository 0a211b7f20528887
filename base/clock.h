/*
 * base/clock.h - the two clocks that we use
 */
#ifndef VX_BASE_CLOCK_H
#define VX_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Microseconds since 1970, as records and events carry it. May jump. */
static inline uint64_t clock_wall_us(void)
{
	return clock_read_ns(CLOCK_REALTIME) / 1000;
}

/* Nanoseconds that never jump, for durations and deadlines. */
static inline uint64_t clock_mono_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

#endif
