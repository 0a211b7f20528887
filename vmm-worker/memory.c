/*
 * vmm-worker/memory.c - guest RAM: blocks, spans, dirty pages
 *
 * A mapping begins where its guest address does within 2 MiB: only then can KVM
 * put a huge page of the host under a huge page of the guest.
 *
 * Not here: where blocks lie (memory_map.c), memslots (vm_kvm.c), who reads the
 * dirty bitmap.
 */
#include "vmm-worker/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/mem.h"

#define GUEST_PAGE 4096ull
#define HUGE_PAGE (2ull * 1024 * 1024)
#define MIB (1024ull * 1024)
#define RELEASE_MIN (64ull * 1024) /* below, writing zeroes is cheaper */

void guest_memory_init(struct guest_memory *m)
{
	*m = (struct guest_memory){ 0 };
}

static void block_fini(struct memory_block *b)
{
	munmap(b->host, b->size);
	cleanup_close(&b->fd);
	free(b->dirty);
}

void guest_memory_fini(struct guest_memory *m)
{
	for (size_t i = 0; i < m->n_blocks; i++)
		block_fini(&m->blocks[i]);
	guest_memory_init(m);
}

/* Address space of `size` bytes that begins where `gpa` does within 2 MiB. */
static uint8_t *reserve(uint64_t gpa, uint64_t size)
{
	uint64_t room = size + HUGE_PAGE;
	uint8_t *base = mmap(NULL, room, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return NULL;

	uint64_t skip = (gpa - (uintptr_t)base) & (HUGE_PAGE - 1);

	if (skip)
		munmap(base, skip);
	if (skip < HUGE_PAGE)
		munmap(base + skip + size, HUGE_PAGE - skip);
	return base + skip;
}

/* Give the block its bytes. 0 or -errno. */
static int map_block(struct memory_block *b)
{
	int flags = MAP_FIXED | MAP_NORESERVE;

	if (b->kind == MEMORY_MEMFD) {
		b->fd = fd_memfd_sealed(b->name, b->size);
		if (b->fd < 0)
			return b->fd;
	}
	b->host = reserve(b->gpa, b->size);
	if (!b->host)
		return -errno;
	flags |= b->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	if (mmap(b->host, b->size, PROT_READ | PROT_WRITE, flags, b->fd, 0) ==
	    MAP_FAILED) {
		int rc = -errno;

		munmap(b->host, b->size);
		return rc;
	}
	/* Advice: a kernel without huge pages or core dumps has nothing to take. */
	madvise(b->host, b->size, MADV_HUGEPAGE);
	madvise(b->host, b->size, MADV_DONTDUMP);
	return 0;
}

static bool is_free(const struct guest_memory *m, uint64_t gpa, uint64_t size)
{
	for (size_t i = 0; i < m->n_blocks; i++) {
		const struct memory_block *b = &m->blocks[i];

		if (gpa < b->gpa + b->size && b->gpa < gpa + size)
			return false;
	}
	return true;
}

int guest_memory_add(struct guest_memory *m, const char *name, enum memory_kind kind,
		     uint64_t gpa, uint64_t size, struct err **e)
{
	struct memory_block b = {
		.name = name, .kind = kind, .gpa = gpa, .size = size, .fd = -1
	};
	int rc;

	if (!size || gpa % GUEST_PAGE || size % GUEST_PAGE || gpa + size < gpa ||
	    size > SIZE_MAX - HUGE_PAGE || m->n_blocks == MEMORY_BLOCKS_MAX ||
	    !is_free(m, gpa, size))
		return err_set(e, ERR_INTERNAL,
			       "memory block %s of %#jx bytes cannot lie at %#jx", name,
			       (uintmax_t)size, (uintmax_t)gpa);
	rc = map_block(&b);
	if (rc < 0) {
		cleanup_close(&b.fd);
		return err_sys(e, rc, "map %ju MiB of guest memory",
			       (uintmax_t)(size / MIB));
	}
	m->blocks[m->n_blocks++] = b;
	return 0;
}

int guest_span_get(struct guest_memory *m, uint64_t gpa, uint64_t len,
		   struct guest_span *out)
{
	for (size_t i = 0; i < m->n_blocks; i++) {
		struct memory_block *b = &m->blocks[i];
		uint64_t off = gpa - b->gpa;

		if (gpa < b->gpa || off >= b->size)
			continue;
		if (!len || len > b->size - off)
			return -EFAULT;
		*out = (struct guest_span){ b->host + off, (size_t)len, b };
		return 0;
	}
	return -EFAULT;
}

static void mark_dirty(struct memory_block *b, uint64_t off, uint64_t len)
{
	uint64_t last = (off + len - 1) / GUEST_PAGE;

	for (uint64_t page = off / GUEST_PAGE; page <= last; page++)
		__atomic_fetch_or(&b->dirty[page / 64], 1ull << (page % 64),
				  __ATOMIC_RELAXED);
}

void guest_span_write_done(struct guest_span *s)
{
	if (s->block->dirty)
		mark_dirty(s->block, (uint64_t)(s->data - s->block->host), s->len);
	s->data = NULL;
}

int guest_read(struct guest_memory *m, uint64_t gpa, void *out, size_t len)
{
	struct guest_span s;
	int rc = len ? guest_span_get(m, gpa, len, &s) : 0;

	if (rc < 0 || !len)
		return rc;
	memcpy(out, s.data, len);
	guest_span_read_done(&s);
	return 0;
}

int guest_write(struct guest_memory *m, uint64_t gpa, const void *data, size_t len)
{
	struct guest_span s;
	int rc = len ? guest_span_get(m, gpa, len, &s) : 0;

	if (rc < 0 || !len)
		return rc;
	memcpy(s.data, data, len);
	guest_span_write_done(&s);
	return 0;
}

/* Whole pages go back to the host and read as zero; false where they cannot. */
static bool release(const struct memory_block *b, uint64_t off, uint64_t len)
{
	if (b->fd < 0)
		return madvise(b->host + off, len, MADV_DONTNEED) == 0;
	return fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
			 (off_t)len) == 0;
}

/* A bss may be large: pages that nobody has touched stay untouched. */
static void zero_span(const struct guest_span *s)
{
	uint64_t off = (uint64_t)(s->data - s->block->host);
	uint64_t start = align_up(off, GUEST_PAGE);
	uint64_t end = (off + s->len) & ~(GUEST_PAGE - 1);

	if (s->len < RELEASE_MIN || !release(s->block, start, end - start)) {
		memset(s->data, 0, s->len);
		return;
	}
	memset(s->data, 0, start - off);
	memset(s->block->host + end, 0, off + s->len - end);
}

int guest_zero(struct guest_memory *m, uint64_t gpa, uint64_t len)
{
	struct guest_span s;
	int rc = len ? guest_span_get(m, gpa, len, &s) : 0;

	if (rc < 0 || !len)
		return rc;
	zero_span(&s);
	guest_span_write_done(&s);
	return 0;
}
