/*
 * base/str.c - a growing string
 */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void reserve(struct str *s, size_t more)
{
	if (s->room - s->len > more)
		return;

	size_t room = MAX(s->room * 2, s->len + more + 1);

	s->data = mem_grow(s->data, MAX(room, (size_t)64), 1);
	s->room = MAX(room, (size_t)64);
}

void str_add_bytes(struct str *s, const void *data, size_t len)
{
	reserve(s, len);
	if (len)
		memcpy(s->data + s->len, data, len);
	s->len += len;
	s->data[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
	str_add_bytes(s, text, strlen(text));
}

void str_add_char(struct str *s, char c)
{
	str_add_bytes(s, &c, 1);
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	autofree char *text = mem_vprintf(fmt, args);
	va_end(args);
	str_add(s, text);
}

void str_consume(struct str *s, size_t n)
{
	if (!n)
		return;
	memmove(s->data, s->data + n, s->len - n + 1);
	s->len -= n;
}

void str_clear(struct str *s)
{
	s->len = 0;
	if (s->data)
		s->data[0] = '\0';
}

char *str_steal(struct str *s)
{
	if (!s->data)
		return mem_strdup("");

	char *data = s->data;

	*s = (struct str){ 0 };
	return data;
}

void str_fini(struct str *s)
{
	free(s->data);
	*s = (struct str){ 0 };
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* U+0080 to U+009F, which terminals obey as well. */
static bool is_c1_control(const char *s)
{
	return (unsigned char)s[0] == 0xc2 && (unsigned char)s[1] >= 0x80 &&
	       (unsigned char)s[1] <= 0x9f;
}

void str_tame(char *text, size_t max, const char *allowed)
{
	if (text && strlen(text) > max) {
		while (max && is_continuation(text[max]))
			max--;
		text[max] = '\0';
	}
	for (char *c = text; c && *c; c++) {
		if (((unsigned char)*c < 0x20 && !strchr(allowed, *c)) || *c == 0x7f)
			*c = '?';
		else if (is_c1_control(c))
			c[0] = c[1] = '?';
	}
}

bool str_eq(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}
