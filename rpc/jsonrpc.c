/*
 * rpc/jsonrpc.c - JSON-RPC 2.0 messages: read, checked, written
 *
 * Parameters go by name only: by position they would freeze the order of every
 * method's fields. An empty array is what some clients send for "none".
 *
 * Not here: sockets, methods, batches (exchange.c: an array of these messages).
 */
#include "rpc/jsonrpc.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "schema/gen/error_info.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY)

/* Brackets are all that counts; whether they match is the parser's business. */
static bool too_deep(const char *text, size_t len, unsigned int max)
{
	unsigned int depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > max)
				return true;
		} else if ((c == ']' || c == '}') && depth) {
			depth--;
		}
	}
	return false;
}

json_t *jsonrpc_parse(const char *text, size_t len, unsigned int max_depth,
		      struct err **e)
{
	json_error_t why;
	json_t *j;

	if (too_deep(text, len, max_depth)) {
		err_set(e, ERR_INVALID_REQUEST, "JSON is nested deeper than %u levels",
			max_depth);
		return NULL;
	}
	j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (j)
		return j;
	switch (json_error_code(&why)) {
	case json_error_duplicate_key:
		err_set(e, ERR_INVALID_REQUEST, "a key appears twice before byte %d",
			why.position);
		break;
	case json_error_numeric_overflow:
		err_set(e, ERR_INVALID_REQUEST, "a number before byte %d is too large",
			why.position);
		break;
	case json_error_null_character:
	case json_error_null_byte_in_key:
		err_set(e, ERR_INVALID_REQUEST, "a string before byte %d contains NUL",
			why.position);
		break;
	case json_error_out_of_memory:
		err_set(e, ERR_NO_CAPACITY, "no memory for a message of %zu bytes",
			len);
		break;
	default:
		err_set(e, ERR_PARSE_ERROR, "not JSON at byte %d: %s", why.position,
			why.text);
	}
	return NULL;
}

static bool is_version_2(const json_t *message)
{
	const char *version = json_string_value(json_object_get(message, "jsonrpc"));

	return version && strcmp(version, "2.0") == 0;
}

static int read_id(const json_t *message, const json_t **out, struct err **e)
{
	const json_t *id = json_object_get(message, "id");

	if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return err_set(e, ERR_INVALID_REQUEST,
			       "id must be a string, a number or null");
	if (json_string_length(id) > JSONRPC_ID_MAX)
		return err_set(e, ERR_INVALID_REQUEST, "id is longer than %d bytes",
			       JSONRPC_ID_MAX);
	*out = id;
	return 0;
}

static int read_params(const json_t *message, const json_t **out, struct err **e)
{
	const json_t *params = json_object_get(message, "params");

	if (json_is_array(params) && json_array_size(params) > 0)
		return err_set(e, ERR_INVALID_PARAMS,
			       "params must be an object: parameters go by name, not "
			       "by position");
	if (params && !json_is_object(params) && !json_is_array(params))
		return err_set(e, ERR_INVALID_REQUEST, "params must be an object");
	*out = json_is_object(params) ? params : NULL;
	return 0;
}

static int check_members(const json_t *message, struct err **e)
{
	static const char *const known[] = { "jsonrpc", "id", "method", "params" };
	size_t found = 0;

	for (size_t i = 0; i < COUNT(known); i++)
		found += json_object_get(message, known[i]) != NULL;
	if (found < json_object_size(message))
		return err_set(e, ERR_INVALID_REQUEST,
			       "a request has jsonrpc, id, method and params, and "
			       "nothing else");
	return 0;
}

int jsonrpc_request_read(const json_t *message, enum decode_mode mode,
			 struct jsonrpc_request *out, struct err **e)
{
	*out = (struct jsonrpc_request){ 0 };
	if (!json_is_object(message))
		return err_set(e, ERR_INVALID_REQUEST, "a request must be an object");
	if (read_id(message, &out->id, e) < 0)
		return -1;
	if (!is_version_2(message))
		return err_set(e, ERR_INVALID_REQUEST, "jsonrpc must be \"2.0\"");
	out->method = json_string_value(json_object_get(message, "method"));
	if (!out->method)
		return err_set(e, ERR_INVALID_REQUEST, "method must be a string");
	if (mode == DECODE_STRICT && check_members(message, e) < 0)
		return -1;
	return read_params(message, &out->params, e);
}

bool jsonrpc_is_response(const json_t *message)
{
	return json_is_object(message) && !json_object_get(message, "method");
}

