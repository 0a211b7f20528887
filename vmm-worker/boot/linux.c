/*
 * vmm-worker/boot/linux.c - bzImages by the 64-bit entry
 *
 * After Linux Documentation/arch/x86/boot.rst and zero-page.rst, protocol 2.12 and
 * later with XLF_KERNEL_64. The real-mode setup stays in the file: of it only the
 * setup header goes into the zero page.
 *
 *   file:  setup header and setup, (setup_sects + 1) * 512 bytes | kernel
 *
 * The kernel goes to pref_address, relocatable or not: a lower place would not
 * save memory, as it moves itself there.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "vmm-worker/boot/loader.h"

#define SECTOR 512u
#define SETUP_SECTS_DEFAULT 4 /* what 0 means, for old times' sake */
#define VERSION_MIN 0x020c
#define ENTRY_64 0x200

/* Offsets in the zero page; from SETUP_SECTS to JUMP_END also in the file. */
#define ZP_RSDP 0x070
#define ZP_E820_ENTRIES 0x1e8
#define ZP_SETUP_SECTS 0x1f1
#define ZP_SYSSIZE 0x1f4
#define ZP_VID_MODE 0x1fa
#define ZP_BOOT_FLAG 0x1fe
#define ZP_JUMP 0x201 /* its operand: the header's end, from 0x202 on */
#define ZP_HEADER 0x202
#define ZP_VERSION 0x206
#define ZP_TYPE_OF_LOADER 0x210
#define ZP_LOADFLAGS 0x211
#define ZP_RAMDISK_IMAGE 0x218
#define ZP_RAMDISK_SIZE 0x21c
#define ZP_CMD_LINE_PTR 0x228
#define ZP_INITRD_ADDR_MAX 0x22c
#define ZP_XLOADFLAGS 0x236
#define ZP_CMDLINE_SIZE 0x238
#define ZP_SETUP_DATA 0x250
#define ZP_PREF_ADDRESS 0x258
#define ZP_INIT_SIZE 0x260
#define ZP_HEADER_MIN 0x264 /* all that we read of it */
#define ZP_HEADER_MAX 0x290 /* what follows is not the header's */
#define ZP_E820_TABLE 0x2d0
#define ZP_SIZE 4096
#define E820_ENTRY 20

#define BOOT_FLAG 0xaa55
#define LOADED_HIGH 0x01
#define XLF_KERNEL_64 0x01
#define LOADER_UNDEFINED 0xff
#define VID_MODE_NORMAL 0xffff

/* What the setup header says, read once. */
struct setup {
	size_t header_end;
	uint64_t kernel_off, kernel_size; /* in the file */
	uint64_t addr, size;		  /* in memory, with room to unpack itself */
	uint64_t initrd_end;
	uint32_t cmdline_max;
};

static bool linux_offers(const struct boot_kernel *k)
{
	return k->head_len >= ZP_VERSION &&
	       le16_get(k->head + ZP_BOOT_FLAG) == BOOT_FLAG &&
	       memcmp(k->head + ZP_HEADER, "HdrS", 4) == 0;
}

static int check_version(const uint8_t *head, struct err **e)
{
	unsigned version = le16_get(head + ZP_VERSION);

	if (version < VERSION_MIN)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is a bzImage of boot protocol %u.%02u: 2.12 "
			       "or later is needed",
			       version >> 8, version & 0xff);
	if (!(head[ZP_LOADFLAGS] & LOADED_HIGH))
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is a zImage: a bzImage is needed");
	if (!(le16_get(head + ZP_XLOADFLAGS) & XLF_KERNEL_64))
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is a bzImage without a 64-bit entry");
	return 0;
}

static int find_header(const struct boot_kernel *k, struct setup *s, struct err **e)
{
	if (k->head_len < ZP_HEADER_MIN)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is truncated: the setup header of a bzImage "
			       "goes to byte %u, the file has %ju",
			       ZP_HEADER_MIN, (uintmax_t)k->file.size);
	s->header_end = (size_t)ZP_HEADER + k->head[ZP_JUMP];
	if (check_version(k->head, e) < 0)
		return -1;
	if (s->header_end < ZP_HEADER_MIN || s->header_end > ZP_HEADER_MAX)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is a bzImage with a setup header of %zu "
			       "bytes, which fits no version",
			       s->header_end - ZP_SETUP_SECTS);
	return 0;
}

