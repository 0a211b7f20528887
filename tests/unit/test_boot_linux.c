/*
 * tests/unit/test_boot_linux.c - bzImages: good ones, and hostile ones
 */
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/boot_rig.h"
#include "tests/unit/test.h"

#define SETUP_SIZE 1024 /* setup_sects 1 */
#define CODE_SIZE 4096
#define KERNEL_SIZE (SETUP_SIZE + CODE_SIZE)
#define PREF 0x200000ull
#define INIT_SIZE 0x300000u

static uint8_t kernel[KERNEL_SIZE];

static void make_kernel(void)
{
	memset(kernel, 0, SETUP_SIZE);
	memset(kernel + SETUP_SIZE, 0x90, CODE_SIZE);
	kernel[0x1f1] = 1;
	le32_put(kernel + 0x1f4, CODE_SIZE / 16);
	le16_put(kernel + 0x1fe, 0xaa55);
	kernel[0x200] = 0xeb;
	kernel[0x201] = 0x66;
	le32_put(kernel + 0x202, 0x53726448); /* "HdrS" */
	le16_put(kernel + 0x206, 0x020c);
	kernel[0x211] = 0x81;
	le32_put(kernel + 0x22c, 0x7fffffff);
	le32_put(kernel + 0x230, 0x200000);
	kernel[0x234] = 1;
	le16_put(kernel + 0x236, 1);
	le32_put(kernel + 0x238, 255);
	le64_put(kernel + 0x250, 0xdeadbeef);
	le64_put(kernel + 0x258, PREF);
	le32_put(kernel + 0x260, INIT_SIZE);
}

static void load_well(struct boot_rig *rig)
{
	if (boot_rig_load(rig, kernel, sizeof(kernel)) < 0)
		t_fail(__FILE__, __LINE__, "%s", rig->e->message);
}

/* `size` bytes of the kernel are refused, with a sentence that has `part` in it. */
static void refused(struct boot_rig *rig, size_t size, enum err_code code,
		    const char *part)
{
	T_EQ(boot_rig_load(rig, kernel, size), -1);
	T_HAS(rig->e->message, part);
	T_EQ(rig->e->code, code);
}

#define BAD(rig, part) refused(rig, sizeof(kernel), ERR_BAD_IMAGE, part)

static void it_is_entered_by_its_64_bit_entry(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	load_well(&rig);
	T_EQ(rig.entry.protocol, BOOT_PROTOCOL_LINUX);
	T_EQ(rig.entry.mode, BOOT_LONG64);
	T_EQ(rig.entry.ip, PREF + 0x200);
	T_OK(memcmp(boot_rig_at(&rig, PREF, CODE_SIZE), kernel + SETUP_SIZE,
		    CODE_SIZE) == 0);
	boot_rig_fini(&rig);
}

static void segments_are_as_the_protocol_wants_them(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	load_well(&rig);
	T_EQ(rig.entry.code_selector, 0x10);
	T_EQ(rig.entry.data_selector, 0x18);
	T_EQ(boot_rig_u64(&rig, rig.entry.gdt + 0x10), 0x00af9b000000ffff);
	T_EQ(boot_rig_u64(&rig, rig.entry.gdt + 0x18), 0x00cf93000000ffff);
	T_OK(rig.entry.gdt_limit >= rig.entry.tss_selector + 15);
	boot_rig_fini(&rig);
}

/* Walk the tables as the processor does. */
static uint64_t translate(struct boot_rig *rig, uint64_t addr)
{
	uint64_t table = rig->entry.cr3, entry;

	for (unsigned shift = 39; shift >= 21; shift -= 9) {
		entry = boot_rig_u64(rig, table + (addr >> shift) % 512 * 8);
		if ((entry & 3) != 3)
			t_fail(__FILE__, __LINE__, "%#jx is not mapped",
			       (uintmax_t)addr);
		table = entry & ~0xfffull;
	}
	T_OK(entry & 0x80);
	return table + addr % (2 * RIG_MIB);
}