int jsonrpc_response_read(const json_t *message, struct jsonrpc_response *out)
{
	struct jsonrpc_response r = {
		.id = json_object_get(message, "id"),
		.result = json_object_get(message, "result"),
		.error = json_object_get(message, "error"),
	};

	/* Some servers send a null error beside the result. */
	if (r.result && json_is_null(r.error))
		r.error = NULL;
	if (!is_version_2(message) || !r.id || !r.result == !r.error ||
	    (r.error && !json_is_object(r.error)))
		return -EPROTO;
	*out = r;
	return 0;
}

static int add_piece(const char *piece, size_t len, void *to)
{
	str_add_bytes(to, piece, len);
	return 0;
}

static int add_value(struct str *s, const json_t *j)
{
	return json_dump_callback(j, add_piece, s, DUMP_FLAGS) < 0 ? -EINVAL : 0;
}

/* What was begun at `from` is taken back when it could not be finished. */
static int finish(struct str *s, size_t from, int rc)
{
	if (rc == 0) {
		str_add_char(s, '}');
	} else if (s->data) {
		s->len = from;
		s->data[from] = '\0';
	}
	return rc;
}

static int begin(struct str *s, const json_t *id)
{
	str_add(s, "{\"jsonrpc\":\"2.0\",\"id\":");
	if (id)
		return add_value(s, id);
	str_add(s, "null");
	return 0;
}

int jsonrpc_add_request(struct str *s, const json_t *id, const char *method,
			const json_t *params)
{
	autojson name = json_string(method);
	size_t from = s->len;
	int rc = 0;

	str_add(s, "{\"jsonrpc\":\"2.0\",");
	if (id) {
		str_add(s, "\"id\":");
		rc = add_value(s, id);
		str_add(s, ",");
	}
	str_add(s, "\"method\":");
	if (rc == 0)
		rc = add_value(s, name);
	if (rc == 0 && params) {
		str_add(s, ",\"params\":");
		rc = add_value(s, params);
	}
	return finish(s, from, rc);
}

int jsonrpc_add_result(struct str *s, const json_t *id, const json_t *result)
{
	size_t from = s->len;
	int rc = begin(s, id);

	str_add(s, ",\"result\":");
	if (rc == 0)
		rc = add_value(s, result);
	return finish(s, from, rc);
}

int jsonrpc_add_result_text(struct str *s, const json_t *id, const char *result)
{
	size_t from = s->len;
	int rc = begin(s, id);

	str_add(s, ",\"result\":");
	str_add(s, result);
	return finish(s, from, rc);
}

int jsonrpc_add_error(struct str *s, const json_t *id, const struct err *e)
{
	autojson error = err_to_json(e);
	size_t from = s->len;
	int rc = begin(s, id);

	str_add(s, ",\"error\":");
	if (rc == 0)
		rc = add_value(s, error);
	return finish(s, from, rc);
}

char *jsonrpc_text(const json_t *j)
{
	autofini(str) s = { 0 };

	if (!j || add_value(&s, j) < 0)
		return mem_strdup("null");
	return str_steal(&s);
}

/* File names and a worker's last words may be any bytes; the wire is UTF-8. */
static json_t *string_of(const char *text)
{
	json_t *j = json_string(text);

	if (j)
		return j;

	autofree char *plain = mem_strdup(text);

	for (char *c = plain; *c; c++)
		if (*c & 0x80)
			*c = '?';
	return json_string(plain);
}

static void set_optional(json_t *object, const char *key, const char *value)
{
	if (value)
		json_object_set_new(object, key, string_of(value));
}

json_t *err_to_json(const struct err *e)
{
	json_t *j = json_object();
	json_t *data = json_object();

	json_object_set_new(j, "code", json_integer(e->code));
	json_object_set_new(j, "message", string_of(e->message ? e->message : ""));
	json_object_set_new(data, "name", json_string(err_code_name(e->code)));
	set_optional(data, "object", e->object);
	set_optional(data, "hint", e->hint);
	set_optional(data, "path", e->path);
	set_optional(data, "last_words", e->last_words);
	json_object_set_new(j, "data", data);
	return j;
}

static char *optional(const json_t *data, const char *key)
{
	return mem_strdup(json_string_value(json_object_get(data, key)));
}

int err_from_json(const json_t *j, struct err **e)
{
	const json_t *code = json_object_get(j, "code");
	const json_t *data = json_object_get(j, "data");
	const char *message = json_string_value(json_object_get(j, "message"));
	json_int_t number = json_is_integer(code) ? json_integer_value(code) : 0;

	/* A code that we do not know yet is kept; one that cannot be ours is not. */
	if (number >= 0 || number < INT_MIN)
		number = ERR_INTERNAL;
	err_set(e, (enum err_code)number, "%s",
		message ? message : "an error without a message");
	if (e) {
		(*e)->object = optional(data, "object");
		(*e)->hint = optional(data, "hint");
		(*e)->path = optional(data, "path");
		(*e)->last_words = optional(data, "last_words");
	}
	return -1;
}
