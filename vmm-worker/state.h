/*
 * vmm-worker/state.h - device state as type-length-value
 *
 * Save, migration and upgrade write one stream of sections, each named by device
 * type and the definition's device name, with a version, a CRC-32C and fields by
 * tag; a reader skips optional tags that it does not know and refuses others.
 * A device describes its state once, as a field table: saved, loaded, fuzzed by it.
 * Everything read is hostile: the table bounds it, then the device checks it.
 *
 *   header "VXSTATE1" u32 format, then sections:
 *   u32 magic, u32 version, u16 type_len, u16 name_len, u32 body_len,
 *   type, name, body, u32 crc (of all of the section before it)
 *   body: fields u16 tag, u16 flags, u32 len, value
 *   the last section has type "end" and an empty body
 */
#ifndef VX_VMM_STATE_H
#define VX_VMM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/str.h"

#define STATE_SECTION_MAX (1024 * 1024)

enum state_kind {
	STATE_U8,
	STATE_U16,
	STATE_U32,
	STATE_U64,
	STATE_BOOL,
	STATE_BYTES, /* `size` bytes as they are */
	STATE_KIND_COUNT
};

struct state_field {
	const char *name; /* for error messages */
	uint16_t tag;	  /* never reused within a type */
	enum state_kind kind;
	size_t offset; /* in the object */
	size_t size;   /* of one element; arrays have count > 1 */
	size_t count;
	bool optional; /* a reader may not know it; absent when loading is fine */
};

#define STATE_SIZE(type, member) sizeof(((type *)0)->member)
#define STATE_FIELD(tag_, kind_, type, member)                                      \
	{                                                                           \
		.name = #member, .tag = (tag_), .kind = (kind_),                    \
		.offset = offsetof(type, member), .size = STATE_SIZE(type, member), \
		.count = 1                                                          \
	}
#define STATE_ARRAY(tag_, kind_, type, member)                                         \
	{                                                                              \
		.name = #member, .tag = (tag_), .kind = (kind_),                       \
		.offset = offsetof(type, member), .size = STATE_SIZE(type, member[0]), \
		.count = STATE_SIZE(type, member) / STATE_SIZE(type, member[0])        \
	}

struct state_table {
	const struct state_field *fields;
	size_t n_fields;
	uint32_t version; /* written; versions version - 1 and version are read */
};

void state_begin(struct str *out);
void state_save(struct str *out, const char *type, const char *name,
		const struct state_table *table, const void *object);
void state_end(struct str *out);

/* One section of a stream; borrowed from the stream's bytes. */
struct state_section {
	char type[64];
	char name[64];
	uint32_t version;
	struct span body;
};

struct state_reader {
	struct span rest;
	bool ended; /* the end section was seen */
};

int state_reader_init(struct state_reader *r, struct span stream, struct err **e);
/* 1 and a section, 0 at the end section, -1 and *e (also when it is missing). */
int state_next(struct state_reader *r, struct state_section *out, struct err **e);
/* Fill `object` by the table. On failure `object` is untouched. */
int state_load(const struct state_section *s, const struct state_table *table,
	       void *object, size_t object_size, struct err **e);

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4). */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
