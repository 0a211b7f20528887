/*
 * schema/runtime.h - what generated types need and what needs no JSON header
 */
#ifndef VX_SCHEMA_RUNTIME_H
#define VX_SCHEMA_RUNTIME_H

#include <stddef.h>

#include "base/err.h"

enum decode_mode {
	DECODE_STRICT,	/* unknown fields are refused: clients */
	DECODE_LENIENT, /* and ignored: workers, stored records of other releases */
};

/* A map of strings is an array of these, sorted by key, keys unique. */
struct kv {
	char *key;   /* owned */
	char *value; /* owned */
};

/* Value of `key` or NULL. */
const char *kv_get(const struct kv *map, size_t n, const char *key);

/* Set `key` in a sorted map, both copied; a key that is there gets the new value. */
void kv_set(struct kv **map, size_t *n, const char *key, const char *value);

/* base64 (RFC 4648 §4, padded). Free with free(). */
char *base64_encode(const void *data, size_t len) NODISCARD;
/* 0 and *out of *out_len bytes, or -EINVAL. */
int base64_decode(const char *text, void **out, size_t *out_len) NODISCARD;

#endif
