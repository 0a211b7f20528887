/*
 * schema/shape.h - tables that describe the generated structs
 *
 * A shape says where each field lies in its struct and what it may hold. Freeing,
 * copying, decoding and encoding are walks over it, written once.
 *
 * Not here: JSON (schema/codec.h). Users want the typed functions of schema/gen.
 */
#ifndef VX_SCHEMA_SHAPE_H
#define VX_SCHEMA_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "schema/format.h"
#include "schema/runtime.h"

struct enum_names {
	const char *const *words;
	unsigned int count;
};

/* "?" for a value that is none of the enum's. */
const char *enum_name(const struct enum_names *names, unsigned int v);
bool enum_from_name(const struct enum_names *names, const char *name,
		    unsigned int *out);

enum value_kind {
	VALUE_STRING, /* char *, owned */
	VALUE_UINT,   /* uint64_t */
	VALUE_INT,    /* int64_t */
	VALUE_BOOL,   /* bool */
	VALUE_ENUM,   /* an enum, as wide as unsigned int */
	VALUE_OBJECT, /* a struct with a shape of its own */
	VALUE_MAP,    /* struct kv *, with its count beside it */
};

struct shape;

struct value_type {
	enum value_kind kind;
	enum format format;		/* of a string, or of a map's values */
	bool wide;			/* an integer that travels as a string */
	uint64_t min, max;		/* of an integer, or of a string's bytes */
	const struct enum_names *names; /* of an enum */
	const struct shape *shape;	/* of an object */
};

struct field {
	const char *name;
	size_t at;	  /* offset of the member */
	size_t count_at;  /* arrays and maps: offset of n_name */
	size_t count_max; /* arrays and maps */
	size_t flag_at;	  /* flagged: offset of has_name */
	bool array;
	bool required;
	bool pointer; /* an object behind a pointer, NULL when absent */
	bool flagged;
	bool has_default;
	const char *default_text; /* of a string */
	uint64_t default_bits;	  /* of all else */
	struct value_type type;	  /* of an item, in an array */
};

struct shape {
	const char *name;
	size_t size;
	const struct field *fields;
	size_t n_fields;
};

/* Bytes of one value in memory. */
size_t value_size(const struct value_type *t);
/* Free what `v` owns; it is all zero afterwards. */
void shape_fini(const struct shape *s, void *v);
/* A deep copy into `out`, which is not freed before. */
void shape_copy(const struct shape *s, const void *v, void *out);

/* Member access by a table; what lies there is the table's business. */
static inline void *field_at(const struct field *f, const void *v)
{
	return (char *)v + f->at;
}
static inline size_t *field_count(const struct field *f, const void *v)
{
	return (size_t *)(void *)((char *)v + f->count_at);
}
static inline bool *field_flag(const struct field *f, const void *v)
{
	return (bool *)((char *)v + f->flag_at);
}
/* Is it there, so that it is to be encoded? */
bool field_present(const struct field *f, const void *v);

#endif
