/*
 * vmm-worker/state.c - the codec of the state stream
 *
 * Loading is in two steps: every field of the section is checked against the table
 * first, then all of them are copied, so that a bad section changes nothing. Names
 * become part of error messages and are therefore printable ASCII.
 *
 * Not here: what the values mean (each device), the checksum (crc32c.c).
 */
#include "vmm-worker/state.h"

#include <assert.h>
#include <stdio.h>

#define HEADER_MAGIC "VXSTATE1"
#define HEADER_FORMAT 1u
#define HEADER_SIZE 12
#define HEADER_FORMAT_AT 8

#define SECTION_MAGIC 0x43455356u /* "VSEC" */
#define SECTION_HEAD 16
#define CRC_SIZE 4
#define END_TYPE "end"

#define FIELD_HEAD 8
#define FIELD_OPTIONAL 0x0001u
#define FIELDS_MAX 128 /* of a table */

/* Size of one element; 0: as the table says. */
static const uint8_t kind_size[] = {
	[STATE_U8] = 1,	 [STATE_U16] = 2,  [STATE_U32] = 4,
	[STATE_U64] = 8, [STATE_BOOL] = 1, [STATE_BYTES] = 0,
};
static_assert(COUNT(kind_size) == STATE_KIND_COUNT, "size every kind");
static_assert(sizeof(bool) == 1, "a bool is copied as a byte");

static size_t field_len(const struct state_field *f)
{
	assert(!kind_size[f->kind] || kind_size[f->kind] == f->size);
	return f->size * f->count;
}

static void add16(struct str *out, uint16_t value)
{
	str_add_bytes(out, &value, sizeof(value));
}

static void add32(struct str *out, uint32_t value)
{
	str_add_bytes(out, &value, sizeof(value));
}

void state_begin(struct str *out)
{
	str_add(out, HEADER_MAGIC);
	add32(out, HEADER_FORMAT);
}

static void add_section_head(struct str *out, const char *type, const char *name,
			     uint32_t version, size_t body_len)
{
	assert(strlen(type) < STATE_SIZE(struct state_section, type));
	assert(strlen(name) < STATE_SIZE(struct state_section, name));
	assert(body_len <= STATE_SECTION_MAX);
	add32(out, SECTION_MAGIC);
	add32(out, version);
	add16(out, (uint16_t)strlen(type));
	add16(out, (uint16_t)strlen(name));
	add32(out, (uint32_t)body_len);
	str_add(out, type);
	str_add(out, name);
}

static void add_crc(struct str *out, size_t section_start)
{
	add32(out, crc32c(0, out->data + section_start, out->len - section_start));
}

void state_save(struct str *out, const char *type, const char *name,
		const struct state_table *table, const void *object)
{
	size_t start = out->len, body_len = 0;

	for (size_t i = 0; i < table->n_fields; i++)
		body_len += FIELD_HEAD + field_len(&table->fields[i]);
	add_section_head(out, type, name, table->version, body_len);
	for (size_t i = 0; i < table->n_fields; i++) {
		const struct state_field *f = &table->fields[i];

		add16(out, f->tag);
		add16(out, f->optional ? FIELD_OPTIONAL : 0);
		add32(out, (uint32_t)field_len(f));
		str_add_bytes(out, (const char *)object + f->offset, field_len(f));
	}
	add_crc(out, start);
}

void state_end(struct str *out)
{
	size_t start = out->len;

	add_section_head(out, END_TYPE, "", 1, 0);
	add_crc(out, start);
}

int state_reader_init(struct state_reader *r, struct span stream, struct err **e)
{
	struct span head, rest;

	if (!span_sub(stream, 0, HEADER_SIZE, &head) ||
	    memcmp(head.data, HEADER_MAGIC, strlen(HEADER_MAGIC)) != 0)
		return err_set(e, ERR_INVALID_PARAMS, "this is not the state of a VM");

	uint32_t format = le32_get(head.data + HEADER_FORMAT_AT);

	if (format != HEADER_FORMAT)
		return err_set(e, ERR_UNSUPPORTED, "the state has format %u, not %u",
			       format, HEADER_FORMAT);
	span_sub(stream, HEADER_SIZE, stream.len - HEADER_SIZE, &rest);
	*r = (struct state_reader){ .rest = rest };
	return 0;
}

/* A name of `room` bytes with its NUL; false where it is too long or not a name. */
static bool take_name(struct span from, char *out, size_t room)
{
	if (from.len >= room)
		return false;
	for (size_t i = 0; i < from.len; i++)
		if (from.data[i] < '!' || from.data[i] > '~')
			return false;
	if (from.len)
		memcpy(out, from.data, from.len);
	out[from.len] = '\0';
	return true;
}

static int truncated(struct err **e)
{
	return err_set(e, ERR_INVALID_PARAMS, "the state is truncated");
}

/* The end section is empty, and nothing comes after it. */
static int check_end(const struct state_reader *r, const struct state_section *s,
		     struct err **e)
{
	if (s->name[0] || s->body.len || r->rest.len)
		return err_set(e, ERR_INVALID_PARAMS, "the end of the state is bad");
	return 0;
}

