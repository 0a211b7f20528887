/*
 * vmm-worker/boot/elf.c - ELF files, and entering them by their PVH note
 *
 * 32- and 64-bit ELF alike: segments go to their physical addresses. A PVH kernel
 * names its 32-bit entry in the note XEN_ELFNOTE_PHYS32_ENTRY and finds all else in
 * hvm_start_info (Xen public/arch-x86/hvm/start_info.h, version 1).
 */
#include <assert.h>
#include <elf.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "vmm-worker/boot/loader.h"

#define NOTES_MAX (64u * 1024)
#define NOTE_HEADER 12
#define NOTE_PHYS32_ENTRY 18

#define START_MAGIC 0x336ec578
#define START_VERSION 1

struct start_info {
	uint32_t magic, version, flags, n_modules;
	uint64_t modules, cmdline, rsdp;
	uint64_t map;
	uint32_t n_map, reserved;
};

struct start_module {
	uint64_t addr, size, cmdline, reserved;
};

struct start_range {
	uint64_t addr, size;
	uint32_t type, reserved;
};

/* All of it in one page. */
struct start_page {
	struct start_info info;
	struct start_range map[MAP_RANGES_MAX];
	struct start_module modules[BOOT_MODULES_MAX];
};
static_assert(sizeof(struct start_info) == 56, "as start_info.h has it");
static_assert(sizeof(struct start_page) <= BOOT_INFO_SIZE, "fits its room");

bool elf_is_one(const struct boot_kernel *k)
{
	return k->head_len >= SELFMAG && memcmp(k->head, ELFMAG, SELFMAG) == 0;
}

/* The fields of either class that we need. */
struct header {
	bool wide;
	uint16_t type, machine, entry_size, count;
	uint64_t entry, table;
};

static int read_header(const struct boot_kernel *k, struct header *h, struct err **e)
{
	Elf32_Ehdr h32;
	Elf64_Ehdr h64;

	if (k->head_len < EI_NIDENT)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is truncated: %zu bytes are no ELF header",
			       k->head_len);
	h->wide = k->head[EI_CLASS] == ELFCLASS64;
	if ((!h->wide && k->head[EI_CLASS] != ELFCLASS32) ||
	    k->head[EI_DATA] != ELFDATA2LSB)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is an ELF file of unknown class or byte "
			       "order");
	if (h->wide) {
		if (boot_file_copy(&k->file, 0, &h64, sizeof(h64), "ELF header", e) < 0)
			return -1;
		h->type = h64.e_type;
		h->machine = h64.e_machine;
		h->entry = h64.e_entry;
		h->table = h64.e_phoff;
		h->entry_size = h64.e_phentsize;
		h->count = h64.e_phnum;
		return 0;
	}
	if (boot_file_copy(&k->file, 0, &h32, sizeof(h32), "ELF header", e) < 0)
		return -1;
	h->type = h32.e_type;
	h->machine = h32.e_machine;
	h->entry = h32.e_entry;
	h->table = h32.e_phoff;
	h->entry_size = h32.e_phentsize;
	h->count = h32.e_phnum;
	return 0;
}

static int check_header(const struct header *h, struct err **e)
{
	size_t entry_size = h->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (h->machine != EM_X86_64 && h->machine != EM_386)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is an ELF file for another processor "
			       "(machine %u)",
			       h->machine);
	if (h->type != ET_EXEC && h->type != ET_DYN)
		return err_set(
			e, ERR_BAD_IMAGE,
			"the kernel is an ELF file that is not linked to be run");
	if (!h->count || h->count > ELF_SEGMENTS_MAX)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is an ELF file with %u program headers: 1 "
			       "to %u are possible",
			       h->count, ELF_SEGMENTS_MAX);
	if (h->entry_size != entry_size)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is an ELF file with program headers of %u "
			       "bytes, not %zu",
			       h->entry_size, entry_size);
	return 0;
}

static int read_segments(const struct boot_kernel *k, const struct header *h,
			 struct elf_image *out, struct err **e)
{
	union {
		Elf32_Phdr p32[ELF_SEGMENTS_MAX];
		Elf64_Phdr p64[ELF_SEGMENTS_MAX];
	} table;
	size_t size = (size_t)h->count * h->entry_size;

