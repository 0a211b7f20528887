/*
 * vmm-worker/cpuid.c - the CPUID of a vCPU
 *
 * Three steps: bits by the table `patches`, topology by a function per leaf, then
 * the leaves that are ours. Topology is written over the host's, as KVM fills in
 * those of the CPU that it happened to ask. References: SDM vol. 2A "CPUID", AMD
 * APM vol. 3 appendix E.
 */
#include "vmm-worker/cpuid.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

static_assert(offsetof(union cpuid_table, entries) == sizeof(struct kvm_cpuid2),
	      "entries[] is that of kvm_cpuid2");

#define LEAF_HYPERVISOR_FIRST 0x40000000u
#define LEAF_HYPERVISOR_LAST 0x4fffffffu

#define HTT (1u << 28)	     /* leaf 1 EDX */
#define CMP_LEGACY (1u << 1) /* leaf 0x80000001 ECX */

#define VENDOR_AMD_EBX 0x68747541u   /* "Auth" */
#define VENDOR_HYGON_EBX 0x6f677948u /* "Hygo" */

#define LEVEL_THREAD (1u << 8) /* leaf 0xb ECX */
#define LEVEL_CORE (2u << 8)

enum cpuid_reg {
	EAX,
	EBX,
	ECX,
	EDX,
};

/* clang-format off */
static const struct {
	uint32_t function, index;
	enum cpuid_reg reg;
	uint32_t clear, set;
} patches[] = {
	/* VMX, SMX; OSXSAVE follows CR4 and is KVM's; hypervisor */
	{ 0x00000001, 0, ECX, 1u << 5 | 1u << 6 | 1u << 27, 1u << 31 },
	{ 0x00000006, 0, EAX, 0, 1u << 2 },		  /* ARAT */
	{ 0x00000007, 0, EBX, 1u << 2, 0 },		  /* SGX */
	{ 0x00000007, 0, ECX, 1u << 4 | 1u << 30, 0 },	  /* OSPKE as OSXSAVE, SGX_LC */
	{ 0x00000012, 0, EAX, ~0u, 0 },			  /* SGX's enclaves */
	{ 0x80000001, 0, ECX, 1u << 2 | 1u << 12, 0 },	  /* SVM, SKINIT */
	{ 0x8000000a, 0, EAX, ~0u, 0 },			  /* features of SVM */
	{ 0x8000000a, 0, EBX, ~0u, 0 },
	{ 0x8000000a, 0, EDX, ~0u, 0 },
	{ 0x8000001f, 0, EAX, ~0u, 0 },			  /* encrypted memory */
	{ 0x8000001f, 0, EBX, ~0u, 0 },
	{ 0x8000001f, 0, ECX, ~0u, 0 },
	{ 0x8000001f, 0, EDX, ~0u, 0 },
};
/* clang-format on */

/*
 * What KVM offers a guest and needs nothing of us: clock (0, 3, 24), no I/O delay
 * (1), asynchronous page faults (4, 14), steal time (5), EOI (6), unhalt (7), TLB
 * flush (9), send IPI (11), poll control (12), yield (13).
 */
#define KVM_FEATURES_KNOWN                                                     \
	(1u << 0 | 1u << 1 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | \
	 1u << 9 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 24)

struct topology {
	uint32_t cpus;
	uint32_t id;
	uint32_t shift; /* bits of an APIC id below the package */
	bool amd;
};

static uint32_t *reg_of(struct kvm_cpuid_entry2 *entry, enum cpuid_reg reg)
{
	uint32_t *const regs[] = { &entry->eax, &entry->ebx, &entry->ecx, &entry->edx };

	return regs[reg];
}

const struct kvm_cpuid_entry2 *cpuid_find(const union cpuid_table *table,
					  __u32 function, __u32 index)
{
	for (uint32_t i = 0; i < table->n; i++)
		if (table->entries[i].function == function &&
		    table->entries[i].index == index)
			return &table->entries[i];
	return NULL;
}

