/*
 * rpc/jsonrpc.h - JSON-RPC 2.0 messages: read, checked, written
 *
 * Pure: text and JSON values in, text and JSON values out. For rpc/ alone.
 */
#ifndef VX_RPC_JSONRPC_H
#define VX_RPC_JSONRPC_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"
#include "schema/runtime.h"

#define JSONRPC_ID_MAX 127 /* bytes of an id as text: it is kept, echoed, recorded */

/*
 * Any JSON value nested at most `max_depth` deep, which is checked before any of it
 * is built, and without a key that appears twice. NULL and ERR_PARSE_ERROR, or
 * ERR_INVALID_REQUEST for JSON that we refuse.
 */
json_t *jsonrpc_parse(const char *text, size_t len, unsigned int max_depth,
		      struct err **e) NODISCARD;

struct jsonrpc_request {
	const json_t *id;     /* borrowed; NULL: a notification */
	const char *method;   /* borrowed */
	const json_t *params; /* borrowed: an object, or NULL for none */
};

/*
 * 0, or -1 and ERR_INVALID_REQUEST (to be answered even without an id) or
 * ERR_INVALID_PARAMS. out->id is set as far as it is known, also on failure.
 * DECODE_STRICT refuses unknown members.
 */
int jsonrpc_request_read(const json_t *message, enum decode_mode mode,
			 struct jsonrpc_request *out, struct err **e);

struct jsonrpc_response {
	const json_t *id;     /* borrowed; maybe JSON's null */
	const json_t *result; /* borrowed; NULL with an error */
	const json_t *error;  /* borrowed: an object; NULL with a result */
};

/* Is it meant as a response? It still may be a bad one. */
bool jsonrpc_is_response(const json_t *message);
/* 0 or -EPROTO. */
int jsonrpc_response_read(const json_t *message, struct jsonrpc_response *out);

/* Each adds one message without a newline; 0, or -EINVAL and nothing added. */
int jsonrpc_add_request(struct str *s, const json_t *id, const char *method,
			const json_t *params);
int jsonrpc_add_result(struct str *s, const json_t *id, const json_t *result);
/* `result` is JSON already. */
int jsonrpc_add_result_text(struct str *s, const json_t *id, const char *result);
/* `id` may be NULL: unknown. */
int jsonrpc_add_error(struct str *s, const json_t *id, const struct err *e);

/* Compact text of any value; free(). "null" for NULL. */
char *jsonrpc_text(const json_t *j) NODISCARD;

/* The error object, a new reference. Bytes that are not UTF-8 become question marks. */
json_t *err_to_json(const struct err *e) NODISCARD;
/* Fills *e from an error object of whatever quality. Returns -1. */
int err_from_json(const json_t *j, struct err **e);

static inline void cleanup_json(json_t **j)
{
	json_decref(*j);
}
#define autojson __attribute__((cleanup(cleanup_json))) json_t *

#endif
