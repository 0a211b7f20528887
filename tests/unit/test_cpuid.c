/*
 * tests/unit/test_cpuid.c - the CPUID of a vCPU, from tables as hosts have them
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/mem.h"
#include "tests/unit/test.h"
#include "vmm-worker/cpuid.h"

#define VMX (1u << 5)
#define OSXSAVE (1u << 27)
#define X2APIC (1u << 21)
#define TSC_DEADLINE (1u << 24)
#define HYPERVISOR (1u << 31)
#define HTT (1u << 28)

/* Parts of what KVM says on an Intel host; APIC ids are those of some host CPU. */
static const union cpuid_table intel = {
	.n = 15,
	.entries = {
		{ 0x0, 0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69 },
		{ 0x1, 0, 0, 0x50654, 0x2d400800, X2APIC | OSXSAVE | VMX, 0x1f8bfbff },
		{ 0x4, 0, 1, 0x7c004121, 0x01c0003f, 0x3f, 0 },
		{ 0x4, 1, 1, 0x7c004122, 0x01c0003f, 0x3f, 0 },
		{ 0x4, 2, 1, 0x7c004143, 0x03c0003f, 0x3ff, 0 },
		{ 0x4, 3, 1, 0x7c0fc163, 0x0280003f, 0x9fff, 4 },
		{ 0x4, 4, 1, 0, 0, 0, 0 },
		{ 0x7, 0, 1, 0, 0x4, 0x40000010, 0 },
		{ 0xb, 0, 1, 1, 2, 0x100, 0x2d },
		{ 0xb, 1, 1, 6, 40, 0x201, 0x2d },
		{ 0x1f, 0, 1, 1, 2, 0x100, 0x2d },
		{ 0x80000002, 0, 0, 0x65746e49, 0x2952286c, 0x6f655820, 0x2952286e },
		{ 0x80000008, 0, 0, 0x302e, 0, 0, 0 },
		{ 0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d },
		{ 0x40000001, 0, 0, 0x0101fefb, 0, 0, 1 },
	},
};

static const union cpuid_table amd = {
	.n = 12,
	.entries = {
		{ 0x0, 0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65 },
		{ 0x1, 0, 0, 0xa10f11, 0x05020800, X2APIC, 0x078bfbff },
		{ 0x4, 0, 1, 0, 0, 0, 0 },
		{ 0x80000001, 0, 0, 0xa10f11, 0x40000000, 0x00400397, 0x23d3fbff },
		{ 0x80000008, 0, 0, 0x3030, 0x50020005, 0x7001, 0 },
		{ 0x8000000a, 0, 0, 1, 8, 0, 0xf },
		{ 0x8000001d, 0, 1, 0x4121, 0x01c0003f, 0x3f, 0 },
		{ 0x8000001d, 3, 1, 0x3c163, 0x03c0003f, 0x7fff, 1 },
		{ 0x8000001e, 0, 0, 5, 0x102, 0x303, 0 },
		{ 0x8000001f, 0, 0, 0xf, 0x173, 0x1fd, 1 },
		{ 0x80000026, 0, 1, 1, 2, 0x100, 5 },
		{ 0x40000001, 0, 0, 0x01007efb, 0, 0, 0 },
	},
};

static union cpuid_table *build(const union cpuid_table *host, unsigned cpus,
				unsigned id)
{
	struct cpuid_config config = { .cpus = cpus, .apic_id = id };
	union cpuid_table *out = mem_new(union cpuid_table);

	T_EQ(cpuid_build(host, &config, out), 0);
	return out;
}

static bool same_bytes(const void *a, const void *b, size_t len)
{
	return memcmp(a, b, len) == 0;
}

static struct kvm_cpuid_entry2 leaf(const union cpuid_table *t, uint32_t function,
				    uint32_t index)
{
	const struct kvm_cpuid_entry2 *found = cpuid_find(t, function, index);

	T_OK(found);
	return *found;
}

static void leaf_1_has_this_vcpus_id_and_the_hypervisor_bit(void)
{
	autofree union cpuid_table *t = build(&intel, 4, 3);
	struct kvm_cpuid_entry2 e = leaf(t, 1, 0);

	T_EQ(e.eax, 0x50654);
	T_EQ(e.ebx, 0x03040800);
	T_EQ(e.ecx, HYPERVISOR | X2APIC);
	T_OK(e.edx & HTT);
}

static void one_vcpu_has_no_siblings(void)
{
	autofree union cpuid_table *t = build(&intel, 1, 0);

	T_EQ(leaf(t, 1, 0).ebx, 0x00010800);
	T_EQ(leaf(t, 1, 0).edx & HTT, 0);
	T_EQ(leaf(t, 4, 3).eax, 0x163);
	T_EQ(leaf(t, 0xb, 1).eax, 0);
	T_EQ(leaf(t, 0xb, 1).ebx, 1);
}