static void the_first_4_gib_are_mapped_to_themselves(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	load_well(&rig);
	for (uint64_t addr = 0; addr < 4096 * RIG_MIB; addr += 2 * RIG_MIB)
		T_EQ(translate(&rig, addr + 0x1234), addr + 0x1234);
	boot_rig_fini(&rig);
}

static void the_zero_page_has_the_header_and_what_the_kernel_is_told(void)
{
	struct boot_rig rig;
	uint64_t page;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	kernel[0x1f0] = 0x55; /* before and behind the header: not to be copied */
	kernel[0x268] = 0x55;
	load_well(&rig);
	page = rig.entry.rsi;
	T_EQ(*boot_rig_at(&rig, page + 0x1f0, 1), 0);
	T_EQ(*boot_rig_at(&rig, page + 0x268, 1), 0);
	T_OK(memcmp(boot_rig_at(&rig, page + 0x202, 4), "HdrS", 4) == 0);
	T_EQ(boot_rig_u32(&rig, page + 0x260), INIT_SIZE);
	T_EQ(*boot_rig_at(&rig, page + 0x210, 1), 0xff);
	T_EQ(boot_rig_u64(&rig, page + 0x070), MAP_RSDP);
	T_EQ(boot_rig_u64(&rig, page + 0x250), 0); /* setup_data is not the file's */
	T_EQ(boot_rig_u32(&rig, page + 0x218), 0);
	T_EQ(boot_rig_u32(&rig, page + 0x21c), 0);
	T_STR((const char *)boot_rig_at(&rig, boot_rig_u32(&rig, page + 0x228), 32),
	      "console=ttyS0");
	boot_rig_fini(&rig);
}

static void the_memory_map_is_the_machines(void)
{
	struct map_range ranges[MAP_RANGES_MAX];
	size_t n = memory_map_e820(16 * RIG_MIB, ranges);
	struct boot_rig rig;
	uint64_t page;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	load_well(&rig);
	page = rig.entry.rsi;
	T_EQ(*boot_rig_at(&rig, page + 0x1e8, 1), n);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = page + 0x2d0 + i * 20;

		T_EQ(boot_rig_u64(&rig, at), ranges[i].start);
		T_EQ(boot_rig_u64(&rig, at + 8), ranges[i].size);
		T_EQ(boot_rig_u32(&rig, at + 16), ranges[i].type);
	}
	boot_rig_fini(&rig);
}

static void the_initrd_lies_as_high_as_the_kernel_allows(void)
{
	struct boot_rig rig;
	uint64_t page;

	boot_rig_init(&rig, 16 * RIG_MIB);
	boot_rig_module(&rig, boot_rig_file("initrd!", 7, 5000), NULL);
	make_kernel();
	load_well(&rig);
	page = rig.entry.rsi;
	T_EQ(boot_rig_u32(&rig, page + 0x218), 16 * RIG_MIB - 8192);
	T_EQ(boot_rig_u32(&rig, page + 0x21c), 5000);
	T_OK(memcmp(boot_rig_at(&rig, 16 * RIG_MIB - 8192, 7), "initrd!", 7) == 0);

	le32_put(kernel + 0x22c, 0xa00fff);
	load_well(&rig);
	T_EQ(boot_rig_u32(&rig, page + 0x218), 0xa01000 - 8192);
	boot_rig_fini(&rig);
}

static void memory_above_4_gib_moves_the_initrd_no_higher(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 5120 * RIG_MIB);
	boot_rig_module(&rig, boot_rig_file("x", 1, 1), NULL);
	make_kernel();
	le32_put(kernel + 0x22c, 0xffffffff);
	load_well(&rig);
	T_EQ(boot_rig_u32(&rig, rig.entry.rsi + 0x218), MAP_LOW_RAM_END - 4096);
	boot_rig_fini(&rig);
}

