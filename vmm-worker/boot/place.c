/*
 * vmm-worker/boot/place.c - strangers' files into checked places of guest memory
 *
 * Whatever does not fit is refused with what the user can do about it. Not here:
 * what the bytes mean (linux.c, elf.c, multiboot.c).
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "vmm-worker/boot/loader.h"

#define GUEST_PAGE 4096ull
#define KIB 1024ull
#define MIB (1024ull * 1024)
#define NAME_SHOWN 255 /* of a module, in a sentence */

uint64_t boot_low_end(const struct boot_request *r)
{
	return MIN(r->ram, MAP_LOW_RAM_END);
}

/* "12 MiB", or "1536 KiB" where that says more; rounded up. */
static char *size_text(uint64_t bytes)
{
	if (bytes % MIB && bytes < 16 * MIB)
		return mem_printf("%ju KiB", (uintmax_t)((bytes + KIB - 1) / KIB));
	return mem_printf("%ju MiB", (uintmax_t)(bytes / MIB + (bytes % MIB ? 1 : 0)));
}

static int refuse_size(const struct boot_request *r, const char *name, uint64_t size,
		       struct err **e)
{
	autofree char *need = size_text(size);
	autofree char *have = size_text(r->ram);

	err_set(e, ERR_BAD_IMAGE, "the %s of %s does not fit into guest memory of %s",
		name, need, have);
	/* All that we load lies below the hole: more RAM than that does not help. */
	if (size < MAP_LOW_RAM_END && r->ram < MAP_LOW_RAM_END)
		err_hint(e, "give the VM more memory");
	return -1;
}

int boot_file_open(int fd, const char *name, struct boot_file *out, struct err **e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "look at the %s", name);
	if (S_ISDIR(st.st_mode))
		return err_set(e, ERR_BAD_IMAGE, "the %s is a directory", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_BAD_IMAGE, "the %s is not a regular file", name);
	if (st.st_size == 0)
		return err_set(e, ERR_BAD_IMAGE, "the %s is empty", name);
	*out = (struct boot_file){ fd, (uint64_t)st.st_size, name };
	return 0;
}

int boot_file_check(const struct boot_file *f, uint64_t off, uint64_t len,
		    const char *what, struct err **e)
{
	if (off <= f->size && len <= f->size - off)
		return 0;
	return err_set(e, ERR_BAD_IMAGE,
		       "the %s is truncated: its %s takes %ju bytes at %ju, the file "
		       "has %ju",
		       f->name, what, (uintmax_t)len, (uintmax_t)off,
		       (uintmax_t)f->size);
}

static int read_all(const struct boot_file *f, uint64_t off, void *out, size_t len,
		    struct err **e)
{
	ssize_t n = fd_pread_full(f->fd, out, len, off);

	if (n < 0)
		return err_sys(e, (int)n, "read the %s", f->name);
	if ((size_t)n < len)
		return err_set(e, ERR_BAD_IMAGE,
			       "the %s is truncated: it shrank while it was read",
			       f->name);
	return 0;
}

int boot_file_copy(const struct boot_file *f, uint64_t off, void *out, size_t len,
		   const char *what, struct err **e)
{
	if (boot_file_check(f, off, len, what, e) < 0)
		return -1;
	return read_all(f, off, out, len, e);
}

static int load_bytes(const struct boot_request *r, const struct boot_file *f,
		      uint64_t off, uint64_t len, uint64_t addr, struct err **e)
{
	struct guest_span span;
	int rc;

	if (!len)
		return 0;
	if (guest_span_get(r->memory, addr, len, &span) < 0)
		return refuse_size(r, f->name, len, e);
	rc = read_all(f, off, span.data, len, e);
	guest_span_write_done(&span);
	return rc;
}

static bool overlaps(uint64_t addr, uint64_t size, uint64_t start, uint64_t end)
{
	return addr < end && start < addr + size;
}

