/*
 * tests/unit/test_jsonrpc.c - JSON-RPC 2.0 messages read and written
 */
#include "rpc/jsonrpc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/test.h"

#define DEPTH 32

/* Of the error that parsing `text` gives; 0 when it is fine. */
static int parse_code(const char *text)
{
	autoptr(err) e = NULL;
	autojson j = jsonrpc_parse(text, strlen(text), DEPTH, &e);

	T_EQ(j != NULL, e == NULL);
	return e ? (int)e->code : 0;
}

static void what_is_not_json_is_a_parse_error(void)
{
	static const char *const bad[] = { "",	     "{",	"{\"a\":}",  "nul",
					   "[1,]",   "{} {}",	"{\"a\" 1}", "\"\xff\"",
					   "\"\n\"", "{'a':1}", "]",	     "01" };

	for (size_t i = 0; i < COUNT(bad); i++)
		T_EQ(parse_code(bad[i]), ERR_PARSE_ERROR);
}

static void any_json_value_is_json(void)
{
	static const char *const good[] = { "{}",     "[]",
					    "1",      "\"x\"",
					    "null",   " true ",
					    "-1.5e3", "\t[1, {\"a\":[]}]\r" };

	for (size_t i = 0; i < COUNT(good); i++)
		T_EQ(parse_code(good[i]), 0);
}

static void json_that_we_refuse_is_an_invalid_request(void)
{
	T_EQ(parse_code("{\"a\":1,\"a\":2}"), ERR_INVALID_REQUEST);
	T_EQ(parse_code("[{\"x\":{\"id\":1,\"\\u0069d\":2}}]"), ERR_INVALID_REQUEST);
	T_EQ(parse_code("123456789012345678901234567890"), ERR_INVALID_REQUEST);
	T_EQ(parse_code("1e999"), ERR_INVALID_REQUEST);
	T_EQ(parse_code("\"a\\u0000b\""), ERR_INVALID_REQUEST);
}

static char *nested(size_t depth, const char *open, const char *close)
{
	autofini(str) s = { 0 };

	for (size_t i = 0; i < depth; i++)
		str_add(&s, open);
	for (size_t i = 0; i < depth; i++)
		str_add(&s, close);
	return str_steal(&s);
}

static void depth_is_bounded_before_anything_is_built(void)
{
	autofree char *at = nested(DEPTH, "[", "]");
	autofree char *over = nested(DEPTH + 1, "[", "]");
	autofree char *objects = nested(DEPTH + 1, "{\"a\":", "}");
	autofree char *open = nested(500000, "[", "");

	T_EQ(parse_code(at), 0);
	T_EQ(parse_code(over), ERR_INVALID_REQUEST);
	T_EQ(parse_code(objects), ERR_INVALID_REQUEST);
	T_EQ(parse_code(open), ERR_INVALID_REQUEST);
}

static void brackets_in_strings_do_not_nest(void)
{
	autofree char *many = nested(100, "[{", "");
	autofree char *text = mem_printf("{\"a\\\"\\\\\":\"\\\"%s\",\"b\":[]}", many);

	T_EQ(parse_code(text), 0);
}

struct read {
	json_t *message;
	struct jsonrpc_request r;
	struct err *e;
};

static void read_fini(struct read *r)
{
	json_decref(r->message);
	err_free(r->e);
}
AUTOFINI(read, read_fini);

static struct read read_request(const char *text, enum decode_mode mode)
{
	struct read out = { 0 };

	out.message = jsonrpc_parse(text, strlen(text), DEPTH, &out.e);
	T_OK(out.message);
	int rc = jsonrpc_request_read(out.message, mode, &out.r, &out.e);

	T_EQ(rc, out.e ? -1 : 0);
	return out;
}

#define HEAD "{\"jsonrpc\":\"2.0\","

static void every_kind_of_id_is_taken_and_comes_back_as_it_was(void)
{
	static const char *const ids[] = {
		"1",	       "0",   "-7",  "9223372036854775807", "\"\"", "\"a b\"",
		"\"\\u00e9\"", "2.5", "null"
	};

	for (size_t i = 0; i < COUNT(ids); i++) {
		autofree char *text =
			mem_printf(HEAD "\"method\":\"m\",\"id\":%s}", ids[i]);
		autofini(read) r = read_request(text, DECODE_STRICT);
		autojson want = json_loads(ids[i], JSON_DECODE_ANY, NULL);
		autofini(str) answer = { 0 };

		T_OK(!r.e);
		T_OK(json_equal(r.r.id, want));
		T_EQ(jsonrpc_add_result(&answer, r.r.id, want), 0);

		autojson back = json_loads(answer.data, 0, NULL);

		T_OK(json_equal(json_object_get(back, "id"), want));
	}
}