/* Which bytes of the file are the kernel; a signature may follow them. */
static int find_kernel(const struct boot_kernel *k, struct setup *s, struct err **e)
{
	unsigned sects = k->head[ZP_SETUP_SECTS];
	uint64_t size = (uint64_t)le32_get(k->head + ZP_SYSSIZE) * 16;

	s->kernel_off = ((sects ? sects : SETUP_SECTS_DEFAULT) + 1ull) * SECTOR;
	if (s->kernel_off >= k->file.size || size > k->file.size - s->kernel_off)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is truncated: a bzImage of %ju bytes is "
			       "announced, the file has %ju",
			       (uintmax_t)(s->kernel_off + size),
			       (uintmax_t)k->file.size);
	s->kernel_size = size ? size : k->file.size - s->kernel_off;
	if (s->kernel_size <= ENTRY_64)
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is a bzImage of only %ju bytes behind its "
			       "setup",
			       (uintmax_t)s->kernel_size);
	return 0;
}

static int read_setup(const struct boot_kernel *k, struct setup *s, struct err **e)
{
	uint64_t pref, init_size;

	if (find_header(k, s, e) < 0 || find_kernel(k, s, e) < 0)
		return -1;
	pref = le64_get(k->head + ZP_PREF_ADDRESS);
	init_size = le32_get(k->head + ZP_INIT_SIZE);
	s->addr = pref ? pref : LOW_MIB;
	s->size = MAX(init_size, s->kernel_size);
	s->initrd_end = le32_get(k->head + ZP_INITRD_ADDR_MAX) + 1ull;
	s->cmdline_max = le32_get(k->head + ZP_CMDLINE_SIZE);
	return 0;
}

static void add_e820(uint8_t *page, uint64_t ram)
{
	struct map_range ranges[MAP_RANGES_MAX];
	size_t n = memory_map_e820(ram, ranges);

	page[ZP_E820_ENTRIES] = (uint8_t)n;
	for (size_t i = 0; i < n; i++) {
		uint8_t *entry = page + ZP_E820_TABLE + i * E820_ENTRY;

		le64_put(entry, ranges[i].start);
		le64_put(entry + 8, ranges[i].size);
		le32_put(entry + 16, ranges[i].type);
	}
}

static int write_zero_page(const struct boot_request *r, const struct boot_kernel *k,
			   const struct setup *s, const struct boot_placed *initrd,
			   struct err **e)
{
	uint8_t page[ZP_SIZE] = { 0 };

	memcpy(page + ZP_SETUP_SECTS, k->head + ZP_SETUP_SECTS,
	       s->header_end - ZP_SETUP_SECTS);
	page[ZP_TYPE_OF_LOADER] = LOADER_UNDEFINED;
	le16_put(page + ZP_VID_MODE, VID_MODE_NORMAL);
	le32_put(page + ZP_CMD_LINE_PTR, BOOT_CMDLINE);
	/* Below 4 GiB, as all of low RAM is. */
	le32_put(page + ZP_RAMDISK_IMAGE, (uint32_t)initrd->addr);
	le32_put(page + ZP_RAMDISK_SIZE, (uint32_t)initrd->size);
	le64_put(page + ZP_SETUP_DATA, 0);
	le64_put(page + ZP_RSDP, r->rsdp);
	add_e820(page, r->ram);
	return boot_write(r, BOOT_INFO, page, sizeof(page), e);
}

static int linux_load(const struct boot_request *r, const struct boot_kernel *k,
		      struct boot_entry *out, struct err **e)
{
	struct boot_placed modules[BOOT_MODULES_MAX] = { 0 };
	struct boot_segment kernel;
	struct setup s = { 0 };

	static_assert(ZP_SIZE <= BOOT_INFO_SIZE, "the zero page has its room");
	if (!linux_offers(k))
		return err_set(e, ERR_BAD_IMAGE,
			       "the kernel is not a bzImage, which protocol linux "
			       "boots");
	if (r->n_modules > 1)
		return err_set(e, ERR_INVALID_PARAMS,
			       "protocol linux has an initrd, but no other modules");
	if (read_setup(k, &s, e) < 0 ||
	    boot_check_place(r, &k->file, s.addr, s.size, e) < 0)
		return -1;
	kernel = (struct boot_segment){ s.kernel_off, s.kernel_size, s.addr,
					s.kernel_size };
	if (boot_load_segment(r, &k->file, &kernel, e) < 0 ||
	    boot_load_modules(r, s.addr + s.size, s.initrd_end, modules, e) < 0 ||
	    boot_write_cmdline(r, s.cmdline_max, e) < 0 ||
	    write_zero_page(r, k, &s, &modules[0], e) < 0)
		return -1;
	out->mode = BOOT_LONG64;
	out->ip = s.addr + ENTRY_64;
	out->rsi = BOOT_INFO;
	return 0;
}

const struct boot_loader boot_loader_linux = {
	.offers = linux_offers,
	.load = linux_load,
};
