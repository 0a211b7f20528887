/*
 * vmm-worker/vcpu_state.c - all that KVM keeps of a vCPU, saved, loaded and reset
 *
 * One table names each piece that has its own pair of ioctls; it is read from its
 * end (the run state first: asking for it may let a pending INIT happen) and
 * written from its start. MSRs follow KVM's own list. The TSC is not among them:
 * it is set when the machine goes (vcpu_time.c).
 */
#include "vmm-worker/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/mem.h"
#include "vmm-worker/machine.h"

#define MSR_TSC 0x10
#define MSR_TSC_DEADLINE 0x6e0

#define VCPU_MSRS_MAX 512
#define MSRS_PER_CALL 128 /* KVM takes less than 256 at once */
/* Hyper-V's, which KVM lists on every host that could show them: no guest of ours sees
 * them, and another host might not have them. */
#define MSR_HYPERV_FIRST 0x40000000u
#define MSR_HYPERV_LAST 0x400001ffu
#define LAPIC_ID 0x20
#define LAPIC_LVT_LINT0 0x350
#define LVT_MASKED (1u << 16)
#define APIC_BASE_BSP (1u << 8)

struct vcpu_state {
	struct kvm_sregs sregs;
	struct kvm_xcrs xcrs;
	struct kvm_xsave xsave;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	struct kvm_regs regs;
	struct kvm_mp_state mp;
	uint64_t tsc, tsc_deadline;
	bool time_held;
	uint32_t n_msrs;
	struct kvm_msr_entry msrs[VCPU_MSRS_MAX];
};

#define PART(member, GET, SET)                                         \
	{                                                              \
		offsetof(struct vcpu_state, member), GET, SET, #member \
	}

static const struct {
	size_t offset;
	unsigned long get, set;
	const char *name;
} parts[] = {
	PART(sregs, KVM_GET_SREGS, KVM_SET_SREGS),
	PART(xcrs, KVM_GET_XCRS, KVM_SET_XCRS),
	PART(xsave, KVM_GET_XSAVE, KVM_SET_XSAVE),
	PART(lapic, KVM_GET_LAPIC, KVM_SET_LAPIC),
	PART(regs, KVM_GET_REGS, KVM_SET_REGS),
	PART(events, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS),
	PART(debugregs, KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS),
	PART(mp, KVM_GET_MP_STATE, KVM_SET_MP_STATE),
};

#define VCPU_BYTES(tag, member) STATE_FIELD(tag, STATE_BYTES, struct vcpu_state, member)

static const struct state_field vcpu_fields[] = {
	VCPU_BYTES(1, sregs),
	VCPU_BYTES(2, xcrs),
	VCPU_BYTES(3, xsave),
	VCPU_BYTES(4, lapic),
	VCPU_BYTES(5, events),
	VCPU_BYTES(6, debugregs),
	VCPU_BYTES(7, regs),
	VCPU_BYTES(8, mp),
	STATE_FIELD(9, STATE_U64, struct vcpu_state, tsc),
	STATE_FIELD(10, STATE_U64, struct vcpu_state, tsc_deadline),
	STATE_FIELD(11, STATE_BOOL, struct vcpu_state, time_held),
	STATE_FIELD(12, STATE_U32, struct vcpu_state, n_msrs),
	VCPU_BYTES(13, msrs),
};
static const struct state_table vcpu_table = { vcpu_fields, COUNT(vcpu_fields), 1 };

static void add_msr(struct vcpu_state *s, uint32_t index)
{
	if (index == MSR_TSC || index == MSR_TSC_DEADLINE ||
	    (index >= MSR_HYPERV_FIRST && index <= MSR_HYPERV_LAST))
		return;
	for (uint32_t i = 0; i < s->n_msrs; i++)
		if (s->msrs[i].index == index)
			return;
	if (s->n_msrs < VCPU_MSRS_MAX)
		s->msrs[s->n_msrs++].index = index;
}

/* KVM's list, and the memory types, which KVM keeps but may not list. */
static int list_msrs(const struct vcpu *v, struct vcpu_state *s)
{
	static const struct {
		uint32_t first, last;
	} memory_types[] = {
		{ 0x200, 0x20f }, { 0x250, 0x250 }, { 0x258, 0x259 },
		{ 0x268, 0x26f }, { 0x2ff, 0x2ff },
	};
	autofree struct kvm_msr_list *list =
		mem_alloc(sizeof(*list) + VCPU_MSRS_MAX * sizeof(list->indices[0]));

	list->nmsrs = VCPU_MSRS_MAX;
	if (ioctl(v->machine->vm.kvm, KVM_GET_MSR_INDEX_LIST, list) < 0)
		return -errno;
	for (uint32_t i = 0; i < list->nmsrs; i++)
		add_msr(s, list->indices[i]);
	for (size_t i = 0; i < COUNT(memory_types); i++)
		for (uint32_t m = memory_types[i].first; m <= memory_types[i].last; m++)
			add_msr(s, m);
	return 0;
}

/*
 * Read s->msrs[]. KVM stops at the first that this vCPU does not have in spite of
 * the list: that one is dropped.
 */