static void a_request_without_an_id_is_a_notification(void)
{
	autofini(read) r = read_request(HEAD "\"method\":\"m\"}", DECODE_STRICT);

	T_OK(!r.e);
	T_OK(!r.r.id);
	T_OK(!r.r.params);
	T_STR(r.r.method, "m");
}

static void what_is_no_request_is_told_with_its_id_where_there_is_one(void)
{
	autofree char *long_id =
		mem_printf(HEAD "\"method\":\"m\",\"id\":\"%0128d\"}", 0);
	const struct {
		const char *text;
		bool id;
	} bad[] = {
		{ "1", false },
		{ "\"x\"", false },
		{ "null", false },
		{ "[]", false },
		{ "{}", false },
		{ "{\"id\":1,\"method\":\"m\"}", true },
		{ "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"m\"}", true },
		{ "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"m\"}", true },
		{ HEAD "\"id\":1}", true },
		{ HEAD "\"id\":1,\"method\":1}", true },
		{ HEAD "\"id\":[],\"method\":\"m\"}", false },
		{ HEAD "\"id\":{},\"method\":\"m\"}", false },
		{ HEAD "\"id\":true,\"method\":\"m\"}", false },
		{ HEAD "\"id\":1,\"method\":\"m\",\"params\":null}", true },
		{ HEAD "\"id\":1,\"method\":\"m\",\"params\":\"x\"}", true },
		{ HEAD "\"id\":1,\"method\":\"m\",\"trace\":{}}", true },
		{ HEAD "\"id\":1,\"result\":{}}", true },
		{ long_id, false },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		autofini(read) r = read_request(bad[i].text, DECODE_STRICT);

		T_OK(r.e);
		T_EQ(r.e->code, ERR_INVALID_REQUEST);
		T_EQ(r.r.id != NULL, bad[i].id);
	}
}

static void a_lenient_reader_ignores_what_it_does_not_know(void)
{
	autofini(read) r = read_request(HEAD "\"id\":1,\"method\":\"m\",\"trace\":7}",
					DECODE_LENIENT);

	T_OK(!r.e);
}

static void parameters_go_by_name_only(void)
{
	autofini(read) none = read_request(
		HEAD "\"id\":1,\"method\":\"m\",\"params\":[]}", DECODE_STRICT);
	autofini(read) some = read_request(
		HEAD "\"id\":1,\"method\":\"m\",\"params\":[1]}", DECODE_STRICT);
	autofini(read) named = read_request(
		HEAD "\"id\":1,\"method\":\"m\",\"params\":{\"a\":1}}", DECODE_STRICT);

	T_OK(!none.e);
	T_OK(!none.r.params);
	T_EQ(some.e->code, ERR_INVALID_PARAMS);
	T_HAS(some.e->message, "by name");
	T_OK(!named.e);
	T_EQ(json_object_size(named.r.params), 1);
}

static int response_rc(const char *text)
{
	struct jsonrpc_response r;
	autojson j = json_loads(text, 0, NULL);

	T_OK(jsonrpc_is_response(j));
	return jsonrpc_response_read(j, &r);
}

static void a_response_has_either_a_result_or_an_error(void)
{
	T_EQ(response_rc(HEAD "\"id\":1,\"result\":null}"), 0);
	T_EQ(response_rc(HEAD "\"id\":1,\"result\":{},\"error\":null}"), 0);
	T_EQ(response_rc(HEAD "\"id\":null,\"error\":{}}"), 0);
	T_EQ(response_rc(HEAD "\"id\":1}"), -EPROTO);
	T_EQ(response_rc(HEAD "\"result\":1}"), -EPROTO);
	T_EQ(response_rc(HEAD "\"id\":1,\"result\":1,\"error\":{}}"), -EPROTO);
	T_EQ(response_rc(HEAD "\"id\":1,\"error\":\"bad\"}"), -EPROTO);
	T_EQ(response_rc("{\"id\":1,\"result\":1}"), -EPROTO);
}

