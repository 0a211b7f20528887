/*
 * schema/encode.c - structs into JSON
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "schema/codec.h"

/* jansson refuses what is not UTF-8; a worker's last words may be anything. */
static json_t *string_encode(const char *text)
{
	json_t *j = json_string(text);

	if (j)
		return j;
	autofree char *clean = mem_strdup(text);

	for (char *c = clean; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return json_string(clean);
}

static json_t *wide_encode(const struct value_type *t, const void *at)
{
	char text[24];

	if (t->kind == VALUE_UINT)
		snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)at);
	else
		snprintf(text, sizeof(text), "%" PRId64, *(const int64_t *)at);
	return json_string(text);
}

static json_t *value_encode(const struct value_type *t, const void *at)
{
	switch (t->kind) {
	case VALUE_STRING: {
		const char *text = *(char *const *)at;

		return string_encode(text ? text : "");
	}
	case VALUE_UINT:
	case VALUE_INT:
		return t->wide ? wide_encode(t, at)
			       : json_integer(*(const int64_t *)at);
	case VALUE_BOOL:
		return json_boolean(*(const bool *)at);
	case VALUE_ENUM:
		return json_string(enum_name(t->names, *(const unsigned int *)at));
	case VALUE_OBJECT:
		return shape_encode(t->shape, at);
	case VALUE_MAP:
		break; /* not a single value */
	}
	return json_null();
}

static json_t *array_encode(const struct field *f, const void *v)
{
	const char *items = *(char **)field_at(f, v);
	json_t *array = json_array();

	for (size_t i = 0; i < *field_count(f, v); i++)
		json_array_append_new(
			array,
			value_encode(&f->type, items + i * value_size(&f->type)));
	return array;
}

static json_t *map_encode(const struct field *f, const void *v)
{
	const struct kv *items = *(struct kv **)field_at(f, v);
	json_t *object = json_object();

	for (size_t i = 0; i < *field_count(f, v); i++)
		json_object_set_new(object, items[i].key,
				    string_encode(items[i].value));
	return object;
}

json_t *shape_encode(const struct shape *s, const void *v)
{
	json_t *object = json_object();

	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		const void *at = field_at(f, v);
		json_t *value;

		if (!field_present(f, v))
			continue;
		if (f->array)
			value = array_encode(f, v);
		else if (f->type.kind == VALUE_MAP)
			value = map_encode(f, v);
		else
			value = value_encode(&f->type,
					     f->pointer ? *(void *const *)at : at);
		json_object_set_new(object, f->name, value);
	}
	return object;
}

char *shape_format(const struct shape *s, const void *v)
{
	json_t *j = shape_encode(s, v);
	char *text = json_dumps(j, JSON_COMPACT);

	json_decref(j);
	return text;
}

char *shape_notification(const struct shape *s, const char *method, const void *params,
			 size_t *out_len)
{
	json_t *j = json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method,
			      "params", shape_encode(s, params));
	char *text = json_dumps(j, JSON_COMPACT);

	json_decref(j);
	*out_len = strlen(text);
	return text;
}
