/*
 * schema/decode.c - JSON into structs
 *
 * What comes in is foreign: types, bounds, formats and counts are checked by the table
 * before a value is stored, and a struct is either whole or not touched. Every step down
 * is one of the schema's, so that the depth of the JSON bounds nothing here.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "schema/codec.h"

static int object_decode(const struct shape *s, const json_t *j, enum decode_mode mode,
			 void *out, struct err **e);

static int wrong_type(struct err **e, const char *wanted, const json_t *j)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string",    [JSON_INTEGER] = "a whole number",
		[JSON_REAL] = "a real number", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",	       [JSON_NULL] = "null",
	};

	return err_set(e, ERR_INVALID_PARAMS, "must be %s, not %s", wanted,
		       names[json_typeof(j)]);
}

static int string_decode(const struct value_type *t, enum format format,
			 const json_t *j, char **out, struct err **e)
{
	const char *must, *text = json_string_value(j);
	size_t len = json_string_length(j);

	if (!text)
		return wrong_type(e, "a string", j);
	if (len < t->min || len > t->max)
		return err_set(e, ERR_INVALID_PARAMS,
			       "must have %" PRIu64 " to %" PRIu64 " bytes, not %zu",
			       t->min, t->max, len);
	must = format_check(format, text);
	if (must)
		return err_set(e, ERR_INVALID_PARAMS, "%s", must);
	*out = mem_strndup(text, len);
	return 0;
}

/* A decimal string, as wide integers travel. */
static bool wide_value(const char *text, bool is_signed, uint64_t *out)
{
	char *end;

	if (!text || !*text || strspn(text, "-0123456789") != strlen(text) ||
	    (!is_signed && *text == '-'))
		return false;
	errno = 0;
	*out = is_signed ? (uint64_t)strtoll(text, &end, 10) : strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static int uint_decode(const struct value_type *t, const json_t *j, uint64_t *out,
		       struct err **e)
{
	uint64_t v;

	if (t->wide) {
		if (!wide_value(json_string_value(j), false, &v))
			return err_set(e, ERR_INVALID_PARAMS,
				       "must be a decimal number in a string");
	} else {
		if (!json_is_integer(j))
			return wrong_type(e, "a whole number", j);
		if (json_integer_value(j) < 0)
			return err_set(
				e, ERR_INVALID_PARAMS,
				"must be between %" PRIu64 " and %" PRIu64 ", not %lld",
				t->min, t->max, (long long)json_integer_value(j));
		v = (uint64_t)json_integer_value(j);
	}
	if (v < t->min || v > t->max)
		return err_set(e, ERR_INVALID_PARAMS,
			       "must be between %" PRIu64 " and %" PRIu64
			       ", not %" PRIu64,
			       t->min, t->max, v);
	*out = v;
	return 0;
}

static int int_decode(const struct value_type *t, const json_t *j, int64_t *out,
		      struct err **e)
{
	int64_t v, min = (int64_t)t->min, max = (int64_t)t->max;
	uint64_t bits;

	if (t->wide) {
		if (!wide_value(json_string_value(j), true, &bits))
			return err_set(e, ERR_INVALID_PARAMS,
				       "must be a decimal number in a string");
		v = (int64_t)bits;
	} else {
		if (!json_is_integer(j))
			return wrong_type(e, "a whole number", j);
		v = json_integer_value(j);
	}
	if (v < min || v > max)
		return err_set(e, ERR_INVALID_PARAMS,
			       "must be between %" PRId64 " and %" PRId64
			       ", not %" PRId64,
			       min, max, v);
	*out = v;
	return 0;
}

static int enum_decode(const struct enum_names *names, const json_t *j,
		       unsigned int *out, struct err **e)
{
	autofini(str) known = { 0 };

	if (!json_is_string(j))
		return wrong_type(e, "a string", j);
	if (enum_from_name(names, json_string_value(j), out))
		return 0;
	for (unsigned int i = 0; i < names->count; i++)
		str_addf(&known, "%s%s", i ? ", " : "", names->words[i]);
	return err_set(e, ERR_INVALID_PARAMS, "must be one of %s", known.data);
}

static int value_decode(const struct value_type *t, const json_t *j,
			enum decode_mode mode, void *at, struct err **e)
{
	switch (t->kind) {
	case VALUE_STRING:
		return string_decode(t, t->format, j, at, e);
	case VALUE_UINT:
		return uint_decode(t, j, at, e);
	case VALUE_INT:
		return int_decode(t, j, at, e);
	case VALUE_BOOL:
		if (!json_is_boolean(j))
			return wrong_type(e, "true or false", j);
		*(bool *)at = json_is_true(j);
		return 0;
	case VALUE_ENUM:
		return enum_decode(t->names, j, at, e);
	case VALUE_OBJECT:
		return object_decode(t->shape, j, mode, at, e);
	case VALUE_MAP:
		break; /* not a single value */
	}
	return err_set(e, ERR_INTERNAL, "has a kind that cannot be decoded");
}

static int check_count(const struct field *f, size_t n, struct err **e)
{
	if (n > f->count_max)
		return err_set(e, ERR_INVALID_PARAMS,
			       "must have at most %zu entries, not %zu", f->count_max,
			       n);
	return 0;
}

static int array_decode(const struct field *f, const json_t *j, enum decode_mode mode,
			void *out, struct err **e)
{
	size_t n = json_array_size(j), size = value_size(&f->type);
	char **items = field_at(f, out);

	if (!json_is_array(j))
		return wrong_type(e, "an array", j);
	if (check_count(f, n, e) < 0)
		return -1;
	*items = n ? mem_array(n, size) : NULL;
	*field_count(f, out) = n; /* what is not decoded yet is zero: freeing is safe */
	for (size_t i = 0; i < n; i++)
		if (value_decode(&f->type, json_array_get(j, i), mode,
				 *items + i * size, e) < 0)
			return err_path(e, "[%zu]", i);
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct kv *)a)->key, ((const struct kv *)b)->key);
}