/* Cut one section from the front of `rest`; its checksum holds. */
static int take_section(struct span *rest, struct state_section *out, struct err **e)
{
	struct span head, type, name, crc;

	if (!span_sub(*rest, 0, SECTION_HEAD, &head))
		return truncated(e);
	if (le32_get(head.data) != SECTION_MAGIC)
		return err_set(e, ERR_INVALID_PARAMS, "a section of the state is bad");

	uint16_t type_len = le16_get(head.data + 8);
	uint16_t name_len = le16_get(head.data + 10);
	uint32_t body_len = le32_get(head.data + 12);
	uint64_t name_at = SECTION_HEAD + (uint64_t)type_len;
	uint64_t body_at = name_at + name_len;
	uint64_t crc_at = body_at + body_len;

	if (body_len > STATE_SECTION_MAX)
		return err_set(e, ERR_INVALID_PARAMS,
			       "a section of the state has %u bytes, too many",
			       body_len);
	if (!span_sub(*rest, SECTION_HEAD, type_len, &type) ||
	    !span_sub(*rest, name_at, name_len, &name) ||
	    !span_sub(*rest, body_at, body_len, &out->body) ||
	    !span_sub(*rest, crc_at, CRC_SIZE, &crc))
		return truncated(e);
	if (crc32c(0, rest->data, crc_at) != le32_get(crc.data))
		return err_set(e, ERR_INVALID_PARAMS,
			       "a section of the state has a wrong checksum");
	if (!type_len || !take_name(type, out->type, sizeof(out->type)) ||
	    !take_name(name, out->name, sizeof(out->name)))
		return err_set(e, ERR_INVALID_PARAMS,
			       "a section of the state has a bad name");
	out->version = le32_get(head.data + 4);
	span_sub(*rest, crc_at + CRC_SIZE, rest->len - crc_at - CRC_SIZE, rest);
	return 0;
}

int state_next(struct state_reader *r, struct state_section *out, struct err **e)
{
	struct state_section s = { .version = 0 };

	if (r->ended)
		return 0;
	if (take_section(&r->rest, &s, e) < 0)
		return -1;
	if (str_eq(s.type, END_TYPE)) {
		if (check_end(r, &s, e) < 0)
			return -1;
		r->ended = true;
		return 0;
	}
	*out = s;
	return 1;
}

static const struct state_field *field_by_tag(const struct state_table *table,
					      uint16_t tag)
{
	for (size_t i = 0; i < table->n_fields; i++)
		if (table->fields[i].tag == tag)
			return &table->fields[i];
	return NULL;
}

static int check_value(const struct state_field *f, struct span value, struct err **e)
{
	if (value.len != field_len(f))
		return err_set(e, ERR_INVALID_PARAMS, "%s has %zu bytes, not %zu",
			       f->name, value.len, field_len(f));
	if (f->kind == STATE_BOOL)
		for (size_t i = 0; i < value.len; i++)
			if (value.data[i] > 1)
				return err_set(e, ERR_INVALID_PARAMS,
					       "%s is neither true nor false", f->name);
	return 0;
}

/* Note in `found` where the value of each of the table's fields lies. */
static int find_values(struct span body, const struct state_table *table,
		       const uint8_t *found[], struct err **e)
{
	uint64_t at = 0;

	while (at < body.len) {
		const struct state_field *f;
		struct span head, value;

		if (!span_sub(body, at, FIELD_HEAD, &head))
			return truncated(e);

		uint16_t tag = le16_get(head.data);
		uint16_t flags = le16_get(head.data + 2);
		uint32_t len = le32_get(head.data + 4);

		at += FIELD_HEAD;
		if (!span_sub(body, at, len, &value))
			return truncated(e);
		at += len;
		if (flags & ~FIELD_OPTIONAL)
			return err_set(e, ERR_UNSUPPORTED, "field %u has flags 0x%x",
				       tag, flags);
		f = field_by_tag(table, tag);
		if (!f && (flags & FIELD_OPTIONAL))
			continue;
		if (!f)
			return err_set(e, ERR_UNSUPPORTED, "field %u is unknown here",
				       tag);
		if (found[f - table->fields])
			return err_set(e, ERR_INVALID_PARAMS, "%s comes twice",
				       f->name);
		if (check_value(f, value, e) < 0)
			return -1;
		found[f - table->fields] = value.data;
	}
	return 0;
}

/* This version and the one before; there is no version 0. */
static bool reads_version(const struct state_table *table, uint32_t version)
{
	return version && (version == table->version || version == table->version - 1);
}

int state_load(const struct state_section *s, const struct state_table *table,
	       void *object, size_t object_size, struct err **e)
{
	const uint8_t *found[FIELDS_MAX] = { NULL };

	assert(table->n_fields <= FIELDS_MAX);
	if (!reads_version(table, s->version))
		return err_set(e, ERR_UNSUPPORTED,
			       "%s \"%s\" has state version %u, known is %u", s->type,
			       s->name, s->version, table->version);
	if (find_values(s->body, table, found, e) < 0)
		return err_wrap(e, "%s \"%s\"", s->type, s->name);
	for (size_t i = 0; i < table->n_fields; i++)
		if (!found[i] && !table->fields[i].optional)
			return err_set(e, ERR_INVALID_PARAMS, "%s \"%s\" lacks %s",
				       s->type, s->name, table->fields[i].name);
	for (size_t i = 0; i < table->n_fields; i++) {
		const struct state_field *f = &table->fields[i];

		assert(f->offset + field_len(f) <= object_size);
		if (found[i])
			memcpy((char *)object + f->offset, found[i], field_len(f));
	}
	return 0;
}
