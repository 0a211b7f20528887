/*
 * tests/unit/test_boot_multiboot.c - multiboot 1 kernels: good and hostile
 */
#include <elf.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/boot_rig.h"
#include "tests/unit/test.h"

#define MAGIC 0x1badb002u
#define ADDRESSES 0x10000u
#define LOAD 0x200000u
#define HEADER 0x40 /* in a flat file */
#define FILE_SIZE 0x3000

static uint8_t file[FILE_SIZE];

static void put_header(size_t off, uint32_t flags)
{
	le32_put(file + off, MAGIC);
	le32_put(file + off + 4, flags);
	le32_put(file + off + 8, -(MAGIC + flags));
}

static void put_addresses(uint32_t header, uint32_t load, uint32_t load_end,
			  uint32_t bss_end, uint32_t entry)
{
	const uint32_t values[] = { header, load, load_end, bss_end, entry };

	memcpy(file + HEADER + 12, values, sizeof(values));
}

/* A file without format: the header says where its bytes go. */
static void make_flat(void)
{
	memset(file, 0x90, sizeof(file));
	put_header(HEADER, ADDRESSES | 3);
	put_addresses(LOAD + HEADER, LOAD, LOAD + FILE_SIZE, LOAD + 2 * FILE_SIZE,
		      LOAD + 0x100);
}

static Elf32_Phdr *phdr(void)
{
	return (Elf32_Phdr *)(void *)(file + sizeof(Elf32_Ehdr));
}

/* A kernel of the upper half: its entry is a virtual address. */
static void make_elf(void)
{
	Elf32_Ehdr h = { .e_ident = ELFMAG,
			 .e_type = ET_EXEC,
			 .e_machine = EM_386,
			 .e_entry = 0xc0200100,
			 .e_phoff = sizeof(h),
			 .e_phentsize = sizeof(Elf32_Phdr),
			 .e_phnum = 1 };

	h.e_ident[EI_CLASS] = ELFCLASS32;
	h.e_ident[EI_DATA] = ELFDATA2LSB;
	memset(file, 0x90, sizeof(file));
	memcpy(file, &h, sizeof(h));
	*phdr() = (Elf32_Phdr){ .p_type = PT_LOAD,
				.p_offset = 0x1000,
				.p_vaddr = 0xc0200000,
				.p_paddr = LOAD,
				.p_filesz = 0x2000,
				.p_memsz = 0x4000 };
	put_header(0x1000, 3);
}

static void load_well(struct boot_rig *rig)
{
	if (boot_rig_load(rig, file, sizeof(file)) < 0)
		t_fail(__FILE__, __LINE__, "%s", rig->e->message);
}

static void refused(struct boot_rig *rig, size_t size, const char *part)
{
	T_EQ(boot_rig_load(rig, file, size), -1);
	T_HAS(rig->e->message, part);
	T_EQ(rig->e->code, ERR_BAD_IMAGE);
}

#define BAD(rig, part) refused(rig, sizeof(file), part)

static void check_entry(struct boot_rig *rig, uint64_t ip)
{
	T_EQ(rig->entry.protocol, BOOT_PROTOCOL_MULTIBOOT);
	T_EQ(rig->entry.mode, BOOT_PROTECTED32);
	T_EQ(rig->entry.ip, ip);
	T_EQ(rig->entry.rax, 0x2badb002);
}

static void a_file_of_any_format_goes_where_its_header_says(void)
{
	uint32_t dirt = 0xdeadbeef;
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	T_EQ(guest_write(&rig.memory, LOAD + FILE_SIZE, &dirt, 4), 0);
	make_flat();
	load_well(&rig);
	check_entry(&rig, LOAD + 0x100);
	T_OK(memcmp(boot_rig_at(&rig, LOAD, FILE_SIZE), file, FILE_SIZE) == 0);
	T_EQ(boot_rig_u32(&rig, LOAD + FILE_SIZE), 0);
	boot_rig_fini(&rig);
}

static void what_lies_before_the_load_address_stays_in_the_file(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_flat();
	put_addresses(LOAD + 0x10, LOAD, 0, 0, LOAD + 0x100);
	load_well(&rig);
	T_EQ(boot_rig_u32(&rig, LOAD + 0x10), MAGIC);
	T_EQ(boot_rig_u32(&rig, LOAD + FILE_SIZE - HEADER + 0x10 - 4), 0x90909090);
	T_EQ(boot_rig_u32(&rig, LOAD + FILE_SIZE - HEADER + 0x10), 0);
	boot_rig_fini(&rig);
}