static int get_msrs(const struct vcpu *v, struct vcpu_state *s)
{
	autofree struct kvm_msrs *batch =
		mem_alloc(sizeof(*batch) + MSRS_PER_CALL * sizeof(s->msrs[0]));

	for (uint32_t done = 0; done < s->n_msrs;) {
		uint32_t wanted = MIN(s->n_msrs - done, MSRS_PER_CALL);
		int n;

		batch->nmsrs = wanted;
		memcpy(batch->entries, s->msrs + done, wanted * sizeof(s->msrs[0]));
		n = ioctl(v->fd, KVM_GET_MSRS, batch);
		if (n < 0)
			return -errno;
		memcpy(s->msrs + done, batch->entries, (size_t)n * sizeof(s->msrs[0]));
		done += (uint32_t)n;
		if ((uint32_t)n == wanted)
			continue;
		memmove(s->msrs + done, s->msrs + done + 1,
			(s->n_msrs - done - 1) * sizeof(s->msrs[0]));
		s->msrs[--s->n_msrs] = (struct kvm_msr_entry){ 0 };
	}
	return 0;
}

/* Does MSR `index` hold `value` already? Some can be read but not written. */
static bool msr_is(const struct vcpu *v, const struct kvm_msr_entry *want)
{
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} one = { .head.nmsrs = 1 };

	one.head.entries[0].index = want->index;
	return ioctl(v->fd, KVM_GET_MSRS, &one) == 1 &&
	       one.head.entries[0].data == want->data;
}

static int set_msrs(const struct vcpu *v, const struct vcpu_state *s, struct err **e)
{
	autofree struct kvm_msrs *batch =
		mem_alloc(sizeof(*batch) + MSRS_PER_CALL * sizeof(s->msrs[0]));

	for (uint32_t done = 0; done < s->n_msrs;) {
		const struct kvm_msr_entry *from = s->msrs + done;
		uint32_t wanted = MIN(s->n_msrs - done, MSRS_PER_CALL);
		int n;

		batch->nmsrs = wanted;
		memcpy(batch->entries, from, wanted * sizeof(*from));
		n = ioctl(v->fd, KVM_SET_MSRS, batch);
		if (n < 0)
			return err_sys(e, errno, "set the MSRs of vCPU %u", v->index);
		done += (uint32_t)n;
		if ((uint32_t)n == wanted)
			continue;
		if (!msr_is(v, &s->msrs[done]))
			return err_set(e, ERR_UNSUPPORTED,
				       "vCPU %u cannot have 0x%llx in MSR 0x%x",
				       v->index, (unsigned long long)s->msrs[done].data,
				       s->msrs[done].index);
		done++;
	}
	return 0;
}

struct vcpu_state *vcpu_capture(struct vcpu *v, struct err **e)
{
	autofree struct vcpu_state *s = mem_new(struct vcpu_state);
	int rc;

	for (size_t i = COUNT(parts); i-- > 0;)
		if (ioctl(v->fd, parts[i].get, (char *)s + parts[i].offset) < 0) {
			err_sys(e, errno, "read %s of vCPU %u", parts[i].name,
				v->index);
			return NULL;
		}
	rc = list_msrs(v, s);
	if (rc == 0)
		rc = get_msrs(v, s);
	if (rc < 0) {
		err_sys(e, rc, "read the MSRs of vCPU %u", v->index);
		return NULL;
	}
	s->tsc = v->tsc;
	s->tsc_deadline = v->tsc_deadline;
	s->time_held = v->time_held;
	return steal(s);
}

static int restore(struct vcpu *v, const struct vcpu_state *s, struct err **e)
{
	if (set_msrs(v, s, e) < 0)
		return -1;
	for (size_t i = 0; i < COUNT(parts); i++)
		if (ioctl(v->fd, parts[i].set, (const char *)s + parts[i].offset) < 0)
			return err_sys(e, errno, "set %s of vCPU %u", parts[i].name,
				       v->index);
	v->tsc = s->tsc;
	v->tsc_deadline = s->tsc_deadline;
	v->time_held = s->time_held;
	return 0;
}

int vcpu_save(struct vcpu *v, struct str *out, struct err **e)
{
	autofree struct vcpu_state *s = vcpu_capture(v, e);
	char name[16];

	if (!s)
		return -1;
	snprintf(name, sizeof(name), "cpu%u", v->index);
	state_save(out, "vcpu", name, &vcpu_table, s);
	return 0;
}

static uint32_t lapic_id(unsigned index)
{
	return (uint32_t)index << 24;
}

int vcpu_load(struct vcpu *v, const struct state_section *section, struct err **e)
{
	autofree struct vcpu_state *s = mem_new(struct vcpu_state);

	if (state_load(section, &vcpu_table, s, sizeof(*s), e) < 0)
		return err_wrap(e, "state of vCPU %u", v->index);
	if (s->n_msrs > VCPU_MSRS_MAX)
		return err_set(e, ERR_INVALID_PARAMS, "vCPU %u has %u MSRs, too many",
			       v->index, s->n_msrs);
	return restore(v, s, e);
}

int vcpu_reset(struct vcpu *v, const struct vcpu_state *pristine, struct err **e)
{
	autofree struct vcpu_state *s = mem_dup(pristine, sizeof(*pristine));

	le32_put(s->lapic.regs + LAPIC_ID, lapic_id(v->index));
	/* `pristine` is of the first, which alone gets the interrupts of a PIC. */
	if (v->index != 0) {
		s->sregs.apic_base &= ~(uint64_t)APIC_BASE_BSP;
		le32_put(s->lapic.regs + LAPIC_LVT_LINT0, LVT_MASKED);
		s->mp.mp_state = KVM_MP_STATE_UNINITIALIZED;
	}
	/* The TSC goes on over a reset, as the machine's clock does. */
	s->tsc = v->tsc;
	s->time_held = v->time_held;
	return restore(v, s, e);
}
