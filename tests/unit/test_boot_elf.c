/*
 * tests/unit/test_boot_elf.c - ELF files and their PVH note: good and hostile
 */
#include <elf.h>
#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/boot_rig.h"
#include "tests/unit/test.h"

#define CODE 0x200000u
#define CODE_OFF 0x1000
#define CODE_SIZE 0x800u
#define BSS_SIZE 0x30000u
#define NOTE_OFF 0x800
#define ENTRY (CODE + 0x10)

static struct {
	union {
		Elf64_Ehdr h64;
		Elf32_Ehdr h32;
		uint8_t room[NOTE_OFF];
	};
	uint32_t note[16];
	uint8_t pad[CODE_OFF - NOTE_OFF - 64];
	uint8_t code[CODE_SIZE];
} file;

/* Program headers right behind the ELF header. */
static Elf64_Phdr *p64(size_t i)
{
	return (Elf64_Phdr *)(void *)(file.room + sizeof(Elf64_Ehdr)) + i;
}

static Elf32_Phdr *p32(size_t i)
{
	return (Elf32_Phdr *)(void *)(file.room + sizeof(Elf32_Ehdr)) + i;
}

/* Another note first, as real kernels have. */
static void make_content(void)
{
	static const uint32_t note[] = { 4, 4, 18, 0x006e6558, ENTRY };

	memset(&file, 0, sizeof(file));
	memcpy(file.note, note, sizeof(note));
	memset(file.code, 0x90, sizeof(file.code));
	memcpy(file.room, ELFMAG, SELFMAG);
	file.room[EI_DATA] = ELFDATA2LSB;
	file.room[EI_VERSION] = EV_CURRENT;
}

static void make_64(void)
{
	make_content();
	file.room[EI_CLASS] = ELFCLASS64;
	file.h64.e_type = ET_EXEC;
	file.h64.e_machine = EM_X86_64;
	file.h64.e_entry = 0xffffffff81000000;
	file.h64.e_phoff = sizeof(Elf64_Ehdr);
	file.h64.e_phentsize = sizeof(Elf64_Phdr);
	file.h64.e_phnum = 2;
	*p64(0) = (Elf64_Phdr){ .p_type = PT_LOAD,
				.p_offset = CODE_OFF,
				.p_vaddr = 0xffffffff81000000,
				.p_paddr = CODE,
				.p_filesz = CODE_SIZE,
				.p_memsz = CODE_SIZE + BSS_SIZE };
	*p64(1) = (Elf64_Phdr){ .p_type = PT_NOTE,
				.p_offset = NOTE_OFF,
				.p_filesz = 20,
				.p_memsz = 20,
				.p_align = 4 };
}

static void make_32(void)
{
	make_content();
	file.room[EI_CLASS] = ELFCLASS32;
	file.h32.e_type = ET_EXEC;
	file.h32.e_machine = EM_386;
	file.h32.e_phoff = sizeof(Elf32_Ehdr);
	file.h32.e_phentsize = sizeof(Elf32_Phdr);
	file.h32.e_phnum = 2;
	*p32(0) = (Elf32_Phdr){ .p_type = PT_LOAD,
				.p_offset = CODE_OFF,
				.p_vaddr = CODE,
				.p_paddr = CODE,
				.p_filesz = CODE_SIZE,
				.p_memsz = CODE_SIZE + BSS_SIZE };
	*p32(1) = (Elf32_Phdr){
		.p_type = PT_NOTE, .p_offset = NOTE_OFF, .p_filesz = 20, .p_memsz = 20
	};
}

static void load_well(struct boot_rig *rig)
{
	if (boot_rig_load(rig, &file, sizeof(file)) < 0)
		t_fail(__FILE__, __LINE__, "%s", rig->e->message);
}