static void an_elf_file_is_entered_by_physical_address(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_elf();
	load_well(&rig);
	check_entry(&rig, LOAD + 0x100);
	T_OK(memcmp(boot_rig_at(&rig, LOAD, 0x2000), file + 0x1000, 0x2000) == 0);
	T_EQ(boot_rig_u32(&rig, LOAD + 0x2000), 0);
	le32_put(file + offsetof(Elf32_Ehdr, e_entry), LOAD + 0x200);
	load_well(&rig);
	check_entry(&rig, LOAD + 0x200);
	boot_rig_fini(&rig);
}

static void the_information_says_what_there_is(void)
{
	struct map_range ranges[MAP_RANGES_MAX];
	size_t n = memory_map_e820(16 * RIG_MIB, ranges);
	struct boot_rig rig;
	uint64_t info, map;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_flat();
	load_well(&rig);
	info = rig.entry.rbx;
	T_EQ(boot_rig_u32(&rig, info), 0x24d);
	T_EQ(boot_rig_u32(&rig, info + 4), 639);
	T_EQ(boot_rig_u32(&rig, info + 8), 15 * 1024);
	T_STR((const char *)boot_rig_at(&rig, boot_rig_u32(&rig, info + 16), 32),
	      "console=ttyS0");
	T_EQ(boot_rig_u32(&rig, info + 20), 0);
	T_STR((const char *)boot_rig_at(&rig, boot_rig_u32(&rig, info + 64), 16), "vx");
	T_EQ(boot_rig_u32(&rig, info + 44), n * 24);
	map = boot_rig_u32(&rig, info + 48);
	for (size_t i = 0; i < n; i++) {
		T_EQ(boot_rig_u32(&rig, map + i * 24), 20);
		T_EQ(boot_rig_u64(&rig, map + i * 24 + 4), ranges[i].start);
		T_EQ(boot_rig_u64(&rig, map + i * 24 + 12), ranges[i].size);
		T_EQ(boot_rig_u32(&rig, map + i * 24 + 20), ranges[i].type);
	}
	boot_rig_fini(&rig);
}

static void upper_memory_ends_at_the_hole(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 5120 * RIG_MIB);
	make_flat();
	load_well(&rig);
	T_EQ(boot_rig_u32(&rig, rig.entry.rbx + 8), 3071 * 1024);
	boot_rig_fini(&rig);
}

static void modules_arrive_in_order_at_page_boundaries(void)
{
	struct boot_rig rig;
	uint64_t list;

	boot_rig_init(&rig, 16 * RIG_MIB);
	boot_rig_module(&rig, boot_rig_file("first", 5, 5), NULL);
	boot_rig_module(&rig, boot_rig_file("second", 6, 6000), "/x/second");
	make_flat();
	load_well(&rig);
	T_EQ(boot_rig_u32(&rig, rig.entry.rbx + 20), 2);
	list = boot_rig_u32(&rig, rig.entry.rbx + 24);
	T_EQ(boot_rig_u32(&rig, list), 16 * RIG_MIB - 4096);
	T_EQ(boot_rig_u32(&rig, list + 4), 16 * RIG_MIB - 4096 + 5);
	T_EQ(boot_rig_u32(&rig, list + 8), 0);
	T_EQ(boot_rig_u32(&rig, list + 16), 16 * RIG_MIB - 3 * 4096);
	T_EQ(boot_rig_u32(&rig, list + 20), 16 * RIG_MIB - 3 * 4096 + 6000);
	T_STR((const char *)boot_rig_at(&rig, boot_rig_u32(&rig, list + 24), 16),
	      "/x/second");
	boot_rig_fini(&rig);
}

static void an_initrd_that_does_not_fit_is_refused_with_a_hint(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	boot_rig_module(&rig, boot_rig_file("x", 1, 64 * RIG_MIB), NULL);
	make_flat();
	BAD(&rig, "the initrd of 64 MiB does not fit into guest memory of 16 MiB");
	T_HAS(rig.e->hint, "more memory");
	boot_rig_fini(&rig);
}

static void the_header_is_looked_for_in_the_first_8_kib(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_elf();
	le32_put(file + 0x1000, 0);
	put_header(8192 - 12, 3);
	load_well(&rig);
	le32_put(file + 8192 - 12, 0);
	put_header(8192 - 8, 3);
	BAD(&rig, "without a PVH note or a multiboot header");
	put_header(0x1002, 3); /* not aligned */
	rig.request.protocol = BOOT_PROTOCOL_MULTIBOOT;
	BAD(&rig, "no multiboot header in its first 8 KiB");
	boot_rig_fini(&rig);
}

