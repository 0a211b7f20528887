/*
 * vmm-worker/vcpu_boot.c - what a vCPU is and how the first one begins
 *
 * CPUID and the MSRs that firmware would have set, once when the vCPU is made;
 * then the registers of a `struct boot_entry`. Application processors stay as KVM
 * makes them: they wait for INIT and SIPI from the guest.
 */
#include "vmm-worker/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "base/mem.h"
#include "vmm-worker/cpuid.h"
#include "vmm-worker/machine.h"

#define MSR_MISC_ENABLE 0x1a0
#define MISC_ENABLE_FAST_STRINGS 1
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLED_WRITE_BACK 0x806 /* enabled, no ranges, default write-back */

#define CR0_PE 0x00000001u
#define CR0_ET 0x00000010u
#define CR0_NE 0x00000020u
#define CR0_PG 0x80000000u
#define CR4_PAE 0x20u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define RFLAGS_FIXED 0x2u

#define SEG_DATA 0x3 /* read and write, accessed */
#define SEG_CODE 0xb /* execute and read, accessed */
#define SEG_TSS 0xb  /* busy 32-bit or 64-bit TSS */
#define TSS_LIMIT 0x67

/* What firmware leaves in MSRs; one that KVM does not know is left alone. */
static void set_firmware_msrs(const struct vcpu *v)
{
	static const struct {
		uint32_t index;
		uint64_t value;
	} values[] = {
		{ MSR_MISC_ENABLE, MISC_ENABLE_FAST_STRINGS },
		{ MSR_MTRR_DEF_TYPE, MTRR_ENABLED_WRITE_BACK },
	};

	for (size_t i = 0; i < COUNT(values); i++) {
		union {
			struct kvm_msrs head;
			uint8_t room[sizeof(struct kvm_msrs) +
				     sizeof(struct kvm_msr_entry)];
		} one = { .head.nmsrs = 1 };

		one.head.entries[0].index = values[i].index;
		if (ioctl(v->fd, KVM_GET_MSRS, &one) != 1)
			continue;
		one.head.entries[0].data |= values[i].value;
		ioctl(v->fd, KVM_SET_MSRS, &one);
	}
}

/* What KVM can give a guest on this host. */
static int supported_cpuid(const struct vcpu *v, union cpuid_table *out, struct err **e)
{
	out->head.nent = CPUID_ENTRIES_MAX;
	if (ioctl(v->machine->vm.kvm, KVM_GET_SUPPORTED_CPUID, &out->head) < 0)
		return err_sys(e, errno, "ask KVM for the CPUID that it supports");
	return 0;
}

int vcpu_setup(struct vcpu *v, struct err **e)
{
	int kvm = v->machine->vm.kvm;
	const struct cpuid_config config = {
		.cpus = (unsigned)v->machine->definition->cpus,
		.apic_id = v->index,
		.tsc_deadline =
			ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0,
	};
	autofree union cpuid_table *supported = mem_new(union cpuid_table);
	autofree union cpuid_table *table = mem_new(union cpuid_table);
	int rc;

	if (supported_cpuid(v, supported, e) < 0)
		return -1;
	rc = cpuid_build(supported, &config, table);
	if (rc == 0 && ioctl(v->fd, KVM_SET_CPUID2, &table->head) < 0)
		rc = -errno;
	if (rc < 0)
		return err_sys(e, rc, "set the CPUID of vCPU %u", v->index);
	set_firmware_msrs(v);
	return 0;
}

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){ .limit = 0xffffffff,
				     .selector = selector,
				     .type = type,
				     .present = 1,
				     .db = 1,
				     .s = 1,
				     .g = 1 };
}

static void set_segments(struct kvm_sregs *s, const struct boot_entry *entry)
{
	struct kvm_segment data = flat(entry->data_selector, SEG_DATA);

	s->cs = flat(entry->code_selector, SEG_CODE);
	if (entry->mode == BOOT_LONG64) {
		s->cs.l = 1;
		s->cs.db = 0;
	}
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->tr = (struct kvm_segment){ .limit = TSS_LIMIT,
				      .selector = entry->tss_selector,
				      .type = SEG_TSS,
				      .present = 1 };
	s->ldt = (struct kvm_segment){ .unusable = 1 };
	s->gdt.base = entry->gdt;
	s->gdt.limit = entry->gdt_limit;
	/* No IDT yet, but a limit that tells a fault at this time from a triple
	 * fault that an operating system makes on purpose, with limit 0. */
	s->idt.base = 0;
	s->idt.limit = 0xffff;
}

int vcpu_boot(struct vcpu *v, const struct boot_entry *entry, struct err **e)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {
		.rax = entry->rax,
		.rbx = entry->rbx,
		.rsi = entry->rsi,
		.rsp = entry->rsp,
		.rip = entry->ip,
		.rflags = RFLAGS_FIXED,
	};

	if (ioctl(v->fd, KVM_GET_SREGS, &sregs) < 0)
		return err_sys(e, errno, "read the registers of vCPU %u", v->index);
	set_segments(&sregs, entry);
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE;
	sregs.cr4 = 0;
	sregs.efer = 0;
	if (entry->mode == BOOT_LONG64) {
		sregs.cr0 |= CR0_PG;
		sregs.cr3 = entry->cr3;
		sregs.cr4 = CR4_PAE;
		sregs.efer = EFER_LME | EFER_LMA;
	}
	if (ioctl(v->fd, KVM_SET_SREGS, &sregs) < 0 ||
	    ioctl(v->fd, KVM_SET_REGS, &regs) < 0)
		return err_sys(e, errno, "set the registers of vCPU %u", v->index);
	return 0;
}
