/*
 * vmm-worker/vcpu_time.c - keep a vCPU's TSC over a pause
 *
 * The TSC goes on by itself while nobody runs; so when the machine is held each
 * vCPU notes what its TSC shows, and before it goes again the offset to the host's
 * TSC is set so that it shows the same. All vCPUs are computed from one reading of
 * the host's TSC: they stay as synchronous as they were. Then the deadline timer,
 * then (machine_run.c) KVM's clock; last the guest is told that it was paused.
 */
#include "vmm-worker/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#define MSR_TSC 0x10
#define MSR_TSC_DEADLINE 0x6e0

static int msr_get(const struct vcpu *v, uint32_t index, uint64_t *out)
{
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} one = { .head.nmsrs = 1 };

	one.head.entries[0].index = index;
	if (ioctl(v->fd, KVM_GET_MSRS, &one) != 1)
		return -EIO;
	*out = one.head.entries[0].data;
	return 0;
}

static int msr_set(const struct vcpu *v, uint32_t index, uint64_t value)
{
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} one = { .head.nmsrs = 1 };

	one.head.entries[0].index = index;
	one.head.entries[0].data = value;
	return ioctl(v->fd, KVM_SET_MSRS, &one) == 1 ? 0 : -EIO;
}

uint64_t vcpu_host_tsc(void)
{
	return __rdtsc();
}

/* The offset exists since Linux 5.16; without it the TSC itself is read. */
static struct kvm_device_attr offset_attr(uint64_t *offset)
{
	return (struct kvm_device_attr){ .group = KVM_VCPU_TSC_CTRL,
					 .attr = KVM_VCPU_TSC_OFFSET,
					 .addr = (uintptr_t)offset };
}

void vcpu_time_hold(struct vcpu *v, uint64_t host_tsc)
{
	uint64_t offset;
	struct kvm_device_attr attr = offset_attr(&offset);

	v->time_held = true;
	if (ioctl(v->fd, KVM_GET_DEVICE_ATTR, &attr) == 0)
		v->tsc = host_tsc + offset;
	else if (msr_get(v, MSR_TSC, &v->tsc) < 0)
		v->time_held = false;
	if (msr_get(v, MSR_TSC_DEADLINE, &v->tsc_deadline) < 0)
		v->tsc_deadline = 0;
}

int vcpu_time_go(struct vcpu *v, uint64_t host_tsc, struct err **e)
{
	uint64_t offset = v->tsc - host_tsc;
	struct kvm_device_attr attr = offset_attr(&offset);

	if (!v->time_held)
		return 0;
	if (ioctl(v->fd, KVM_SET_DEVICE_ATTR, &attr) < 0 &&
	    msr_set(v, MSR_TSC, v->tsc) < 0)
		return err_set(e, ERR_INTERNAL, "set the TSC of vCPU %u", v->index);
	if (v->tsc_deadline && msr_set(v, MSR_TSC_DEADLINE, v->tsc_deadline) < 0)
		return err_set(e, ERR_INTERNAL, "set the TSC deadline of vCPU %u",
			       v->index);
	v->time_held = false;
	/* EINVAL where the guest does not use kvmclock. */
	ioctl(v->fd, KVM_KVMCLOCK_CTRL, 0);
	return 0;
}