static void an_initrd_that_does_not_fit_is_refused_with_a_hint(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	boot_rig_module(&rig, boot_rig_file("x", 1, 12 * RIG_MIB), NULL);
	make_kernel();
	BAD(&rig, "the initrd of 12 MiB does not fit into guest memory of 16 MiB");
	T_HAS(rig.e->hint, "more memory");
	boot_rig_fini(&rig);
}

static void an_initrd_may_fill_all_that_the_kernel_leaves(void)
{
	uint64_t room = 16 * RIG_MIB - PREF - INIT_SIZE;
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	boot_rig_module(&rig, boot_rig_file("x", 1, room), NULL);
	make_kernel();
	load_well(&rig);
	T_EQ(boot_rig_u32(&rig, rig.entry.rsi + 0x218), PREF + INIT_SIZE);
	rig.request.n_modules = 0;
	boot_rig_module(&rig, boot_rig_file("x", 1, room + 1), NULL);
	BAD(&rig, "does not fit");
	boot_rig_fini(&rig);
}

static void modules_beyond_the_initrd_are_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	boot_rig_module(&rig, boot_rig_file("x", 1, 1), NULL);
	boot_rig_module(&rig, boot_rig_file("y", 1, 1), "y");
	make_kernel();
	refused(&rig, sizeof(kernel), ERR_INVALID_PARAMS, "no other modules");
	boot_rig_fini(&rig);
}

static void an_empty_initrd_is_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	boot_rig_module(&rig, boot_rig_file("", 0, 0), NULL);
	make_kernel();
	BAD(&rig, "the initrd is empty");
	boot_rig_fini(&rig);
}

static void a_command_line_longer_than_the_kernel_takes_is_refused(void)
{
	char line[257];
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	memset(line, 'x', sizeof(line));
	rig.request.cmdline = line;
	make_kernel();
	line[255] = '\0';
	load_well(&rig);
	line[255] = 'x';
	line[256] = '\0';
	refused(&rig, sizeof(kernel), ERR_INVALID_PARAMS,
		"the command line has 256 bytes, this kernel takes 255");
	/* However much the kernel claims to take, our own room is the limit. */
	le32_put(kernel + 0x238, 0xffffffff);
	load_well(&rig);
	boot_rig_fini(&rig);
}

static void a_truncated_kernel_is_refused(void)
{
	static const struct {
		size_t size;
		const char *part;
	} cut[] = {
		{ 0x206, "the kernel is truncated: the setup header" },
		{ 0x263, "the kernel is truncated: the setup header" },
		{ 0x264, "the kernel is truncated: a bzImage of 5120 bytes" },
		{ SETUP_SIZE, "the kernel is truncated: a bzImage of 5120 bytes" },
		{ KERNEL_SIZE - 1, "the file has 5119" },
	};
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	for (size_t i = 0; i < COUNT(cut); i++)
		refused(&rig, cut[i].size, ERR_BAD_IMAGE, cut[i].part);
	boot_rig_fini(&rig);
}

static void kernels_that_we_cannot_enter_are_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	le16_put(kernel + 0x206, 0x0207);
	BAD(&rig, "boot protocol 2.07: 2.12 or later");
	make_kernel();
	kernel[0x211] = 0;
	BAD(&rig, "zImage");
	make_kernel();
	le16_put(kernel + 0x236, 0x3e);
	BAD(&rig, "without a 64-bit entry");
	boot_rig_fini(&rig);
}

static void hostile_headers_are_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	kernel[0x201] = 0x61;
	BAD(&rig, "setup header of 114 bytes");
	make_kernel();
	kernel[0x201] = 0xff;
	BAD(&rig, "setup header of");
	make_kernel();
	kernel[0x1f1] = 0xff;
	BAD(&rig, "truncated");
	make_kernel();
	le32_put(kernel + 0x1f4, 0xffffffff);
	BAD(&rig, "truncated");
	make_kernel();
	le32_put(kernel + 0x1f4, 0x20);
	BAD(&rig, "only 512 bytes");
	boot_rig_fini(&rig);
}