int boot_check_place(const struct boot_request *r, const struct boot_file *f,
		     uint64_t addr, uint64_t size, struct err **e)
{
	uint64_t end = addr + size;

	if (end < addr || end > MAP_LOW_RAM_END)
		return err_set(
			e, ERR_BAD_IMAGE,
			"the %s wants to lie at %#jx, %ju bytes long: no machine "
			"has memory there",
			f->name, (uintmax_t)addr, (uintmax_t)size);
	if (end > r->ram) {
		autofree char *need = size_text(end);
		autofree char *have = size_text(r->ram);

		err_set(e, ERR_BAD_IMAGE,
			"the %s needs memory up to %s, the guest has %s", f->name, need,
			have);
		return err_hint(e, "give the VM more memory");
	}
	if (overlaps(addr, size, BOOT_DATA, BOOT_DATA_END) ||
	    overlaps(addr, size, MAP_EBDA, LOW_MIB))
		return err_set(e, ERR_BAD_IMAGE,
			       "the %s wants to lie at %#jx, %ju bytes long: boot "
			       "information, ACPI tables and ROMs lie there",
			       f->name, (uintmax_t)addr, (uintmax_t)size);
	return 0;
}

int boot_load_segment(const struct boot_request *r, const struct boot_file *f,
		      const struct boot_segment *s, struct err **e)
{
	if (s->size < s->file_size)
		return err_set(e, ERR_BAD_IMAGE,
			       "the %s is damaged: a segment of %ju bytes is filled "
			       "with %ju",
			       f->name, (uintmax_t)s->size, (uintmax_t)s->file_size);
	if (!s->size)
		return 0;
	if (boot_check_place(r, f, s->addr, s->size, e) < 0 ||
	    boot_file_check(f, s->off, s->file_size, "content", e) < 0 ||
	    load_bytes(r, f, s->off, s->file_size, s->addr, e) < 0)
		return -1;
	if (guest_zero(r->memory, s->addr + s->file_size, s->size - s->file_size) < 0)
		return refuse_size(r, f->name, s->size, e);
	return 0;
}

/* Below *top, which moves down; its command line lies behind it. */
static int load_module(const struct boot_request *r, const struct boot_module *m,
		       uint64_t floor, uint64_t *top, struct boot_placed *out,
		       struct err **e)
{
	autofree char *name =
		m->cmdline ? mem_printf("module %s", m->cmdline) : mem_strdup("initrd");
	size_t text = m->cmdline ? strlen(m->cmdline) + 1 : 0;
	struct boot_placed placed = { 0 };
	struct boot_file f = { 0 };

	str_tame(name, NAME_SHOWN, "");
	if (boot_file_open(m->fd, name, &f, e) < 0)
		return -1;

	/* The file's size is at most 2^63 - 1: this does not wrap. */
	uint64_t room = align_up(f.size + text, GUEST_PAGE);

	if (*top < floor || room > *top - floor)
		return refuse_size(r, name, f.size, e);
	placed.addr = *top - room;
	placed.size = f.size;
	if (load_bytes(r, &f, 0, f.size, placed.addr, e) < 0)
		return -1;
	if (text) {
		placed.cmdline = placed.addr + f.size;
		if (boot_write(r, placed.cmdline, m->cmdline, text, e) < 0)
			return -1;
	}
	*top = placed.addr;
	*out = placed;
	return 0;
}

int boot_load_modules(const struct boot_request *r, uint64_t floor, uint64_t top,
		      struct boot_placed out[BOOT_MODULES_MAX], struct err **e)
{
	assert(r->n_modules <= BOOT_MODULES_MAX);
	floor = align_up(MAX(floor, LOW_MIB), GUEST_PAGE);
	top = MIN(top, boot_low_end(r)) & ~(GUEST_PAGE - 1);
	for (size_t i = 0; i < r->n_modules; i++)
		if (load_module(r, &r->modules[i], floor, &top, &out[i], e) < 0)
			return -1;
	return 0;
}

int boot_write(const struct boot_request *r, uint64_t addr, const void *data,
	       size_t len, struct err **e)
{
	if (guest_write(r->memory, addr, data, len) == 0)
		return 0;
	/* Every place of ours lies below 1 MiB or was checked before. */
	return err_set(e, ERR_INTERNAL, "guest memory ends before %#jx",
		       (uintmax_t)addr);
}

int boot_write_cmdline(const struct boot_request *r, uint64_t max, struct err **e)
{
	size_t len = strlen(r->cmdline);

	max = MIN(max, BOOT_CMDLINE_SIZE - 1);
	if (len > max)
		return err_set(e, ERR_INVALID_PARAMS,
			       "the command line has %zu bytes, this kernel takes %ju",
			       len, (uintmax_t)max);
	return boot_write(r, BOOT_CMDLINE, r->cmdline, len + 1, e);
}
