/*
 * vmm-worker/cpuid.h - the CPUID of a vCPU
 *
 * What KVM supports on this host, made that of one vCPU of one machine: its APIC id
 * and topology (one package, a core for each vCPU), no nested virtualization (the
 * state stream does not carry it), nothing that depends on the moment.
 *
 * Leaves of hypervisors:
 *   0x40000000  EAX 0x40000001, signature "KVMKVMKVM" with three NULs: guests look
 *               for this one
 *   0x40000001  EAX the paravirtual features of KVM that we know of, EDX no hints
 *   0x40000100  EAX 0x40000101, signature "vxvxvxvxvxvx" in EBX, ECX, EDX
 *   0x40000101  EAX version of this leaf (1), EBX version of machine pv (1)
 *
 * Pure: no ioctl is made here.
 */
#ifndef VX_VMM_CPUID_H
#define VX_VMM_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>

#define CPUID_ENTRIES_MAX 256 /* KVM_MAX_CPUID_ENTRIES */

#define CPUID_KVM 0x40000000u
#define CPUID_KVM_FEATURES 0x40000001u
#define CPUID_VX 0x40000100u
#define CPUID_VX_VERSION 0x40000101u

#define CPUID_VX_SIGNATURE "vxvxvxvxvxvx"
#define CPUID_VX_LEAF_VERSION 1u
#define CPUID_VX_MACHINE_PV 1u

/* struct kvm_cpuid2 with room: `&table.head` is for KVM, with head.nent set first. */
union cpuid_table {
	struct kvm_cpuid2 head;
	struct {
		__u32 n, padding;
		struct kvm_cpuid_entry2 entries[CPUID_ENTRIES_MAX];
	};
};

struct cpuid_config {
	unsigned cpus;	   /* of the machine, 1 to 255 */
	unsigned apic_id;  /* below `cpus` */
	bool tsc_deadline; /* KVM_CAP_TSC_DEADLINE_TIMER */
};

/*
 * Make of KVM_GET_SUPPORTED_CPUID's `supported` the table for KVM_SET_CPUID2 of one
 * vCPU. 0, or -E2BIG where it has too many entries.
 */
int cpuid_build(const union cpuid_table *supported, const struct cpuid_config *config,
		union cpuid_table *out);

/* The entry of a leaf; NULL if there is none. */
const struct kvm_cpuid_entry2 *cpuid_find(const union cpuid_table *table,
					  __u32 function, __u32 index);

#endif