static void an_error_object_says_only_what_there_is(void)
{
	autoptr(err) e = NULL;
	autofini(str) s = { 0 };

	err_set(&e, ERR_NOT_FOUND, "there is no VM web");
	T_EQ(jsonrpc_add_error(&s, NULL, e), 0);
	T_STR(s.data, HEAD "\"id\":null,\"error\":{\"code\":-1001,"
			   "\"message\":\"there is no VM web\","
			   "\"data\":{\"name\":\"not-found\"}}}");
}

static void an_error_survives_the_wire(void)
{
	autoptr(err) e = NULL;
	autoptr(err) back = NULL;

	err_set(&e, ERR_WORKER_FAILED, "it ended");
	err_object(&e, "web");
	err_hint(&e, "look at %s", "its log");
	err_path(&e, "disks[%d]", 2);
	e->last_words = mem_strdup("first\nsecond\n");

	autojson j = err_to_json(e);

	T_EQ(err_from_json(j, &back), -1);
	T_EQ(back->code, ERR_WORKER_FAILED);
	T_STR(back->message, "it ended");
	T_STR(back->object, "web");
	T_STR(back->hint, "look at its log");
	T_STR(back->path, "disks[2]");
	T_STR(back->last_words, "first\nsecond\n");
}

static void bytes_that_are_not_utf8_do_not_lose_the_error(void)
{
	autoptr(err) e = NULL;
	autofini(str) s = { 0 };

	err_set(&e, ERR_NOT_FOUND, "open \xc3\x28: no such file");
	T_EQ(jsonrpc_add_error(&s, NULL, e), 0);
	T_HAS(s.data, "open ?(: no such file");
}

static void any_error_object_gives_an_error(void)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{ "{}", ERR_INTERNAL },
		{ "{\"code\":-1001}", ERR_NOT_FOUND },
		{ "{\"code\":-1999,\"message\":\"newer\"}", -1999 },
		{ "{\"code\":7}", ERR_INTERNAL },
		{ "{\"code\":-99999999999}", ERR_INTERNAL },
		{ "{\"code\":\"x\",\"message\":1,\"data\":[]}", ERR_INTERNAL },
		{ "{\"data\":{\"hint\":{}}}", ERR_INTERNAL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		autoptr(err) e = NULL;
		autojson j = json_loads(cases[i].text, 0, NULL);

		err_from_json(j, &e);
		T_EQ(e->code, cases[i].code);
		T_OK(e->message && !e->hint);
	}
}

static void a_message_that_cannot_be_written_leaves_nothing_behind(void)
{
	autofini(str) s = { 0 };
	autojson id = json_integer(1);

	str_add(&s, "before");
	T_EQ(jsonrpc_add_request(&s, id, "\xff", NULL), -EINVAL);
	T_STR(s.data, "before");
	T_EQ(jsonrpc_add_result(&s, id, NULL), -EINVAL);
	T_STR(s.data, "before");
	T_EQ(jsonrpc_add_request(&s, NULL, "m", NULL), 0);
	T_STR(s.data, "before" HEAD "\"method\":\"m\"}");
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(what_is_not_json_is_a_parse_error),
		T_CASE(any_json_value_is_json),
		T_CASE(json_that_we_refuse_is_an_invalid_request),
		T_CASE(depth_is_bounded_before_anything_is_built),
		T_CASE(brackets_in_strings_do_not_nest),
		T_CASE(every_kind_of_id_is_taken_and_comes_back_as_it_was),
		T_CASE(a_request_without_an_id_is_a_notification),
		T_CASE(what_is_no_request_is_told_with_its_id_where_there_is_one),
		T_CASE(a_lenient_reader_ignores_what_it_does_not_know),
		T_CASE(parameters_go_by_name_only),
		T_CASE(a_response_has_either_a_result_or_an_error),
		T_CASE(an_error_object_says_only_what_there_is),
		T_CASE(an_error_survives_the_wire),
		T_CASE(bytes_that_are_not_utf8_do_not_lose_the_error),
		T_CASE(any_error_object_gives_an_error),
		T_CASE(a_message_that_cannot_be_written_leaves_nothing_behind),
	};

	return T_RUN(cases);
}
