/*
 * vmm-worker/boot/boot.c - choose the loader, and what comes before and after it
 *
 * The kernel's first bytes are read once and decide; with `auto` the first
 * protocol that the file offers is taken. GDT and page tables are the same for
 * every kernel that is entered in the same mode.
 *
 * Not here: the protocols (linux.c, elf.c, multiboot.c), files and modules (place.c).
 */
#include "vmm-worker/boot/boot.h"

#include <assert.h>

#include "base/fd.h"
#include "vmm-worker/boot/loader.h"

#define PAGE_PRESENT 0x1ull
#define PAGE_WRITABLE 0x2ull
#define PAGE_LARGE 0x80ull
#define PAGE_ENTRIES 512
#define PAGE_SIZE_SMALL 4096ull
#define PAGE_SIZE_LARGE 0x200000ull
#define MAPPED_GIB 4

/* In the order in which `auto` asks. */
static const struct boot_loader *const loaders[BOOT_PROTOCOL_COUNT] = {
	[BOOT_PROTOCOL_LINUX] = &boot_loader_linux,
	[BOOT_PROTOCOL_PVH] = &boot_loader_pvh,
	[BOOT_PROTOCOL_MULTIBOOT] = &boot_loader_multiboot,
};

/* Selectors as the Linux boot protocol wants them; the others do not care. */
enum {
	GDT_CODE = 2,
	GDT_DATA = 3,
	GDT_TSS = 4, /* two entries in long mode */
	GDT_COUNT = 6
};

static int write_gdt(const struct boot_request *r, struct boot_entry *out,
		     struct err **e)
{
	uint64_t gdt[GDT_COUNT] = {
		[GDT_CODE] = 0x00cf9b000000ffff,
		[GDT_DATA] = 0x00cf93000000ffff,
		[GDT_TSS] = 0x00008b0000000067,
	};

	if (out->mode == BOOT_LONG64)
		gdt[GDT_CODE] = 0x00af9b000000ffff;
	out->gdt = BOOT_GDT;
	out->gdt_limit = sizeof(gdt) - 1;
	out->code_selector = GDT_CODE * sizeof(gdt[0]);
	out->data_selector = GDT_DATA * sizeof(gdt[0]);
	out->tss_selector = GDT_TSS * sizeof(gdt[0]);
	return boot_write(r, BOOT_GDT, gdt, sizeof(gdt), e);
}

/* PML4, PDPT, and one directory of 2 MiB pages for each GiB. */
static int write_page_tables(const struct boot_request *r, struct boot_entry *out,
			     struct err **e)
{
	static const uint64_t flags = PAGE_PRESENT | PAGE_WRITABLE;
	uint64_t table[2 + MAPPED_GIB][PAGE_ENTRIES] = { 0 };
	uint64_t *pml4 = table[0], *pdpt = table[1];

	static_assert(sizeof(table) <= BOOT_INFO - BOOT_PAGE_TABLES,
		      "page tables end before the boot information");
	pml4[0] = (BOOT_PAGE_TABLES + PAGE_SIZE_SMALL) | flags;
	for (uint64_t gib = 0; gib < MAPPED_GIB; gib++) {
		pdpt[gib] = (BOOT_PAGE_TABLES + (2 + gib) * PAGE_SIZE_SMALL) | flags;
		for (uint64_t i = 0; i < PAGE_ENTRIES; i++)
			table[2 + gib][i] = (gib * PAGE_ENTRIES + i) * PAGE_SIZE_LARGE |
					    flags | PAGE_LARGE;
	}
	out->cr3 = BOOT_PAGE_TABLES;
	return boot_write(r, BOOT_PAGE_TABLES, table, sizeof(table), e);
}

static int read_head(const struct boot_request *r, struct boot_kernel *k,
		     struct err **e)
{
	ssize_t n;

	if (boot_file_open(r->kernel_fd, "kernel", &k->file, e) < 0)
		return -1;
	n = fd_pread_full(r->kernel_fd, k->head, sizeof(k->head), 0);
	if (n < 0)
		return err_sys(e, (int)n, "read the kernel");
	k->head_len = (size_t)n;
	return 0;
}

/* No loader wants it: say what it lacks. */
static int refuse(const struct boot_kernel *k, struct err **e)
{
	struct elf_image elf = { 0 };

	if (!elf_is_one(k))
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is of no known kind: it is neither a "
			       "bzImage, nor an ELF file with a PVH note, nor has it "
			       "a multiboot header");
	if (elf_parse(k, &elf, e) < 0 ||
	    elf_pvh_entry(k, &elf, &(uint32_t){ 0 }, e) < 0)
		return -1;
	return err_set(e, ERR_BAD_IMAGE,
		       "the kernel is an ELF file without a PVH note or a multiboot "
		       "header");
}

static int choose(const struct boot_request *r, const struct boot_kernel *k,
		  enum boot_protocol *out, struct err **e)
{
	*out = r->protocol;
	assert(r->protocol < BOOT_PROTOCOL_COUNT);
	if (r->protocol != BOOT_PROTOCOL_AUTO)
		return 0;
	for (int p = 0; p < BOOT_PROTOCOL_COUNT; p++)
		if (loaders[p] && loaders[p]->offers(k)) {
			*out = (enum boot_protocol)p;
			return 0;
		}
	return refuse(k, e);
}

int boot_load(const struct boot_request *r, struct boot_entry *out, struct err **e)
{
	struct boot_entry entry = { 0 };
	struct boot_kernel k;

	if (read_head(r, &k, e) < 0 || choose(r, &k, &entry.protocol, e) < 0 ||
	    loaders[entry.protocol]->load(r, &k, &entry, e) < 0 ||
	    write_gdt(r, &entry, e) < 0)
		return -1;
	if (entry.mode == BOOT_LONG64 && write_page_tables(r, &entry, e) < 0)
		return -1;
	*out = entry;
	return 0;
}