static void apply_patches(struct kvm_cpuid_entry2 *entry)
{
	for (size_t i = 0; i < COUNT(patches); i++)
		if (patches[i].function == entry->function &&
		    patches[i].index == entry->index) {
			uint32_t *reg = reg_of(entry, patches[i].reg);

			*reg = (*reg & ~patches[i].clear) | patches[i].set;
		}
}

static void set_bits(uint32_t *reg, unsigned low, unsigned width, uint32_t value)
{
	uint32_t mask = (1u << width) - 1;

	assert(width < 32);
	*reg = (*reg & ~(mask << low)) | (value & mask) << low;
}

/* APIC ids that a package has room for. */
static uint32_t ids_per_package(const struct topology *t)
{
	return 1u << t->shift;
}

static void leaf_1(struct kvm_cpuid_entry2 *entry, const struct topology *t)
{
	set_bits(&entry->ebx, 16, 8, MIN(ids_per_package(t), 255));
	set_bits(&entry->ebx, 24, 8, t->id);
	if (t->cpus > 1)
		entry->edx |= HTT;
	else
		entry->edx &= ~HTT;
}

/* Caches, Intel's leaf and AMD's: the first two levels are a core's own. */
static void leaf_cache(struct kvm_cpuid_entry2 *entry, const struct topology *t)
{
	uint32_t type = entry->eax & 0x1f;
	uint32_t level = entry->eax >> 5 & 7;

	if (!type)
		return;
	set_bits(&entry->eax, 14, 12, level < 3 ? 0 : ids_per_package(t) - 1);
	if (entry->function == 4)
		set_bits(&entry->eax, 26, 6, MIN(ids_per_package(t) - 1, 63));
}

static void leaf_amd_features(struct kvm_cpuid_entry2 *entry, const struct topology *t)
{
	if (t->amd && t->cpus > 1)
		entry->ecx |= CMP_LEGACY;
	else
		entry->ecx &= ~CMP_LEGACY;
}

static void leaf_amd_cores(struct kvm_cpuid_entry2 *entry, const struct topology *t)
{
	if (!t->amd)
		return;
	set_bits(&entry->ecx, 0, 8, t->cpus - 1);
	set_bits(&entry->ecx, 12, 4, t->shift);
}

/* Core `id` of one thread, in node 0, the package's only one. */
static void leaf_amd_topology(struct kvm_cpuid_entry2 *entry, const struct topology *t)
{
	if (!t->amd)
		return;
	entry->eax = t->id;
	entry->ebx = t->id & 0xff;
	entry->ecx = 0;
	entry->edx = 0;
}

static const struct {
	uint32_t function;
	void (*fill)(struct kvm_cpuid_entry2 *entry, const struct topology *t);
} topology_leaves[] = {
	{ 0x00000001, leaf_1 },
	{ 0x00000004, leaf_cache },
	{ 0x80000001, leaf_amd_features },
	{ 0x80000008, leaf_amd_cores },
	{ 0x8000001d, leaf_cache },
	{ 0x8000001e, leaf_amd_topology },
};

static void apply_topology(struct kvm_cpuid_entry2 *entry, const struct topology *t)
{
	for (size_t i = 0; i < COUNT(topology_leaves); i++)
		if (topology_leaves[i].function == entry->function)
			topology_leaves[i].fill(entry, t);
}

/* Leaves that are made anew, not taken over and changed. */
static bool is_ours(uint32_t function)
{
	return function == 0xb || function == 0x1f || function == 0x80000026 ||
	       (function >= LEAF_HYPERVISOR_FIRST && function <= LEAF_HYPERVISOR_LAST);
}

static int add(union cpuid_table *out, struct kvm_cpuid_entry2 entry)
{
	if (out->n == CPUID_ENTRIES_MAX)
		return -E2BIG;
	out->entries[out->n++] = entry;
	return 0;
}