static void refused(struct boot_rig *rig, size_t size, const char *part)
{
	T_EQ(boot_rig_load(rig, &file, size), -1);
	T_HAS(rig->e->message, part);
	T_EQ(rig->e->code, ERR_BAD_IMAGE);
}

#define BAD(rig, part) refused(rig, sizeof(file), part)

static void check_loaded(struct boot_rig *rig)
{
	T_EQ(rig->entry.protocol, BOOT_PROTOCOL_PVH);
	T_EQ(rig->entry.mode, BOOT_PROTECTED32);
	T_EQ(rig->entry.ip, ENTRY);
	T_OK(memcmp(boot_rig_at(rig, CODE, CODE_SIZE), file.code, CODE_SIZE) == 0);
	T_EQ(boot_rig_u64(rig, rig->entry.gdt + rig->entry.code_selector),
	     0x00cf9b000000ffff);
	T_EQ(boot_rig_u64(rig, rig->entry.gdt + rig->entry.data_selector),
	     0x00cf93000000ffff);
}

static void files_of_either_class_are_entered_by_their_note(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	load_well(&rig);
	check_loaded(&rig);
	make_32();
	load_well(&rig);
	check_loaded(&rig);
	boot_rig_fini(&rig);
}

static void the_bss_is_zero_also_when_the_guest_reboots(void)
{
	struct boot_rig rig;
	uint32_t dirt = 0xdeadbeef;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	load_well(&rig);
	for (uint32_t at = 0; at < BSS_SIZE; at += 4)
		T_EQ(guest_write(&rig.memory, CODE + CODE_SIZE + at, &dirt, 4), 0);
	T_EQ(guest_write(&rig.memory, CODE + CODE_SIZE + BSS_SIZE, &dirt, 4), 0);
	load_well(&rig);
	for (uint32_t at = 0; at < BSS_SIZE; at += 4)
		T_EQ(boot_rig_u32(&rig, CODE + CODE_SIZE + at), 0);
	/* And nothing behind it was touched. */
	T_EQ(boot_rig_u32(&rig, CODE + CODE_SIZE + BSS_SIZE), dirt);
	boot_rig_fini(&rig);
}

static void the_start_info_says_what_there_is(void)
{
	struct map_range ranges[MAP_RANGES_MAX];
	size_t n = memory_map_e820(16 * RIG_MIB, ranges);
	struct boot_rig rig;
	uint64_t info, map;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	load_well(&rig);
	info = rig.entry.rbx;
	T_EQ(boot_rig_u32(&rig, info), 0x336ec578);
	T_EQ(boot_rig_u32(&rig, info + 4), 1);
	T_EQ(boot_rig_u32(&rig, info + 12), 0);
	T_EQ(boot_rig_u64(&rig, info + 16), 0);
	T_STR((const char *)boot_rig_at(&rig, boot_rig_u64(&rig, info + 24), 32),
	      "console=ttyS0");
	T_EQ(boot_rig_u64(&rig, info + 32), MAP_RSDP);
	map = boot_rig_u64(&rig, info + 40);
	T_EQ(boot_rig_u32(&rig, info + 48), n);
	for (size_t i = 0; i < n; i++) {
		T_EQ(boot_rig_u64(&rig, map + i * 24), ranges[i].start);
		T_EQ(boot_rig_u64(&rig, map + i * 24 + 8), ranges[i].size);
		T_EQ(boot_rig_u32(&rig, map + i * 24 + 16), ranges[i].type);
	}
	boot_rig_fini(&rig);
}

