/*
 * schema/console_ring.c - the console's output as vxd and worker share it
 *
 * The writer moves `head` after the bytes are there; a reader copies first and
 * looks at `head` again: what was overwritten meanwhile is thrown away.
 */
#include "schema/console_ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"

struct console_ring *console_ring_map(int fd, int writable)
{
	if (!fd_is_memfd_sealed(fd, CONSOLE_RING_BYTES)) {
		errno = EINVAL;
		return NULL;
	}

	void *p = mmap(NULL, CONSOLE_RING_BYTES,
		       PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

void console_ring_unmap(struct console_ring *ring)
{
	if (ring)
		munmap(ring, CONSOLE_RING_BYTES);
}

void console_ring_write(struct console_ring *ring, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	while (len) {
		size_t at = head % CONSOLE_RING_SIZE;
		size_t n = MIN(MIN(len, CONSOLE_RING_STEP), CONSOLE_RING_SIZE - at);

		memcpy(ring->data + at, p, n);
		head += n;
		p += n;
		len -= n;
		atomic_store_explicit(&ring->head, head, memory_order_release);
	}
}

/* The oldest place that still holds its byte, also while the next step is written. */
static uint64_t oldest(uint64_t head)
{
	const uint64_t kept = CONSOLE_RING_SIZE - CONSOLE_RING_STEP;

	return head > kept ? head - kept : 0;
}

size_t console_ring_read(const struct console_ring *ring, uint64_t *pos, void *out,
			 size_t room, uint64_t *lost)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t from = MAX(*pos, oldest(head));

	/* Nothing new, or a head that went backwards or mad. */
	if (from >= head || head > CONSOLE_RING_HEAD_MAX) {
		*lost = 0;
		return 0;
	}

	size_t n = MIN((uint64_t)room, head - from);
	size_t at = from % CONSOLE_RING_SIZE;
	size_t first = MIN(n, CONSOLE_RING_SIZE - at);

	memcpy(out, ring->data + at, first);
	memcpy((uint8_t *)out + first, ring->data, n - first);

	/* The writer may have come round while we copied. */
	atomic_thread_fence(memory_order_acquire);
	uint64_t now = atomic_load_explicit(&ring->head, memory_order_relaxed);
	size_t gone =
		(size_t)MIN((uint64_t)n, oldest(now) > from ? oldest(now) - from : 0);

	memmove(out, (uint8_t *)out + gone, n - gone);
	*lost = from + gone - *pos;
	*pos = from + n;
	return n - gone;
}
