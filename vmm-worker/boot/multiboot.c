/*
 * vmm-worker/boot/multiboot.c - kernels with a multiboot 1 header
 *
 * After the Multiboot Specification 0.6.96. The header names the load addresses
 * itself (flag 16, for files of any format), or the file is ELF: of either class,
 * as GRUB takes them. A video mode that the kernel would like is not set: there is
 * no display, and the information says so by absence.
 */
#include <assert.h>
#include <elf.h>
#include <string.h>

#include "base/bytes.h"
#include "vmm-worker/boot/loader.h"

#define HEADER_MAGIC 0x1badb002
#define HEADER_ALIGN 4
#define HEADER_BASE 12	    /* magic, flags, checksum */
#define HEADER_ADDRESSES 32 /* and five addresses */
#define WANTS_PAGES 0x1	    /* modules at page boundaries: they always are */
#define WANTS_MEMORY 0x2
#define WANTS_VIDEO 0x4
#define WANTS_MASK 0xffff /* requirements; the bits above are additions */
#define HAS_ADDRESSES 0x10000

#define ENTRY_MAGIC 0x2badb002

#define INFO_MEMORY (1u << 0)
#define INFO_CMDLINE (1u << 2)
#define INFO_MODULES (1u << 3)
#define INFO_MAP (1u << 6)
#define INFO_LOADER_NAME (1u << 9)

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t n_modules, modules;
	uint32_t symbols[4];
	uint32_t map_length, map;
	uint32_t drives_length, drives, config_table, loader_name, apm_table;
};

struct info_module {
	uint32_t start, end, string, reserved;
};

struct info_range {
	uint32_t size; /* of what follows */
	uint64_t addr, length;
	uint32_t type;
} __attribute__((packed));

/* All of it in one page. */
struct info_page {
	struct info info;
	char loader_name[16];
	struct info_module modules[BOOT_MODULES_MAX];
	struct info_range map[MAP_RANGES_MAX];
};
static_assert(sizeof(struct info_range) == 24, "as the specification has it");
static_assert(sizeof(struct info_page) <= BOOT_INFO_SIZE, "fits its room");

struct header {
	uint32_t off; /* in the file */
	uint32_t flags;
	uint32_t header_addr, load_addr, load_end, bss_end, entry;
};

static bool find_header(const struct boot_kernel *k, struct header *h)
{
	for (size_t off = 0; off + HEADER_BASE <= k->head_len; off += HEADER_ALIGN) {
		uint32_t magic = le32_get(k->head + off);
		uint32_t flags = le32_get(k->head + off + 4);

		if (magic != HEADER_MAGIC ||
		    magic + flags + le32_get(k->head + off + 8) != 0)
			continue;
		*h = (struct header){ .off = (uint32_t)off, .flags = flags };
		return true;
	}
	return false;
}

static bool multiboot_offers(const struct boot_kernel *k)
{
	struct header h;

	return find_header(k, &h);
}

static int read_addresses(const struct boot_kernel *k, struct header *h, struct err **e)
{
	const uint8_t *p = k->head + h->off + HEADER_BASE;

	if (h->off + HEADER_ADDRESSES > k->head_len)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is truncated: its multiboot header ends "
			       "within the addresses");
	h->header_addr = le32_get(p);
	h->load_addr = le32_get(p + 4);
	h->load_end = le32_get(p + 8);
	h->bss_end = le32_get(p + 12);
	h->entry = le32_get(p + 16);
	return 0;
}

/* What the addresses of the header describe, as one segment. */
static int flat_segment(const struct boot_kernel *k, const struct header *h,
			struct boot_segment *out, struct err **e)
{
	uint64_t before = (uint64_t)h->header_addr - h->load_addr;
	struct boot_segment s = { .addr = h->load_addr };

	if (h->header_addr < h->load_addr || before > h->off)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is damaged: its multiboot header at %#x "
			       "cannot follow the load address %#x",
			       h->header_addr, h->load_addr);
	s.off = h->off - before;
	s.file_size = k->file.size - s.off;
	if (h->load_end) /* 0: up to the end of the file */
		s.file_size = (uint64_t)h->load_end - h->load_addr;
	s.size = s.file_size;
	if (h->bss_end)
		s.size = (uint64_t)h->bss_end - h->load_addr;
	if ((h->load_end && h->load_end < h->load_addr) ||
	    (h->bss_end && h->bss_end < h->load_addr) || s.size < s.file_size)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is damaged: the addresses in its multiboot "
			       "header are out of order");
	if (h->entry < s.addr || h->entry - s.addr >= s.size)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is damaged: its multiboot entry %#x is "
			       "outside of what is loaded",
			       h->entry);
	*out = s;
	return 0;
}

static int load_flat(const struct boot_request *r, const struct boot_kernel *k,
		     struct header *h, uint64_t *out_end, struct err **e)
{
	struct boot_segment s = { 0 };