static void modules_arrive_in_order_with_their_command_lines(void)
{
	struct boot_rig rig;
	uint64_t list;

	boot_rig_init(&rig, 16 * RIG_MIB);
	boot_rig_module(&rig, boot_rig_file("first", 5, 5), NULL);
	boot_rig_module(&rig, boot_rig_file("second", 6, 4096), "/x/second");
	make_64();
	load_well(&rig);
	T_EQ(boot_rig_u32(&rig, rig.entry.rbx + 12), 2);
	list = boot_rig_u64(&rig, rig.entry.rbx + 16);
	T_EQ(boot_rig_u64(&rig, list), 16 * RIG_MIB - 4096);
	T_EQ(boot_rig_u64(&rig, list + 8), 5);
	T_EQ(boot_rig_u64(&rig, list + 16), 0);
	T_EQ(boot_rig_u64(&rig, list + 32), 16 * RIG_MIB - 3 * 4096);
	T_EQ(boot_rig_u64(&rig, list + 40), 4096);
	T_OK(memcmp(boot_rig_at(&rig, boot_rig_u64(&rig, list + 32), 6), "second", 6) ==
	     0);
	T_STR((const char *)boot_rig_at(&rig, boot_rig_u64(&rig, list + 48), 16),
	      "/x/second");
	boot_rig_fini(&rig);
}

static void as_many_modules_as_there_may_be(void)
{
	struct boot_rig rig;
	uint64_t list, last;

	boot_rig_init(&rig, 16 * RIG_MIB);
	for (int i = 0; i < BOOT_MODULES_MAX; i++)
		boot_rig_module(&rig, boot_rig_file("x", 1, 1), i ? "m" : NULL);
	make_64();
	load_well(&rig);
	T_EQ(boot_rig_u32(&rig, rig.entry.rbx + 12), BOOT_MODULES_MAX);
	list = boot_rig_u64(&rig, rig.entry.rbx + 16);
	last = boot_rig_u64(&rig, list + 32 * (BOOT_MODULES_MAX - 1));
	T_EQ(last, 16 * RIG_MIB - BOOT_MODULES_MAX * 4096);
	boot_rig_fini(&rig);
}

static void modules_that_do_not_fit_are_refused_by_name(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	boot_rig_module(&rig, boot_rig_file("x", 1, 10 * RIG_MIB), NULL);
	boot_rig_module(&rig, boot_rig_file("y", 1, 5 * RIG_MIB), "/m/extra");
	make_64();
	BAD(&rig, "the module /m/extra of 5 MiB does not fit into guest memory of "
		  "16 MiB");
	T_HAS(rig.e->hint, "more memory");
	boot_rig_fini(&rig);
}

static void notes_are_found_behind_others_and_in_either_alignment(void)
{
	/* A 7-byte note first, then ours: padded to 4 and to 8 bytes. */
	static const uint32_t by_4[] = { 4, 7, 1,  0x00554e47, 0,     0,
					 4, 8, 18, 0x006e6558, ENTRY, 0 };
	static const uint32_t by_8[] = { 4, 4, 1,  0x00554e47, 0,     0,
					 4, 8, 18, 0x006e6558, ENTRY, 0 };
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	memcpy(file.note, by_4, sizeof(by_4));
	p64(1)->p_filesz = sizeof(by_4);
	load_well(&rig);
	check_loaded(&rig);
	make_64();
	memcpy(file.note, by_8, sizeof(by_8));
	p64(1)->p_filesz = sizeof(by_8);
	load_well(&rig);
	check_loaded(&rig);
	boot_rig_fini(&rig);
}

static void hostile_notes_are_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	rig.request.protocol = BOOT_PROTOCOL_PVH;
	make_64();
	file.note[0] = 0xffffffff;
	BAD(&rig, "no PVH note");
	file.note[0] = 5;
	BAD(&rig, "no PVH note");
	make_64();
	file.note[1] = 0xffffffff;
	BAD(&rig, "no PVH note");
	make_64();
	file.note[1] = 0;
	BAD(&rig, "names no 32-bit address");
	make_64();
	file.note[1] = 8;
	file.note[5] = 1;
	p64(1)->p_filesz = 24;
	BAD(&rig, "names no 32-bit address");
	make_64();
	file.note[4] = CODE + CODE_SIZE + BSS_SIZE;
	BAD(&rig, "where nothing is loaded");
	make_64();
	p64(1)->p_filesz = 11;
	BAD(&rig, "no PVH note");
	p64(1)->p_filesz = UINT64_MAX;
	BAD(&rig, "truncated");
	boot_rig_fini(&rig);
}

