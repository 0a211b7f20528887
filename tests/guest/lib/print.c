/*
 * tests/guest/lib/print.c - text on COM1, and the little of libc that we need
 */
#include "print.h"

#include <stdarg.h>

#include "io.h"

#define LSR 5
#define LSR_THRE 0x20

void serial_init(void)
{
	out8(COM1 + 1, 0x00);
	out8(COM1 + 3, 0x80); /* divisor latch */
	out8(COM1 + 0, 0x01);
	out8(COM1 + 1, 0x00);
	out8(COM1 + 3, 0x03);
	out8(COM1 + 2, 0x07);
	out8(COM1 + 4, 0x0b); /* OUT2: where a PC gates the interrupt line */
}

void serial_put(char c)
{
	if (c == '\n')
		serial_put('\r');
	while (!(in8(COM1 + LSR) & LSR_THRE))
		;
	out8(COM1, (uint8_t)c);
}

static void print_text(const char *s)
{
	while (*s)
		serial_put(*s++);
}

static void print_number(uint32_t n, uint32_t base)
{
	char digits[12];
	size_t i = sizeof(digits);

	digits[--i] = '\0';
	do {
		digits[--i] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	print_text(digits + i);
}

void print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			serial_put(*fmt);
			continue;
		}
		switch (*++fmt) {
		case 's':
			print_text(va_arg(args, const char *));
			break;
		case 'c':
			serial_put((char)va_arg(args, int));
			break;
		case 'u':
			print_number(va_arg(args, uint32_t), 10);
			break;
		case 'x':
			print_number(va_arg(args, uint32_t), 16);
			break;
		default:
			serial_put(*fmt);
		}
	}
	va_end(args);
}

void *memcpy(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	char *t = to;

	while (n--)
		*t++ = (char)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool word_get(const char *cmdline, const char *name, char *out, size_t room)
{
	size_t len = strlen(name), n = 0;
	const char *at = cmdline;

	while (*at) {
		while (*at == ' ')
			at++;
		if (memcmp(at, name, len) == 0 && at[len] == '=')
			break;
		while (*at && *at != ' ')
			at++;
	}
	if (!*at)
		return false;
	for (at += len + 1; *at && *at != ' ' && n + 1 < room; at++)
		out[n++] = *at;
	out[n] = '\0';
	return true;
}

uint32_t number_of(const char *s)
{
	uint32_t n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (uint32_t)(*s - '0');
	return n;
}