static int map_decode(const struct field *f, const json_t *j, void *out, struct err **e)
{
	struct kv **items = field_at(f, out);
	size_t *n = field_count(f, out);
	const char *key;
	json_t *value;

	if (!json_is_object(j))
		return wrong_type(e, "an object", j);
	if (check_count(f, json_object_size(j), e) < 0)
		return -1;
	if (json_object_size(j) == 0)
		return 0;
	*items = mem_array(json_object_size(j), sizeof(**items));
	json_object_foreach((json_t *)j, key, value)
	{
		struct kv *kv = &(*items)[(*n)++];
		const char *must = format_check(FORMAT_LABEL_KEY, key);

		kv->key = mem_strdup(key);
		if (must)
			return err_set(e, ERR_INVALID_PARAMS, "has a key that %s",
				       must);
		if (string_decode(&f->type, f->type.format, value, &kv->value, e) < 0)
			return err_path(e, "%s", key);
	}
	qsort(*items, *n, sizeof(**items), by_key);
	return 0;
}

static void set_default(const struct field *f, void *out)
{
	void *at = field_at(f, out);

	switch (f->type.kind) {
	case VALUE_STRING:
		*(char **)at = mem_strdup(f->default_text);
		break;
	case VALUE_BOOL:
		*(bool *)at = f->default_bits != 0;
		break;
	case VALUE_ENUM:
		*(unsigned int *)at = (unsigned int)f->default_bits;
		break;
	default:
		memcpy(at, &f->default_bits, sizeof(f->default_bits));
		break;
	}
}

static int field_decode(const struct field *f, const json_t *j, enum decode_mode mode,
			void *out, struct err **e)
{
	void *at = field_at(f, out);

	if (!j && f->required)
		return err_set(e, ERR_INVALID_PARAMS, "is missing");
	if (!j) {
		if (f->has_default)
			set_default(f, out);
		return 0;
	}
	if (f->array)
		return array_decode(f, j, mode, out, e);
	if (f->type.kind == VALUE_MAP)
		return map_decode(f, j, out, e);
	if (f->pointer)
		at = *(void **)at = mem_alloc(value_size(&f->type));
	if (f->flagged)
		*field_flag(f, out) = true;
	return value_decode(&f->type, j, mode, at, e);
}

static const struct field *field_find(const struct shape *s, const char *name)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (strcmp(s->fields[i].name, name) == 0)
			return &s->fields[i];
	return NULL;
}

static int refuse_unknown(const struct shape *s, const json_t *j, struct err **e)
{
	autofini(str) known = { 0 };
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)j, key, value)
	{
		if (field_find(s, key))
			continue;
		for (size_t i = 0; i < s->n_fields; i++)
			str_addf(&known, "%s%s", i ? ", " : "", s->fields[i].name);
		err_set(e, ERR_INVALID_PARAMS, "is not a known field");
		err_hint(e, "known here: %s", s->n_fields ? known.data : "none");
		return err_path(e, "%.63s", key);
	}
	return 0;
}

static int object_decode(const struct shape *s, const json_t *j, enum decode_mode mode,
			 void *out, struct err **e)
{
	autofree void *v = mem_alloc(s->size);

	if (!json_is_object(j))
		return wrong_type(e, "an object", j);
	if (mode == DECODE_STRICT && refuse_unknown(s, j, e) < 0)
		return -1;
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];

		if (field_decode(f, json_object_get(j, f->name), mode, v, e) < 0) {
			shape_fini(s, v);
			return err_path(e, "%s", f->name);
		}
	}
	memcpy(out, v, s->size);
	return 0;
}

int shape_decode(const struct shape *s, const struct json_t *j, enum decode_mode mode,
		 void *out, struct err **e)
{
	autoptr(err) bad = NULL;

	if (object_decode(s, j, mode, out, &bad) == 0)
		return 0;
	/* The sentences above speak of "it"; now it has a name. */
	autofree char *sentence =
		mem_printf("%s %s", bad->path ? bad->path : s->name, bad->message);

	free(bad->message);
	bad->message = steal(sentence);
	if (e)
		*e = steal(bad);
	return -1;
}

int shape_parse(const struct shape *s, const char *text, size_t len,
		enum decode_mode mode, void *out, struct err **e)
{
	json_error_t why;
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	int rc;

	if (!j)
		return err_set(e, ERR_PARSE_ERROR, "%s is not JSON: %s (line %d)",
			       s->name, why.text, why.line);
	rc = shape_decode(s, j, mode, out, e);
	json_decref(j);
	return rc;
}
