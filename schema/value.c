/*
 * schema/value.c - freeing and copying structs by their tables; enums; maps
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "schema/shape.h"

const char *enum_name(const struct enum_names *names, unsigned int v)
{
	return v < names->count ? names->words[v] : "?";
}

bool enum_from_name(const struct enum_names *names, const char *name, unsigned int *out)
{
	for (unsigned int i = 0; name && i < names->count; i++)
		if (strcmp(names->words[i], name) == 0) {
			*out = i;
			return true;
		}
	return false;
}

const char *kv_get(const struct kv *map, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(map[i].key, key) == 0)
			return map[i].value;
	return NULL;
}

void kv_set(struct kv **map, size_t *n, const char *key, const char *value)
{
	size_t at = 0;

	while (at < *n && strcmp((*map)[at].key, key) < 0)
		at++;
	if (at < *n && strcmp((*map)[at].key, key) == 0) {
		free((*map)[at].value);
	} else {
		*map = mem_grow(*map, *n + 1, sizeof(**map));
		memmove(&(*map)[at + 1], &(*map)[at], (*n - at) * sizeof(**map));
		(*map)[at].key = mem_strdup(key);
		++*n;
	}
	(*map)[at].value = mem_strdup(value);
}

size_t value_size(const struct value_type *t)
{
	switch (t->kind) {
	case VALUE_STRING:
		return sizeof(char *);
	case VALUE_UINT:
	case VALUE_INT:
		return sizeof(uint64_t);
	case VALUE_BOOL:
		return sizeof(bool);
	case VALUE_ENUM:
		return sizeof(unsigned int);
	case VALUE_OBJECT:
		return t->shape->size;
	case VALUE_MAP:
		return sizeof(struct kv);
	}
	return 0;
}

bool field_present(const struct field *f, const void *v)
{
	void *at = field_at(f, v);

	if (f->required)
		return true;
	if (f->array || f->type.kind == VALUE_MAP)
		return *field_count(f, v) > 0;
	if (f->flagged)
		return *field_flag(f, v);
	if (f->pointer || f->type.kind == VALUE_STRING)
		return *(void **)at != NULL;
	return true;
}

static void value_fini(const struct value_type *t, void *at)
{
	if (t->kind == VALUE_STRING) {
		free(*(char **)at);
	} else if (t->kind == VALUE_OBJECT) {
		shape_fini(t->shape, at);
	} else if (t->kind == VALUE_MAP) {
		free(((struct kv *)at)->key);
		free(((struct kv *)at)->value);
	}
}

void shape_fini(const struct shape *s, void *v)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		void *at = field_at(f, v);

		if (f->array || f->type.kind == VALUE_MAP) {
			char *items = *(char **)at;

			for (size_t k = 0; k < *field_count(f, v); k++)
				value_fini(&f->type, items + k * value_size(&f->type));
			free(items);
		} else if (f->pointer) {
			if (*(void **)at)
				value_fini(&f->type, *(void **)at);
			free(*(void **)at);
		} else {
			value_fini(&f->type, at);
		}
	}
	memset(v, 0, s->size);
}

static void value_copy(const struct value_type *t, const void *from, void *to)
{
	if (t->kind == VALUE_STRING) {
		*(char **)to = mem_strdup(*(char *const *)from);
	} else if (t->kind == VALUE_OBJECT) {
		shape_copy(t->shape, from, to);
	} else if (t->kind == VALUE_MAP) {
		const struct kv *kv = from;

		*(struct kv *)to =
			(struct kv){ mem_strdup(kv->key), mem_strdup(kv->value) };
	} else {
		memcpy(to, from, value_size(t));
	}
}

void shape_copy(const struct shape *s, const void *v, void *out)
{
	/* Plain members, counts and flags at once; then what is owned. */
	memcpy(out, v, s->size);
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		size_t size = value_size(&f->type);
		void *from = field_at(f, v), *to = field_at(f, out);

		if (f->array || f->type.kind == VALUE_MAP) {
			size_t n = *field_count(f, v);
			char *items = n ? mem_array(n, size) : NULL;

			for (size_t k = 0; k < n; k++)
				value_copy(&f->type, *(char **)from + k * size,
					   items + k * size);
			*(char **)to = items;
		} else if (f->pointer) {
			if (!*(void **)from)
				continue;
			*(void **)to = mem_alloc(size);
			value_copy(&f->type, *(void **)from, *(void **)to);
		} else {
			value_copy(&f->type, from, to);
		}
	}
}
