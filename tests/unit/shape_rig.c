/*
 * tests/unit/shape_rig.c - values of any shape: made at random, and compared
 */
#include "tests/unit/shape_rig.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define ITEMS_MAX 5

/* xorshift64* of Marsaglia and Vigna: short, and enough to hit every branch. */
static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(2685821657736338717);
}

static uint64_t below(uint64_t *seed, uint64_t n)
{
	return next(seed) % n;
}

/* Often one of the bounds: that is where mistakes are. */
static uint64_t between(uint64_t *seed, uint64_t min, uint64_t max)
{
	switch (below(seed, 4)) {
	case 0:
		return min;
	case 1:
		return max;
	default:
		return max - min == UINT64_MAX ? next(seed)
					       : min + below(seed, max - min + 1);
	}
}

static void add_one_of(struct str *s, uint64_t *seed, const char *chars)
{
	str_add_char(s, chars[below(seed, strlen(chars))]);
}

static void add_text(struct str *s, uint64_t *seed, size_t len, bool lines)
{
	static const char *const pieces[] = {
		"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\"", "\\", "/"
	};

	while (s->len < len) {
		const char *piece = pieces[below(seed, COUNT(pieces))];
		uint64_t kind = below(seed, 8);

		if (kind == 0 && strlen(piece) <= len - s->len)
			str_add(s, piece);
		else if (kind == 1 && lines)
			add_one_of(s, seed, "\n\t");
		else
			str_add_char(s, (char)(' ' + below(seed, 0x7f - ' ')));
	}
}

static void add_name(struct str *s, uint64_t *seed, size_t len)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	str_add_char(s, letters[below(seed, strlen(letters) - 3)]);
	while (s->len < MIN(len, 63))
		add_one_of(s, seed, letters);
}

static void add_hex(struct str *s, uint64_t *seed, const char *pattern)
{
	for (; *pattern; pattern++)
		if (*pattern == 'x')
			add_one_of(s, seed, "0123456789abcdef");
		else
			str_add_char(s, *pattern);
}

static char *random_string(const struct value_type *t, enum format format,
			   uint64_t *seed)
{
	/* Long ones cost time and find nothing more. */
	size_t len = between(seed, t->min, MIN(t->max, MAX(t->min, 300)));
	autofini(str) s = { 0 };

	switch (format) {
	case FORMAT_UUID:
		add_hex(&s, seed, "xxxxxxxx-xxxx-7xxx-axxx-xxxxxxxxxxxx");
		break;
	case FORMAT_MAC:
		add_hex(&s, seed, "xx:xx:xx:xx:xx:xx");
		break;
	case FORMAT_NAME:
	case FORMAT_LABEL_KEY:
	case FORMAT_VM_REF:
		add_name(&s, seed, len);
		break;
	case FORMAT_PATH:
		str_add_char(&s, '/');
		add_text(&s, seed, len, false);
		break;
	case FORMAT_BASE64:
		while (s.len + 4 <= len)
			add_hex(&s, seed, "xxxx");
		break;
	default:
		add_text(&s, seed, len, format == FORMAT_LINES);
		break;
	}
	return str_steal(&s);
}

static void random_value(const struct value_type *t, uint64_t *seed, void *at)
{
	switch (t->kind) {
	case VALUE_STRING:
		*(char **)at = random_string(t, t->format, seed);
		break;
	case VALUE_UINT:
		*(uint64_t *)at = between(seed, t->min, t->max);
		break;
	case VALUE_INT: /* shifted to where the order is that of unsigned numbers */
		*(uint64_t *)at = between(seed, t->min ^ (UINT64_C(1) << 63),
					  t->max ^ (UINT64_C(1) << 63)) ^
				  (UINT64_C(1) << 63);
		break;
	case VALUE_BOOL:
		*(bool *)at = below(seed, 2);
		break;
	case VALUE_ENUM:
		*(unsigned int *)at = (unsigned int)below(seed, t->names->count);
		break;
	case VALUE_OBJECT:
		shape_random(t->shape, seed, at);
		break;
	case VALUE_MAP: {
		struct kv *kv = at;

		kv->value = random_string(t, t->format, seed);
		break;
	}
	}
}

static void random_items(const struct field *f, uint64_t *seed, void *v)
{
	size_t n = between(seed, 0, MIN(f->count_max, ITEMS_MAX));
	size_t size = value_size(&f->type);
	char *items = n ? mem_array(n, size) : NULL;

	*(char **)field_at(f, v) = items;
	*field_count(f, v) = n;
	for (size_t i = 0; i < n; i++) {
		random_value(&f->type, seed, items + i * size);
		if (f->type.kind == VALUE_MAP) /* sorted, each once */
			((struct kv *)(void *)items)[i].key = mem_printf(
				"k%zu.%llx", i, (unsigned long long)below(seed, 4096));
	}
}

void shape_random(const struct shape *s, uint64_t *seed, void *out)
{
	memset(out, 0, s->size);
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		void *at = field_at(f, out);
		bool there = f->required || below(seed, 2);

		if (f->array || f->type.kind == VALUE_MAP) {
			random_items(f, seed, out);
		} else if (!there && !f->has_default) {
			continue;
		} else if (f->pointer) {
			*(void **)at = mem_alloc(value_size(&f->type));
			random_value(&f->type, seed, *(void **)at);
		} else {
			if (f->flagged)
				*field_flag(f, out) = true;
			random_value(&f->type, seed, at);
		}
	}
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_value(const struct value_type *t, const void *a, const void *b)
{
	switch (t->kind) {
	case VALUE_STRING:
		return same_text(*(char *const *)a, *(char *const *)b);
	case VALUE_UINT:
	case VALUE_INT:
		return *(const uint64_t *)a == *(const uint64_t *)b;
	case VALUE_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case VALUE_ENUM:
		return *(const unsigned int *)a == *(const unsigned int *)b;
	case VALUE_OBJECT:
		return !shape_difference(t->shape, a, b);
	case VALUE_MAP: {
		const struct kv *ka = a, *kb = b;

		return same_text(ka->key, kb->key) && same_text(ka->value, kb->value);
	}
	}
	return false;
}

static bool same_items(const struct field *f, const void *a, const void *b)
{
	size_t n = *field_count(f, a), size = value_size(&f->type);

	if (n != *field_count(f, b))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!same_value(&f->type, *(char **)field_at(f, a) + i * size,
				*(char **)field_at(f, b) + i * size))
			return false;
	return true;
}

static bool same_field(const struct field *f, const void *a, const void *b)
{
	const void *at_a = field_at(f, a), *at_b = field_at(f, b);

	if (f->array || f->type.kind == VALUE_MAP)
		return same_items(f, a, b);
	if (f->flagged && *field_flag(f, a) != *field_flag(f, b))
		return false;
	if (f->flagged && !*field_flag(f, a))
		return true;
	if (f->pointer) {
		at_a = *(void *const *)at_a;
		at_b = *(void *const *)at_b;
		if (!at_a || !at_b)
			return at_a == at_b;
	}
	return same_value(&f->type, at_a, at_b);
}

const char *shape_difference(const struct shape *s, const void *a, const void *b)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (!same_field(&s->fields[i], a, b))
			return s->fields[i].name;
	return NULL;
}