static void the_tsc_deadline_bit_is_the_configs(void)
{
	struct cpuid_config config = { .cpus = 1, .tsc_deadline = true };
	autofree union cpuid_table *t = mem_new(union cpuid_table);

	T_EQ(cpuid_build(&intel, &config, t), 0);
	T_OK(leaf(t, 1, 0).ecx & TSC_DEADLINE);
}

static void what_cannot_be_saved_is_not_offered(void)
{
	autofree union cpuid_table *i = build(&intel, 2, 0);
	autofree union cpuid_table *a = build(&amd, 2, 0);

	T_EQ(leaf(i, 1, 0).ecx & VMX, 0);
	T_EQ(leaf(i, 7, 0).ebx, 0); /* SGX */
	T_EQ(leaf(i, 7, 0).ecx, 0); /* OSPKE, SGX_LC */
	T_EQ(leaf(a, 0x80000001, 0).ecx, 0x00400393);
	T_EQ(leaf(a, 0x8000000a, 0).edx, 0);
	T_EQ(leaf(a, 0x8000001f, 0).eax, 0);
}

static void extended_topology_is_one_package_of_cores(void)
{
	static const uint32_t functions[] = { 0xb, 0x1f };
	autofree union cpuid_table *t = build(&intel, 5, 4);

	for (size_t i = 0; i < COUNT(functions); i++) {
		struct kvm_cpuid_entry2 threads = leaf(t, functions[i], 0);
		struct kvm_cpuid_entry2 cores = leaf(t, functions[i], 1);
		struct kvm_cpuid_entry2 end = leaf(t, functions[i], 2);

		T_EQ(threads.eax, 0);
		T_EQ(threads.ebx, 1);
		T_EQ(threads.ecx, 0x100);
		T_EQ(cores.eax, 3); /* ids 0 to 7 */
		T_EQ(cores.ebx, 5);
		T_EQ(cores.ecx, 0x201);
		T_EQ(end.ebx, 0);
		T_EQ(end.ecx, 2);
		T_EQ(threads.edx, 4);
		T_EQ(cores.edx, 4);
		T_EQ(end.edx, 4);
		T_EQ(cores.flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
	}
}

static void a_host_without_extended_topology_gets_none(void)
{
	autofree union cpuid_table *host = mem_dup(&amd, sizeof(amd));
	autofree union cpuid_table *t = NULL;

	host->entries[0].eax = 0xa;
	t = build(host, 2, 0);
	T_OK(!cpuid_find(t, 0xb, 0));
	T_OK(!cpuid_find(t, 0x1f, 0));
	T_OK(!cpuid_find(t, 0x80000026, 0));
}

static void the_last_cache_is_shared_and_the_others_are_not(void)
{
	autofree union cpuid_table *i = build(&intel, 254, 253);
	autofree union cpuid_table *a = build(&amd, 3, 1);

	T_EQ(leaf(i, 4, 0).eax, 0xfc000121); /* 64 cores is all that it can say */
	T_EQ(leaf(i, 4, 2).eax, 0xfc000143);
	T_EQ(leaf(i, 4, 3).eax, 0xfc3fc163); /* 256 ids */
	T_EQ(leaf(i, 4, 4).eax, 0);
	T_EQ(leaf(a, 0x8000001d, 0).eax, 0x121);
	T_EQ(leaf(a, 0x8000001d, 3).eax, 0xc163);
	T_EQ(leaf(a, 4, 0).eax, 0);
}

static void amds_leaves_tell_the_same(void)
{
	autofree union cpuid_table *t = build(&amd, 3, 2);
	autofree union cpuid_table *one = build(&amd, 1, 0);

	T_EQ(leaf(t, 1, 0).ebx, 0x02040800);
	T_EQ(leaf(t, 0x80000008, 0).ecx, 0x2002); /* 3 cores, 2 bits of id */
	T_EQ(leaf(t, 0x8000001e, 0).eax, 2);
	T_EQ(leaf(t, 0x8000001e, 0).ebx, 2);
	T_EQ(leaf(t, 0x8000001e, 0).ecx, 0);
	T_EQ(leaf(t, 0x80000001, 0).ecx & 2, 2); /* more than one core */
	T_EQ(leaf(one, 0x80000001, 0).ecx & 2, 0);
	T_EQ(leaf(one, 0x80000008, 0).ecx, 0);
}

static void intels_leaves_stay_free_of_amds(void)
{
	autofree union cpuid_table *t = build(&intel, 8, 1);

	T_EQ(leaf(t, 0x80000008, 0).ecx, 0);
	T_EQ(leaf(t, 0x80000002, 0).ebx, 0x2952286c); /* the host's brand */
}

static void kvm_is_found_first_and_vx_after_it(void)
{
	autofree union cpuid_table *t = build(&intel, 1, 0);
	struct kvm_cpuid_entry2 kvm = leaf(t, CPUID_KVM, 0);
	struct kvm_cpuid_entry2 vx = leaf(t, CPUID_VX, 0);

	T_EQ(kvm.eax, 0x40000001);
	T_EQ(memcmp(&kvm.ebx, "KVMKVMKVM\0\0", 12), 0);
	T_EQ(vx.eax, 0x40000101);
	T_EQ(memcmp(&vx.ebx, CPUID_VX_SIGNATURE, 12), 0);
	T_EQ(leaf(t, CPUID_VX_VERSION, 0).eax, 1);
	T_EQ(leaf(t, CPUID_VX_VERSION, 0).ebx, 1);
}

static void paravirtual_features_are_those_of_kvm_that_we_know(void)
{
	autofree union cpuid_table *t = build(&intel, 1, 0);
	autofree union cpuid_table *host = mem_dup(&intel, sizeof(intel));
	autofree union cpuid_table *poor = NULL;

	T_EQ(leaf(t, CPUID_KVM_FEATURES, 0).eax, 0x01007afb);
	T_EQ(leaf(t, CPUID_KVM_FEATURES, 0).edx, 0); /* no hint of dedicated CPUs */
	host->entries[14].eax = 1u << 3;	     /* no asynchronous page faults */
	poor = build(host, 1, 0);
	T_EQ(leaf(poor, CPUID_KVM_FEATURES, 0).eax, 1u << 3);
}

static void the_host_cpu_that_was_asked_does_not_matter(void)
{
	autofree union cpuid_table *host = mem_dup(&intel, sizeof(intel));
	autofree union cpuid_table *here = build(&intel, 4, 2);
	autofree union cpuid_table *there = NULL;

	host->entries[1].ebx = 0x11400800;
	host->entries[8].edx = host->entries[9].edx = host->entries[10].edx = 0x11;
	there = build(host, 4, 2);
	T_OK(same_bytes(here, there, sizeof(*here)));
}

static void leaves_come_once(void)
{
	autofree union cpuid_table *t = build(&intel, 254, 17);

	for (uint32_t i = 0; i < t->n; i++)
		T_OK(cpuid_find(t, t->entries[i].function, t->entries[i].index) ==
		     &t->entries[i]);
}

static void a_table_without_room_is_refused(void)
{
	struct cpuid_config config = { .cpus = 1 };
	autofree union cpuid_table *host = mem_dup(&intel, sizeof(intel));
	autofree union cpuid_table *t = mem_new(union cpuid_table);

	while (host->n < CPUID_ENTRIES_MAX)
		host->entries[host->n++].function = 0xc0000000;
	T_EQ(cpuid_build(host, &config, t), -E2BIG);
	host->n = CPUID_ENTRIES_MAX + 1;
	T_EQ(cpuid_build(host, &config, t), -E2BIG);
}

static void kvm_takes_what_was_made_of_its_own(void)
{
	autofd int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		t_skip("there is no /dev/kvm");

	autofree union cpuid_table *host = mem_new(union cpuid_table);
	autofree union cpuid_table *t = NULL;
	autofd int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	autofd int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);

	host->head.nent = CPUID_ENTRIES_MAX;
	if (vcpu < 0 || ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &host->head) < 0)
		t_skip("this KVM makes no vCPU: %s", strerrorname_np(errno));
	t = build(host, 254, 0);
	T_EQ(ioctl(vcpu, KVM_SET_CPUID2, &t->head), 0);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(leaf_1_has_this_vcpus_id_and_the_hypervisor_bit),
		T_CASE(one_vcpu_has_no_siblings),
		T_CASE(the_tsc_deadline_bit_is_the_configs),
		T_CASE(what_cannot_be_saved_is_not_offered),
		T_CASE(extended_topology_is_one_package_of_cores),
		T_CASE(a_host_without_extended_topology_gets_none),
		T_CASE(the_last_cache_is_shared_and_the_others_are_not),
		T_CASE(amds_leaves_tell_the_same),
		T_CASE(intels_leaves_stay_free_of_amds),
		T_CASE(kvm_is_found_first_and_vx_after_it),
		T_CASE(paravirtual_features_are_those_of_kvm_that_we_know),
		T_CASE(the_host_cpu_that_was_asked_does_not_matter),
		T_CASE(leaves_come_once),
		T_CASE(a_table_without_room_is_refused),
		T_CASE(kvm_takes_what_was_made_of_its_own),
	};

	return T_RUN(cases);
}
