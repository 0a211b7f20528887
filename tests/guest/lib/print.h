/*
 * tests/guest/lib/print.h - text on COM1, and the little of libc that we need
 */
#ifndef VX_GUEST_PRINT_H
#define VX_GUEST_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COM1 0x3f8

/* 115200 8N1, FIFOs on, no interrupt. */
void serial_init(void);
void serial_put(char c); /* waits for the transmitter; "\n" becomes "\r\n" */
/* %s, %c, %u and %x (32 bits), %% */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

/*
 * The command line's word `name=value`: true, and the value without its end in
 * `out`. A longer value is cut.
 */
bool word_get(const char *cmdline, const char *name, char *out, size_t room);
/* Leading digits as a number. */
uint32_t number_of(const char *s);

#endif