	if (read_addresses(k, h, e) < 0 || flat_segment(k, h, &s, e) < 0 ||
	    boot_load_segment(r, &k->file, &s, e) < 0)
		return -1;
	*out_end = s.addr + s.size;
	return 0;
}

/* ELF names its entry by virtual address; paging is off. */
static bool physical_entry(const struct elf_image *elf, uint64_t *out)
{
	for (size_t i = 0; i < elf->n_segments; i++) {
		const struct elf_segment *s = &elf->segments[i];

		if (s->type == PT_LOAD && elf->entry >= s->vaddr &&
		    elf->entry - s->vaddr < s->size) {
			*out = s->paddr + (elf->entry - s->vaddr);
			return true;
		}
	}
	*out = elf->entry;
	return elf_holds(elf, elf->entry);
}

static int load_elf(const struct boot_request *r, const struct boot_kernel *k,
		    struct header *h, uint64_t *out_end, struct err **e)
{
	struct elf_image elf = { 0 };
	uint64_t entry = 0;

	if (!elf_is_one(k))
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel has a multiboot header without addresses, "
			       "but is not an ELF file");
	if (elf_parse(k, &elf, e) < 0)
		return -1;
	if (!physical_entry(&elf, &entry))
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is damaged: nothing is loaded at its entry "
			       "%#jx",
			       (uintmax_t)elf.entry);
	/* Loading proves that all segments, and so the entry, lie below 3 GiB. */
	if (elf_load(r, k, &elf, out_end, e) < 0)
		return -1;
	h->entry = (uint32_t)entry;
	return 0;
}

static size_t fill_map(struct info_page *page, uint64_t ram)
{
	struct map_range ranges[MAP_RANGES_MAX];
	size_t n = memory_map_e820(ram, ranges);

	for (size_t i = 0; i < n; i++)
		page->map[i] = (struct info_range){
			.size = sizeof(struct info_range) - sizeof(uint32_t),
			.addr = ranges[i].start,
			.length = ranges[i].size,
			.type = ranges[i].type,
		};
	return n;
}

static int write_info(const struct boot_request *r, const struct boot_placed *modules,
		      struct err **e)
{
	struct info_page page = {
		.info = { .flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES |
				   INFO_MAP | INFO_LOADER_NAME,
			  .mem_lower = MAP_EBDA / 1024,
			  .cmdline = BOOT_CMDLINE,
			  .n_modules = (uint32_t)r->n_modules,
			  .modules = BOOT_INFO + offsetof(struct info_page, modules),
			  .map = BOOT_INFO + offsetof(struct info_page, map),
			  .loader_name =
				  BOOT_INFO + offsetof(struct info_page, loader_name) },
		.loader_name = "vx",
	};

	if (r->ram > LOW_MIB)
		page.info.mem_upper = (uint32_t)((boot_low_end(r) - LOW_MIB) / 1024);
	page.info.map_length =
		(uint32_t)(fill_map(&page, r->ram) * sizeof(struct info_range));
	for (size_t i = 0; i < r->n_modules; i++)
		page.modules[i] = (struct info_module){
			.start = (uint32_t)modules[i].addr,
			.end = (uint32_t)(modules[i].addr + modules[i].size),
			.string = (uint32_t)modules[i].cmdline,
		};
	return boot_write(r, BOOT_INFO, &page, sizeof(page), e);
}

static int multiboot_load(const struct boot_request *r, const struct boot_kernel *k,
			  struct boot_entry *out, struct err **e)
{
	struct boot_placed modules[BOOT_MODULES_MAX] = { 0 };
	struct header h;
	uint64_t end = 0;
	int rc;

	if (!find_header(k, &h))
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel has no multiboot header in its first %u KiB",
			       BOOT_HEAD_SIZE / 1024);
	if (h.flags & WANTS_MASK & ~(WANTS_PAGES | WANTS_MEMORY | WANTS_VIDEO))
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel requires what multiboot 1 does not have "
			       "(flags %#x)",
			       h.flags);
	rc = h.flags & HAS_ADDRESSES ? load_flat(r, k, &h, &end, e)
				     : load_elf(r, k, &h, &end, e);
	if (rc < 0 || boot_load_modules(r, end, MAP_LOW_RAM_END, modules, e) < 0 ||
	    boot_write_cmdline(r, UINT64_MAX, e) < 0 || write_info(r, modules, e) < 0)
		return -1;
	out->mode = BOOT_PROTECTED32;
	out->ip = h.entry;
	out->rax = ENTRY_MAGIC;
	out->rbx = BOOT_INFO;
	return 0;
}

const struct boot_loader boot_loader_multiboot = {
	.offers = multiboot_offers,
	.load = multiboot_load,
};
