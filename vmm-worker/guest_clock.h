/*
 * vmm-worker/guest_clock.h - nanoseconds of the machine's own time
 *
 * CLOCK_MONOTONIC without the time the machine was paused. Stopped and started
 * only while no vCPU runs, so readers need no lock. The TSC and kvmclock, which
 * KVM keeps, are stopped and started beside it (vcpu_time.c, vm_kvm.c).
 */
#ifndef VX_VMM_GUEST_CLOCK_H
#define VX_VMM_GUEST_CLOCK_H

#include <stdbool.h>

#include "base/clock.h"

struct guest_clock {
	uint64_t time;	 /* while stopped: what it shows */
	uint64_t offset; /* while it goes: to add to CLOCK_MONOTONIC */
	bool going;
};

static inline uint64_t guest_clock_ns(const struct guest_clock *c)
{
	return c->going ? clock_mono_ns() + c->offset : c->time;
}

static inline void guest_clock_stop(struct guest_clock *c)
{
	c->time = guest_clock_ns(c);
	c->going = false;
}

static inline void guest_clock_start(struct guest_clock *c)
{
	c->offset = c->time - clock_mono_ns();
	c->going = true;
}

#endif
