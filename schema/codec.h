/*
 * schema/codec.h - structs to JSON and back, by their tables
 *
 * Strings travel as UTF-8; an integer outside what a double holds exactly only as a
 * decimal string. Users want the typed functions of schema/gen/codec.h.
 */
#ifndef VX_SCHEMA_CODEC_H
#define VX_SCHEMA_CODEC_H

#include "schema/shape.h"

struct json_t;

/* ERR_INVALID_PARAMS with the field's path; *out is untouched on failure. */
int shape_decode(const struct shape *s, const struct json_t *j, enum decode_mode mode,
		 void *out, struct err **e);
/* A new reference. Bytes that are not UTF-8 become question marks. */
struct json_t *shape_encode(const struct shape *s, const void *v) NODISCARD;

/* The same with text; also ERR_PARSE_ERROR. */
int shape_parse(const struct shape *s, const char *text, size_t len,
		enum decode_mode mode, void *out, struct err **e);
char *shape_format(const struct shape *s, const void *v) NODISCARD;

/* A JSON-RPC notification as one line without its newline. Free with free(). */
char *shape_notification(const struct shape *s, const char *method, const void *params,
			 size_t *out_len) NODISCARD;

#endif
