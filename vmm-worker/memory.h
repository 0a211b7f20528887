/*
 * vmm-worker/memory.h - guest RAM, the only way to reach it
 *
 * RAM is a list of blocks, each one mapping and one memslot. An address from the
 * guest becomes a pointer only through a span, which is checked to lie in one
 * block; a span taken for writing marks its pages dirty when it is released.
 *
 * Not here: where blocks lie (memory_map.h), memslots (vm_kvm.c).
 */
#ifndef VX_VMM_MEMORY_H
#define VX_VMM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum memory_kind {
	MEMORY_ANON,  /* private, transparent huge pages: the default, the fastest */
	MEMORY_MEMFD, /* shared with helpers */
	MEMORY_KIND_COUNT
};

#define MEMORY_BLOCKS_MAX 8

struct memory_block {
	const char *name; /* "ram/0", as the state stream and fd table spell it */
	enum memory_kind kind;
	uint64_t gpa;
	uint64_t size;
	uint8_t *host;	 /* owned mapping */
	int fd;		 /* owned, -1 for anon */
	uint64_t *dirty; /* owned bitmap of pages, NULL while nobody tracks */
};

struct guest_memory {
	struct memory_block blocks[MEMORY_BLOCKS_MAX];
	size_t n_blocks;
};

void guest_memory_init(struct guest_memory *m);
void guest_memory_fini(struct guest_memory *m);
/* Add `size` bytes (page multiple) at `gpa`. `name` is borrowed for ever. */
int guest_memory_add(struct guest_memory *m, const char *name, enum memory_kind kind,
		     uint64_t gpa, uint64_t size, struct err **e);

/* A checked piece of guest memory. */
struct guest_span {
	uint8_t *data; /* borrowed */
	size_t len;
	struct memory_block *block; /* borrowed */
};

/* 0, or -EFAULT where [gpa, gpa + len) is not inside one block. len 0 is refused. */
int guest_span_get(struct guest_memory *m, uint64_t gpa, uint64_t len,
		   struct guest_span *out) NODISCARD;
/* Done with a span that was only read. */
static inline void guest_span_read_done(struct guest_span *s)
{
	s->data = NULL;
}
/* Done with a span that was written, by whatever means: marks it dirty. */
void guest_span_write_done(struct guest_span *s);

/* Copies, for what is small or happens once. 0 or -EFAULT. */
int guest_read(struct guest_memory *m, uint64_t gpa, void *out, size_t len) NODISCARD;
int guest_write(struct guest_memory *m, uint64_t gpa, const void *data,
		size_t len) NODISCARD;
int guest_zero(struct guest_memory *m, uint64_t gpa, uint64_t len) NODISCARD;

#endif