static void a_kernel_that_wants_to_lie_elsewhere_is_refused(void)
{
	static const struct {
		uint64_t pref;
		uint32_t size;
		const char *part;
	} bad[] = {
		{ 0x1000, INIT_SIZE, "boot information, ACPI tables and ROMs lie" },
		{ 0xe0000, 0, "boot information, ACPI tables and ROMs lie" },
		{ 0x8f800, 0, "boot information, ACPI tables and ROMs lie" },
		{ 15 * RIG_MIB, INIT_SIZE,
		  "memory up to 18 MiB, the guest has 16 MiB" },
		{ PREF, 0x0f000000, "needs memory up to 242 MiB" },
		{ PREF, 0xffffffff, "no machine has memory there" },
		{ MAP_LOW_RAM_END, 0, "no machine has memory there" },
		{ 0x100000000, 0, "no machine has memory there" },
		{ UINT64_MAX, 0, "no machine has memory there" },
		{ UINT64_MAX - 4095, 0, "no machine has memory there" },
	};
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	for (size_t i = 0; i < COUNT(bad); i++) {
		le64_put(kernel + 0x258, bad[i].pref);
		le32_put(kernel + 0x260, bad[i].size);
		BAD(&rig, bad[i].part);
	}
	boot_rig_fini(&rig);
}

static void a_kernel_without_preference_goes_to_1_mib(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	le64_put(kernel + 0x258, 0);
	kernel[0x234] = 0;
	load_well(&rig);
	T_EQ(rig.entry.ip, 0x100200);
	boot_rig_fini(&rig);
}

static void a_signature_behind_the_kernel_is_not_loaded(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	le32_put(kernel + 0x1f4, CODE_SIZE / 16 - 1);
	load_well(&rig);
	T_EQ(boot_rig_u64(&rig, PREF + CODE_SIZE - 16), 0);
	boot_rig_fini(&rig);
}

static void another_protocol_is_not_taken_for_it(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_kernel();
	rig.request.protocol = BOOT_PROTOCOL_LINUX;
	load_well(&rig);
	rig.request.protocol = BOOT_PROTOCOL_PVH;
	BAD(&rig, "not an ELF file");
	rig.request.protocol = BOOT_PROTOCOL_MULTIBOOT;
	BAD(&rig, "no multiboot header");
	rig.request.protocol = BOOT_PROTOCOL_LINUX;
	kernel[0x202] = 'h';
	BAD(&rig, "not a bzImage");
	boot_rig_fini(&rig);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(it_is_entered_by_its_64_bit_entry),
		T_CASE(segments_are_as_the_protocol_wants_them),
		T_CASE(the_first_4_gib_are_mapped_to_themselves),
		T_CASE(the_zero_page_has_the_header_and_what_the_kernel_is_told),
		T_CASE(the_memory_map_is_the_machines),
		T_CASE(the_initrd_lies_as_high_as_the_kernel_allows),
		T_CASE(memory_above_4_gib_moves_the_initrd_no_higher),
		T_CASE(an_initrd_that_does_not_fit_is_refused_with_a_hint),
		T_CASE(an_initrd_may_fill_all_that_the_kernel_leaves),
		T_CASE(modules_beyond_the_initrd_are_refused),
		T_CASE(an_empty_initrd_is_refused),
		T_CASE(a_command_line_longer_than_the_kernel_takes_is_refused),
		T_CASE(a_truncated_kernel_is_refused),
		T_CASE(kernels_that_we_cannot_enter_are_refused),
		T_CASE(hostile_headers_are_refused),
		T_CASE(a_kernel_that_wants_to_lie_elsewhere_is_refused),
		T_CASE(a_kernel_without_preference_goes_to_1_mib),
		T_CASE(a_signature_behind_the_kernel_is_not_loaded),
		T_CASE(another_protocol_is_not_taken_for_it),
	};

	return T_RUN(cases);
}