static void a_huge_note_segment_is_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	p64(1)->p_filesz = 65537;
	T_EQ(boot_rig_load_fd(&rig, boot_rig_file(&file, sizeof(file), RIG_MIB)), -1);
	T_HAS(rig.e->message, "65537 bytes of ELF notes");
	boot_rig_fini(&rig);
}

static void a_truncated_file_is_refused(void)
{
	static const struct {
		size_t size;
		const char *part;
	} cut[] = {
		{ 4, "truncated: 4 bytes are no ELF header" },
		{ 40, "truncated: its ELF header takes 64 bytes" },
		{ 100, "truncated: its program header table takes 112 bytes at 64" },
		{ NOTE_OFF, "truncated: its ELF segment takes 2048 bytes at 4096" },
		{ sizeof(file) - 1, "the file has 6143" },
	};
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	for (size_t i = 0; i < COUNT(cut); i++)
		refused(&rig, cut[i].size, cut[i].part);
	boot_rig_fini(&rig);
}

static void hostile_headers_are_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	file.room[EI_CLASS] = 3;
	BAD(&rig, "unknown class");
	make_64();
	file.room[EI_DATA] = ELFDATA2MSB;
	BAD(&rig, "byte order");
	make_64();
	file.h64.e_machine = EM_AARCH64;
	BAD(&rig, "another processor");
	make_64();
	file.h64.e_type = ET_REL;
	BAD(&rig, "not linked to be run");
	make_64();
	file.h64.e_phnum = 0;
	BAD(&rig, "0 program headers");
	file.h64.e_phnum = 65;
	BAD(&rig, "65 program headers");
	make_64();
	file.h64.e_phentsize = 32;
	BAD(&rig, "program headers of 32 bytes");
	make_64();
	file.h64.e_phoff = UINT64_MAX - 8;
	BAD(&rig, "truncated: its program header table");
	make_32();
	file.h32.e_phoff = sizeof(file) - 8;
	BAD(&rig, "truncated: its program header table");
	boot_rig_fini(&rig);
}

static void hostile_segments_are_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	p64(0)->p_offset = UINT64_MAX;
	BAD(&rig, "truncated: its ELF segment");
	make_64();
	p64(0)->p_memsz = CODE_SIZE - 1;
	BAD(&rig, "a segment of 2047 bytes is filled with 2048");
	make_64();
	p64(0)->p_memsz = UINT64_MAX;
	BAD(&rig, "no machine has memory there");
	make_64();
	p64(0)->p_memsz = 20 * RIG_MIB;
	BAD(&rig, "needs memory up to 22 MiB, the guest has 16 MiB");
	T_HAS(rig.e->hint, "more memory");
	boot_rig_fini(&rig);
}

static void a_segment_may_not_lie_on_what_we_write(void)
{
	static const uint64_t bad[] = { 0x90000, 0x98ffc, 0x8fc00, 0x9fc00,
					0x9fb00, 0xe0000, 0xffc00 };
	static const uint64_t good[] = { 0, 0x8000, 0x8f800, 0x99000, 0x100000 };
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	p64(0)->p_memsz = CODE_SIZE;
	for (size_t i = 0; i < COUNT(bad); i++) {
		p64(0)->p_paddr = bad[i];
		file.note[4] = (uint32_t)bad[i];
		BAD(&rig, "boot information, ACPI tables and ROMs lie there");
	}
	for (size_t i = 0; i < COUNT(good); i++) {
		p64(0)->p_paddr = good[i];
		file.note[4] = (uint32_t)good[i];
		load_well(&rig);
		T_EQ(rig.entry.ip, good[i]);
	}
	boot_rig_fini(&rig);
}

