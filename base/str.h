/*
 * base/str.h - a growing string
 *
 * Zero-initialised is empty and valid. Always NUL-terminated once written to.
 */
#ifndef VX_BASE_STR_H
#define VX_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct str {
	char *data; /* owned; NULL while empty */
	size_t len;
	size_t room;
};

void str_add(struct str *s, const char *text);
void str_add_bytes(struct str *s, const void *data, size_t len);
void str_add_char(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) PRINTF(2, 3);
/* Drop the first `n` bytes. */
void str_consume(struct str *s, size_t n);
/* Empty it and keep the memory. */
void str_clear(struct str *s);
/* The text, never NULL; the string is empty afterwards. Free with free(). */
char *str_steal(struct str *s) NODISCARD;
void str_fini(struct str *s);

AUTOFINI(str, str_fini);

/* In place, for logs, terminals and records: control characters but those in `allowed`
 * become question marks, what is beyond `max` bytes is cut off, between characters.
 * NULL is allowed. */
void str_tame(char *text, size_t max, const char *allowed);

bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);

#endif
