/*
 * base/bytes.h - little-endian fields and checked spans of bytes
 *
 * A span is borrowed memory with its length. span_sub() is the only way to cut
 * one, and it refuses what does not fit, so that offsets from files and guests
 * cannot reach outside.
 */
#ifndef VX_BASE_BYTES_H
#define VX_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *data; /* borrowed */
	size_t len;
};

/* False, and *out untouched, where [off, off + len) is not inside. */
static inline bool span_sub(struct span s, uint64_t off, uint64_t len, struct span *out)
{
	if (off > s.len || len > s.len - off)
		return false;
	*out = (struct span){ s.data + off, (size_t)len };
	return true;
}

#define BYTES_LE(bits)                                               \
	static inline uint##bits##_t le##bits##_get(const void *p)   \
	{                                                            \
		uint##bits##_t v;                                    \
		memcpy(&v, p, sizeof(v));                            \
		return v;                                            \
	}                                                            \
	static inline void le##bits##_put(void *p, uint##bits##_t v) \
	{                                                            \
		memcpy(p, &v, sizeof(v));                            \
	}

/* x86-64 only, so the host's order is the wire's. */
BYTES_LE(16)
BYTES_LE(32)
BYTES_LE(64)

#undef BYTES_LE

static inline uint64_t align_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

#endif
