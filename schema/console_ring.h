/*
 * schema/console_ring.h - the console's output as vxd and worker share it
 *
 * A sealed memory file made by vxd: a page of header, then a ring. The worker
 * writes, vxd reads and believes nothing: `head` only says where to copy from, all
 * of which lies inside the mapping whatever its value. It outlives the worker.
 *
 * `head` counts all bytes ever written; byte n lies at n % CONSOLE_RING_SIZE.
 */
#ifndef VX_SCHEMA_CONSOLE_RING_H
#define VX_SCHEMA_CONSOLE_RING_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_RING_SIZE (256u * 1024)
#define CONSOLE_RING_BYTES (4096u + CONSOLE_RING_SIZE) /* of the memory file */
/* Most that is written before `head` moves, so that a reader knows what may be torn. */
#define CONSOLE_RING_STEP 4096u
#define CONSOLE_RING_HEAD_MAX ((1ull << 53) - 1) /* more is not believed */

struct console_ring {
	_Atomic uint64_t head;
	uint8_t pad[4096 - sizeof(uint64_t)];
	uint8_t data[CONSOLE_RING_SIZE];
};
static_assert(sizeof(struct console_ring) == CONSOLE_RING_BYTES, "layout is fixed");

/* Map the memory file `fd`, checked to be sealed and of the right size; NULL and errno. */
struct console_ring *console_ring_map(int fd, int writable);
void console_ring_unmap(struct console_ring *ring);

/* Writer only: append `len` bytes; the oldest are overwritten. */
void console_ring_write(struct console_ring *ring, const void *data, size_t len);

/*
 * Copy up to `room` bytes from place *pos on. *pos moves behind what was copied;
 * *lost is how many bytes before them were overwritten meanwhile. The count.
 */
size_t console_ring_read(const struct console_ring *ring, uint64_t *pos, void *out,
			 size_t room, uint64_t *lost);

#endif
