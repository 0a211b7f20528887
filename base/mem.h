/*
 * base/mem.h - allocation
 *
 * Small allocations of our own making abort when memory is gone: there is no
 * sensible way on. A size that came from outside uses mem_try_array() and fails
 * politely. All memory is zeroed and freed with free().
 */
#ifndef VX_BASE_MEM_H
#define VX_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

#include "base/cleanup.h"

void *mem_alloc(size_t size) NODISCARD;
void *mem_array(size_t count, size_t size) NODISCARD;
/* NULL when count * size overflows or memory is gone. */
void *mem_try_array(size_t count, size_t size) NODISCARD;
/* Grow `ptr` to hold `count` items; new bytes are not zeroed. Consumes `ptr`. */
void *mem_grow(void *ptr, size_t count, size_t size) NODISCARD;
/* A copy of `len` bytes. */
void *mem_dup(const void *data, size_t len) NODISCARD;

/* NULL in, NULL out. */
char *mem_strdup(const char *s) NODISCARD;
char *mem_strndup(const char *s, size_t len) NODISCARD;
char *mem_printf(const char *fmt, ...) NODISCARD PRINTF(1, 2);
char *mem_vprintf(const char *fmt, va_list args) NODISCARD PRINTF(1, 0);

#define mem_new(type) ((type *)mem_alloc(sizeof(type)))

#endif