static void a_magic_with_a_wrong_checksum_is_no_header(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_flat();
	le32_put(file + 0x10, MAGIC);
	load_well(&rig);
	le32_put(file + HEADER + 8, 0);
	BAD(&rig, "no known kind");
	boot_rig_fini(&rig);
}

static void requirements_that_we_do_not_know_are_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_flat();
	put_header(HEADER, ADDRESSES | 8);
	BAD(&rig, "requires what multiboot 1 does not have (flags 0x10008)");
	put_header(HEADER, ADDRESSES | 0x80000007);
	load_well(&rig);
	boot_rig_fini(&rig);
}

static void a_header_without_addresses_needs_an_elf_file(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_flat();
	put_header(HEADER, 3);
	BAD(&rig, "without addresses, but is not an ELF file");
	boot_rig_fini(&rig);
}

static void hostile_addresses_are_refused(void)
{
	static const struct {
		uint32_t header, load, load_end, bss_end, entry;
		const char *part;
	} bad[] = {
		{ LOAD - 1, LOAD, 0, 0, LOAD, "cannot follow the load address" },
		{ LOAD + HEADER + 1, LOAD, 0, 0, LOAD, "cannot follow the load" },
		{ LOAD, LOAD, LOAD - 1, 0, LOAD, "out of order" },
		{ LOAD, LOAD, 0, LOAD - 1, LOAD, "out of order" },
		{ LOAD, LOAD, LOAD + 0x200, LOAD + 0x100, LOAD, "out of order" },
		{ LOAD, LOAD, 0, 0, LOAD - 1, "outside of what is loaded" },
		{ LOAD, LOAD, LOAD + 16, 0, LOAD + 16, "outside of what is loaded" },
		{ LOAD, LOAD, LOAD, 0, LOAD, "outside of what is loaded" },
		{ LOAD, LOAD, LOAD + FILE_SIZE, 0, LOAD, "truncated" },
		{ LOAD, LOAD, 0xffffffff, 0, LOAD, "no machine has memory" },
		{ LOAD, LOAD, 0, 0xffffffff, LOAD, "no machine has memory" },
		{ 0xfffffffc, 0xfffffffc, 0, 0, 0xfffffffc, "no machine has memory" },
		{ 0xe0000, 0xe0000, 0, 0, 0xe0000, "ACPI tables" },
		{ 0x97000, 0x97000, 0, 0, 0x97000, "boot information" },
		{ LOAD, LOAD, 0, 0x1800000, LOAD, "needs memory up to 24 MiB" },
	};
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_flat();
	for (size_t i = 0; i < COUNT(bad); i++) {
		put_addresses(bad[i].header, bad[i].load, bad[i].load_end,
			      bad[i].bss_end, bad[i].entry);
		BAD(&rig, bad[i].part);
	}
	boot_rig_fini(&rig);
}

static void a_truncated_file_is_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_flat();
	refused(&rig, HEADER + 12, "ends within the addresses");
	refused(&rig, HEADER + 31, "ends within the addresses");
	refused(&rig, FILE_SIZE - 1, "the kernel is truncated");
	make_elf();
	refused(&rig, 40, "truncated: its ELF header");
	refused(&rig, 0x1000, "truncated: its ELF segment");
	refused(&rig, 0x1800, "truncated: its ELF segment");
	boot_rig_fini(&rig);
}

static void an_elf_entry_where_nothing_is_loaded_is_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_elf();
	le32_put(file + offsetof(Elf32_Ehdr, e_entry), 0xc0204000);
	BAD(&rig, "nothing is loaded at its entry 0xc0204000");
	make_elf();
	phdr()->p_paddr = 0xc0200000;
	BAD(&rig, "no machine has memory there");
	boot_rig_fini(&rig);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_file_of_any_format_goes_where_its_header_says),
		T_CASE(what_lies_before_the_load_address_stays_in_the_file),
		T_CASE(an_elf_file_is_entered_by_physical_address),
		T_CASE(the_information_says_what_there_is),
		T_CASE(upper_memory_ends_at_the_hole),
		T_CASE(modules_arrive_in_order_at_page_boundaries),
		T_CASE(an_initrd_that_does_not_fit_is_refused_with_a_hint),
		T_CASE(the_header_is_looked_for_in_the_first_8_kib),
		T_CASE(a_magic_with_a_wrong_checksum_is_no_header),
		T_CASE(requirements_that_we_do_not_know_are_refused),
		T_CASE(a_header_without_addresses_needs_an_elf_file),
		T_CASE(hostile_addresses_are_refused),
		T_CASE(a_truncated_file_is_refused),
		T_CASE(an_elf_entry_where_nothing_is_loaded_is_refused),
	};

	return T_RUN(cases);
}