	if (boot_file_copy(&k->file, h->table, &table, size, "program header table",
			   e) < 0)
		return -1;
	for (size_t i = 0; i < h->count; i++) {
		const Elf32_Phdr *n = &table.p32[i];
		const Elf64_Phdr *w = &table.p64[i];

		if (h->wide)
			out->segments[i] =
				(struct elf_segment){ w->p_type,   w->p_offset,
						      w->p_vaddr,  w->p_paddr,
						      w->p_filesz, w->p_memsz };
		else
			out->segments[i] =
				(struct elf_segment){ n->p_type,   n->p_offset,
						      n->p_vaddr,  n->p_paddr,
						      n->p_filesz, n->p_memsz };
	}
	out->n_segments = h->count;
	out->entry = h->entry;
	return 0;
}

/* Before anything is looked for: a mark may be missing because the file is cut. */
static int check_whole(const struct boot_kernel *k, const struct elf_image *elf,
		       struct err **e)
{
	for (size_t i = 0; i < elf->n_segments; i++) {
		const struct elf_segment *s = &elf->segments[i];

		if ((s->type == PT_LOAD || s->type == PT_NOTE) &&
		    boot_file_check(&k->file, s->off, s->file_size, "ELF segment", e) <
			    0)
			return -1;
	}
	return 0;
}

int elf_parse(const struct boot_kernel *k, struct elf_image *out, struct err **e)
{
	struct header h = { 0 };

	if (!elf_is_one(k))
		return err_set(e, ERR_BAD_IMAGE, "the kernel is not an ELF file");
	if (read_header(k, &h, e) < 0 || check_header(&h, e) < 0 ||
	    read_segments(k, &h, out, e) < 0)
		return -1;
	return check_whole(k, out, e);
}

bool elf_holds(const struct elf_image *elf, uint64_t addr)
{
	for (size_t i = 0; i < elf->n_segments; i++) {
		const struct elf_segment *s = &elf->segments[i];

		if (s->type == PT_LOAD && addr >= s->paddr && addr - s->paddr < s->size)
			return true;
	}
	return false;
}

int elf_load(const struct boot_request *r, const struct boot_kernel *k,
	     const struct elf_image *elf, uint64_t *out_end, struct err **e)
{
	uint64_t room = boot_low_end(r), end = 0;

	for (size_t i = 0; i < elf->n_segments; i++) {
		const struct elf_segment *from = &elf->segments[i];
		struct boot_segment s = { from->off, from->file_size, from->paddr,
					  from->size };

		if (from->type != PT_LOAD || !from->size)
			continue;
		if (boot_check_place(r, &k->file, s.addr, s.size, e) < 0)
			return -1;
		/* Each fits; so many on top of one another would only cost time. */
		if (s.size > room)
			return err_set(e, ERR_BAD_IMAGE,
				       "the kernel is damaged: its segments overlap");
		room -= s.size;
		if (boot_load_segment(r, &k->file, &s, e) < 0)
			return -1;
		end = MAX(end, s.addr + s.size);
	}
	if (!end)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is an ELF file with nothing to load");
	*out_end = end;
	return 0;
}

/* The content of Xen's note `type` where notes are aligned to `align`. */
static bool find_note(struct span notes, uint64_t align, uint32_t type,
		      struct span *out)
{
	struct span head, name;

	while (span_sub(notes, 0, NOTE_HEADER, &head)) {
		uint32_t name_size = le32_get(head.data);
		uint32_t size = le32_get(head.data + 4);
		uint64_t at = align_up(NOTE_HEADER + (uint64_t)name_size, align);
		uint64_t next = align_up(at + size, align);

		if (le32_get(head.data + 8) == type && name_size == sizeof("Xen") &&
		    span_sub(notes, NOTE_HEADER, name_size, &name) &&
		    memcmp(name.data, "Xen", sizeof("Xen")) == 0 &&
		    span_sub(notes, at, size, out))
			return true;
		if (!span_sub(notes, next, notes.len - MIN(next, notes.len), &notes))
			return false;
	}
	return false;
}