static void segments_on_top_of_one_another_take_no_time(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	file.h64.e_phnum = 30;
	p64(0)->p_memsz = 14 * RIG_MIB;
	for (size_t i = 2; i < 30; i++)
		*p64(i) = *p64(0);
	BAD(&rig, "its segments overlap");
	boot_rig_fini(&rig);
}

static void a_file_with_nothing_to_load_or_no_mark_is_refused(void)
{
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	p64(1)->p_type = PT_NULL;
	BAD(&rig, "an ELF file without a PVH note or a multiboot header");
	rig.request.protocol = BOOT_PROTOCOL_PVH;
	BAD(&rig, "no PVH note");
	rig.request.protocol = BOOT_PROTOCOL_LINUX;
	BAD(&rig, "not a bzImage");
	boot_rig_fini(&rig);
}

static void what_is_no_kernel_is_refused_with_a_sentence(void)
{
	static uint8_t zeroes[70000];
	struct boot_rig rig;
	int fd;

	boot_rig_init(&rig, 16 * RIG_MIB);
	T_EQ(boot_rig_load(&rig, "", 0), -1);
	T_STR(rig.e->message, "the kernel is empty");
	T_EQ(boot_rig_load(&rig, "x", 1), -1);
	T_HAS(rig.e->message, "the kernel is of no known kind");
	T_EQ(boot_rig_load(&rig, zeroes, sizeof(zeroes)), -1);
	T_HAS(rig.e->message, "the kernel is of no known kind");
	T_EQ(rig.e->code, ERR_BAD_IMAGE);
	fd = open("/", O_RDONLY | O_CLOEXEC);
	T_EQ(boot_rig_load_fd(&rig, fd), -1);
	T_STR(rig.e->message, "the kernel is a directory");
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	T_EQ(boot_rig_load_fd(&rig, fd), -1);
	T_STR(rig.e->message, "the kernel is not a regular file");
	boot_rig_fini(&rig);
}

static void the_longest_command_line_arrives_whole(void)
{
	char line[4097];
	struct boot_rig rig;

	boot_rig_init(&rig, 16 * RIG_MIB);
	make_64();
	memset(line, 'x', sizeof(line));
	rig.request.cmdline = line;
	line[4095] = '\0';
	load_well(&rig);
	T_STR((const char *)boot_rig_at(&rig, boot_rig_u64(&rig, rig.entry.rbx + 24),
					4096),
	      line);
	line[4095] = 'x';
	line[4096] = '\0';
	T_EQ(boot_rig_load(&rig, &file, sizeof(file)), -1);
	T_EQ(rig.e->code, ERR_INVALID_PARAMS);
	boot_rig_fini(&rig);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(files_of_either_class_are_entered_by_their_note),
		T_CASE(the_bss_is_zero_also_when_the_guest_reboots),
		T_CASE(the_start_info_says_what_there_is),
		T_CASE(modules_arrive_in_order_with_their_command_lines),
		T_CASE(as_many_modules_as_there_may_be),
		T_CASE(modules_that_do_not_fit_are_refused_by_name),
		T_CASE(notes_are_found_behind_others_and_in_either_alignment),
		T_CASE(hostile_notes_are_refused),
		T_CASE(a_huge_note_segment_is_refused),
		T_CASE(a_truncated_file_is_refused),
		T_CASE(hostile_headers_are_refused),
		T_CASE(hostile_segments_are_refused),
		T_CASE(a_segment_may_not_lie_on_what_we_write),
		T_CASE(segments_on_top_of_one_another_take_no_time),
		T_CASE(a_file_with_nothing_to_load_or_no_mark_is_refused),
		T_CASE(what_is_no_kernel_is_refused_with_a_sentence),
		T_CASE(the_longest_command_line_arrives_whole),
	};

	return T_RUN(cases);
}