/* Extended topology, 0xb and 0x1f: threads, cores, the end. */
static int add_levels(union cpuid_table *out, uint32_t function,
		      const struct topology *t)
{
	const struct kvm_cpuid_entry2 levels[] = {
		{ .ebx = 1, .ecx = LEVEL_THREAD },
		{ .eax = t->shift, .ebx = t->cpus, .ecx = LEVEL_CORE },
		{ .eax = 0 },
	};

	for (uint32_t i = 0; i < COUNT(levels); i++) {
		struct kvm_cpuid_entry2 entry = levels[i];

		entry.function = function;
		entry.index = i;
		entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		entry.ecx |= i;
		entry.edx = t->id;
		if (add(out, entry) < 0)
			return -E2BIG;
	}
	return 0;
}

static struct kvm_cpuid_entry2 signature(uint32_t function, uint32_t last,
					 const char text[12])
{
	struct kvm_cpuid_entry2 entry = { .function = function, .eax = last };

	memcpy(&entry.ebx, text, 4);
	memcpy(&entry.ecx, text + 4, 4);
	memcpy(&entry.edx, text + 8, 4);
	return entry;
}

static int add_hypervisor(union cpuid_table *out, const union cpuid_table *supported)
{
	const struct kvm_cpuid_entry2 *host =
		cpuid_find(supported, CPUID_KVM_FEATURES, 0);
	const struct kvm_cpuid_entry2 entries[] = {
		signature(CPUID_KVM, CPUID_KVM_FEATURES, "KVMKVMKVM\0\0"),
		{ .function = CPUID_KVM_FEATURES,
		  .eax = host ? host->eax & KVM_FEATURES_KNOWN : 0 },
		signature(CPUID_VX, CPUID_VX_VERSION, CPUID_VX_SIGNATURE),
		{ .function = CPUID_VX_VERSION,
		  .eax = CPUID_VX_LEAF_VERSION,
		  .ebx = CPUID_VX_MACHINE_PV },
	};

	for (size_t i = 0; i < COUNT(entries); i++)
		if (add(out, entries[i]) < 0)
			return -E2BIG;
	return 0;
}

static struct topology topology_of(const union cpuid_table *supported,
				   const struct cpuid_config *config)
{
	const struct kvm_cpuid_entry2 *vendor = cpuid_find(supported, 0, 0);
	struct topology t = { .cpus = config->cpus, .id = config->apic_id };

	while (ids_per_package(&t) < t.cpus)
		t.shift++;
	t.amd = vendor &&
		(vendor->ebx == VENDOR_AMD_EBX || vendor->ebx == VENDOR_HYGON_EBX);
	return t;
}

static int copy_entries(const union cpuid_table *supported,
			const struct cpuid_config *config, const struct topology *t,
			union cpuid_table *out)
{
	for (uint32_t i = 0; i < supported->n; i++) {
		struct kvm_cpuid_entry2 entry = supported->entries[i];

		if (is_ours(entry.function))
			continue;
		apply_patches(&entry);
		apply_topology(&entry, t);
		if (entry.function == 1)
			set_bits(&entry.ecx, 24, 1, config->tsc_deadline);
		if (add(out, entry) < 0)
			return -E2BIG;
	}
	return 0;
}

int cpuid_build(const union cpuid_table *supported, const struct cpuid_config *config,
		union cpuid_table *out)
{
	assert(config->cpus >= 1 && config->cpus <= 255);
	assert(config->apic_id < config->cpus);
	if (supported->n > CPUID_ENTRIES_MAX)
		return -E2BIG;

	struct topology t = topology_of(supported, config);
	const struct kvm_cpuid_entry2 *base = cpuid_find(supported, 0, 0);
	uint32_t last = base ? base->eax : 0;

	out->n = 0;
	out->padding = 0;
	if (copy_entries(supported, config, &t, out) < 0)
		return -E2BIG;
	if (last >= 0xb && add_levels(out, 0xb, &t) < 0)
		return -E2BIG;
	if (last >= 0x1f && add_levels(out, 0x1f, &t) < 0)
		return -E2BIG;
	return add_hypervisor(out, supported);
}