static int entry_of_note(struct span note, uint32_t *out, struct err **e)
{
	uint64_t entry = note.len == 8 ? le64_get(note.data) : 0;

	if (note.len == 4)
		entry = le32_get(note.data);
	if ((note.len != 4 && note.len != 8) || entry > UINT32_MAX)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is damaged: its PVH note names no 32-bit "
			       "address");
	*out = (uint32_t)entry;
	return 1;
}

int elf_pvh_entry(const struct boot_kernel *k, const struct elf_image *elf,
		  uint32_t *out, struct err **e)
{
	for (size_t i = 0; i < elf->n_segments; i++) {
		const struct elf_segment *s = &elf->segments[i];
		struct span note, notes;

		if (s->type != PT_NOTE || !s->file_size)
			continue;
		if (s->file_size > NOTES_MAX)
			return err_set(e, ERR_BAD_IMAGE,
				       "the kernel is damaged: %ju bytes of ELF notes",
				       (uintmax_t)s->file_size);

		autofree uint8_t *bytes = mem_alloc(s->file_size);

		if (boot_file_copy(&k->file, s->off, bytes, s->file_size,
				   "ELF note segment", e) < 0)
			return -1;
		/* Linkers have aligned notes to 4 bytes and, in 64-bit files, to 8. */
		notes = (struct span){ bytes, s->file_size };
		if (find_note(notes, 4, NOTE_PHYS32_ENTRY, &note) ||
		    find_note(notes, 8, NOTE_PHYS32_ENTRY, &note))
			return entry_of_note(note, out, e);
	}
	return 0;
}

static int write_start_info(const struct boot_request *r,
			    const struct boot_placed *modules, struct err **e)
{
	struct map_range ranges[MAP_RANGES_MAX];
	size_t n = memory_map_e820(r->ram, ranges);
	struct start_page page = {
		.info = { .magic = START_MAGIC,
			  .version = START_VERSION,
			  .n_modules = (uint32_t)r->n_modules,
			  .cmdline = BOOT_CMDLINE,
			  .rsdp = r->rsdp,
			  .map = BOOT_INFO + offsetof(struct start_page, map),
			  .n_map = (uint32_t)n },
	};

	if (r->n_modules)
		page.info.modules = BOOT_INFO + offsetof(struct start_page, modules);
	for (size_t i = 0; i < n; i++)
		page.map[i] = (struct start_range){ ranges[i].start, ranges[i].size,
						    ranges[i].type, 0 };
	for (size_t i = 0; i < r->n_modules; i++)
		page.modules[i] =
			(struct start_module){ modules[i].addr, modules[i].size,
					       modules[i].cmdline, 0 };
	return boot_write(r, BOOT_INFO, &page, sizeof(page), e);
}

static bool pvh_offers(const struct boot_kernel *k)
{
	struct elf_image elf = { 0 };
	uint32_t entry;

	return elf_is_one(k) && elf_parse(k, &elf, NULL) == 0 &&
	       elf_pvh_entry(k, &elf, &entry, NULL) == 1;
}

static int pvh_load(const struct boot_request *r, const struct boot_kernel *k,
		    struct boot_entry *out, struct err **e)
{
	struct boot_placed modules[BOOT_MODULES_MAX] = { 0 };
	struct elf_image elf = { 0 };
	uint64_t end = 0;
	uint32_t entry = 0;
	int found;

	if (elf_parse(k, &elf, e) < 0)
		return -1;
	found = elf_pvh_entry(k, &elf, &entry, e);
	if (found < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel has no PVH note, which protocol pvh needs");
	if (!elf_holds(&elf, entry))
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is damaged: its PVH note names %#x, where "
			       "nothing is loaded",
			       entry);
	if (elf_load(r, k, &elf, &end, e) < 0 ||
	    boot_load_modules(r, end, MAP_LOW_RAM_END, modules, e) < 0 ||
	    boot_write_cmdline(r, UINT64_MAX, e) < 0 ||
	    write_start_info(r, modules, e) < 0)
		return -1;
	out->mode = BOOT_PROTECTED32;
	out->ip = entry;
	out->rbx = BOOT_INFO;
	return 0;
}

const struct boot_loader boot_loader_pvh = {
	.offers = pvh_offers,
	.load = pvh_load,
};
