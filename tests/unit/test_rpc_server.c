/*
 * tests/unit/test_rpc_server.c - requests and what the server answers to them
 *
 * The clients are plain sockets: what they send need not be JSON at all.
 *
 * Not here: limits and the life of a connection (test_rpc_conn.c).
 */
#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/rpc_rig.h"

static void a_request_is_answered(void)
{
	struct world w;

	world_init(&w);

	autofd int fd = client(&w);

	put(&w, fd, HEAD "\"id\":7,\"method\":\"test.echo\",\"params\":{\"a\":[1]}}\n");
	expect(&w, fd, HEAD "\"id\":7,\"result\":{\"a\":[1]}}");
	put(&w, fd, REQUEST("test.echo", "x") "\r\n \n");
	expect(&w, fd, HEAD "\"id\":\"x\",\"result\":{}}");
	put(&w, fd, HEAD "\"id\":null,\"method\":\"test.echo\",\"params\":[]}\n");
	expect(&w, fd, HEAD "\"id\":null,\"result\":{}}");
	world_fini(&w);
}

static void requests_may_come_in_any_pieces(void)
{
	static const char text[] =
		REQUEST("test.note", 1) "\n" REQUEST("test.note", 2) "\n";
	struct world w;

	world_init(&w);

	autofd int fd = client(&w);

	for (size_t i = 0; i < strlen(text); i++) {
		T_OK(put_bytes(&w, fd, text + i, 1));
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	expect(&w, fd, TRUE_ANSWER(1));
	expect(&w, fd, TRUE_ANSWER(2));
	put(&w, fd, REQUEST("test.note", 3) "\n" REQUEST("test.note", 4) "\n");
	expect(&w, fd, TRUE_ANSWER(3));
	expect(&w, fd, TRUE_ANSWER(4));
	world_fini(&w);
}

static void errors_say_what_and_a_bad_line_is_not_the_end(void)
{
	struct world w;

	world_init(&w);

	autofd int fd = client(&w);

	put(&w, fd, REQUEST("test.fail", 1) "\n");
	expect(&w, fd,
	       HEAD "\"id\":1,\"error\":{\"code\":-1003,\"message\":\"web is running\","
		    "\"data\":{\"name\":\"conflict\",\"object\":\"web\","
		    "\"hint\":\"stop it first\"}}}");
	put(&w, fd, "GET / HTTP/1.1\n");
	expect_has(&w, fd, "\"id\":null,\"error\":{\"code\":-32700,");
	put(&w, fd, "{\"id\":1}\n");
	expect_has(&w, fd, "\"id\":1,\"error\":{\"code\":-32600,");
	put(&w, fd, REQUEST("test.none", 2) "\n");
	expect_has(&w, fd, "\"id\":2,\"error\":{\"code\":-32601,");
	put(&w, fd, HEAD "\"id\":3,\"method\":\"test.echo\",\"params\":[1]}\n");
	expect_has(&w, fd, "\"id\":3,\"error\":{\"code\":-32602,");
	put(&w, fd, REQUEST("test.silent", 4) "\n");
	expect_has(&w, fd, "\"id\":4,\"error\":{\"code\":-32603,");
	put(&w, fd, REQUEST("test.echo", 5) "\n");
	expect(&w, fd, HEAD "\"id\":5,\"result\":{}}");
	world_fini(&w);
}

static void a_notification_is_done_and_not_answered(void)
{
	struct world w;

	world_init(&w);

	autofd int fd = client(&w);

	put(&w, fd, HEAD "\"method\":\"test.note\"}\n" HEAD "\"method\":\"nope\"}\n");
	put(&w, fd, HEAD "\"method\":\"test.note\",\"params\":[1]}\n");
	put(&w, fd, HEAD "\"method\":\"test.fail\"}\n");
	put(&w, fd, REQUEST("test.note", 1) "\n");
	expect(&w, fd, TRUE_ANSWER(1));
	T_EQ(w.noted, 2);
	world_fini(&w);
}

static void a_batch_is_answered_at_once_in_its_order(void)
{
	struct world w;

	world_init(&w);

	autofd int fd = client(&w);

	put(&w, fd,
	    "[" REQUEST("test.hold", 1) ",1," REQUEST(
		    "test.note", 2) "," HEAD
				    "\"method\":\"test.note\"}," REQUEST("test.hold",
									 3) ",[]]\n");
	put(&w, fd, REQUEST("test.note", 4) "\n");
	expect(&w, fd, TRUE_ANSWER(4));
	T_EQ(w.n_held, 2);
	call_release(w.held[1], NULL);
	expect_silence(&w, fd);
	call_release(w.held[0], NULL);

	autofree char *line = get(&w, fd);
	autoptr(err) e = NULL;
	json_t *j = json_loads(line, 0, NULL);

	T_EQ(json_array_size(j), 5);
	for (size_t i = 0; i < 5; i++) {
		static const int ids[] = { 1, 0, 2, 3, 0 };
		json_t *answer = json_array_get(j, i);

		T_EQ(json_integer_value(json_object_get(answer, "id")), ids[i]);
		T_EQ(json_object_get(answer, "error") != NULL, ids[i] == 0);
	}
	json_decref(j);
	world_fini(&w);
}

static void batches_of_nothing_too_much_and_notes_only(void)
{
	struct world w;
	autofini(str) many = { 0 };

	world_init(&w);

	autofd int fd = client(&w);

	put(&w, fd, "[]\n");
	expect_has(&w, fd,
		   "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,");
	put(&w, fd, "[1,{}]\n");
	expect_has(&w, fd,
		   "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,");
	put(&w, fd, "[1\n");
	expect_has(&w, fd,
		   "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,");
	for (int i = 0; i <= RPC_BATCH_MAX; i++)
		str_addf(&many, "%s1", i ? "," : "[");
	str_add(&many, "]\n");
	put(&w, fd, many.data);
	expect_has(&w, fd,
		   "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,");
	put(&w, fd,
	    "[" HEAD "\"method\":\"test.note\"}," HEAD "\"method\":\"test.hold\"}]\n");
	expect_silence(&w, fd);
	call_release(w.held[0], NULL);
	expect_silence(&w, fd);
	T_EQ(w.noted, 1);
	world_fini(&w);
}

static void the_answers_of_a_batch_are_bounded(void)
{
	struct world w;
	autofini(str) text = { 0 };

	world_init(&w);

	autofd int fd = client(&w);

	for (int i = 0; i < RPC_BATCH_MAX; i++)
		str_addf(&text,
			 "%s" HEAD
			 "\"id\":\"%0100d\",\"method\":\"test.big\",\"params\":"
			 "{\"n\":100000}}",
			 i ? "," : "[", i);
	str_add(&text, "]\n");
	put(&w, fd, text.data);

	autofree char *line = get(&w, fd);

	T_OK(strlen(line) < RPC_OUTPUT_MAX / 2);
	T_HAS(line, "exceed");
	put(&w, fd,
	    HEAD "\"id\":1,\"method\":\"test.big\",\"params\":{\"n\":3000000}}\n");
	expect_has(&w, fd, "\"id\":1,\"error\":{\"code\":-1005,");
	world_fini(&w);
}

static void who_asks_is_known(void)
{
	struct world w;
	autofree char *want = mem_printf(
		HEAD "\"id\":\"a\\nb\",\"result\":{\"actor\":\"uid:%u\",\"pid\":%d,"
		     "\"request\":\"a?b\"}}",
		(unsigned int)getuid(), (int)getpid());

	world_init(&w);

	autofd int fd = client(&w);

	put(&w, fd, HEAD "\"id\":\"a\\nb\",\"method\":\"test.who\"}\n");
	expect(&w, fd, want);
	world_fini(&w);
}

static void permission_is_decided_before_parameters_are_seen(void)
{
	struct world w;

	world_init(&w);

	autofd int fd = client(&w);

	put(&w, fd, REQUEST("test.secret", 1) "\n");
	expect_has(&w, fd, "\"error\":{\"code\":-1004,");
	T_EQ(w.decoded, 0);
	world_fini(&w);
}

static void discover_gives_the_description(void)
{
	struct world w;

	world_init(&w);

	autofd int fd = client(&w);

	put(&w, fd, REQUEST("rpc.discover", 1) "\n");
	expect(&w, fd, HEAD "\"id\":1,\"result\":{\"openrpc\":\"1.2.6\"}}");
	world_fini(&w);
}

static void a_held_call_is_answered_when_it_is_released(void)
{
	struct world w;
	struct err *e = NULL;

	world_init(&w);

	autofd int fd = client(&w);

	put(&w, fd, REQUEST("test.hold_briefly", 0) "\n");
	expect(&w, fd, HEAD "\"id\":0,\"result\":\"brief\"}");
	put(&w, fd, REQUEST("test.hold", 1) "\n" REQUEST("test.hold", 2) "\n");
	put(&w, fd, REQUEST("test.note", 3) "\n");
	expect(&w, fd, TRUE_ANSWER(3));
	call_release(w.held[1], NULL);
	expect(&w, fd, HEAD "\"id\":2,\"result\":\"held\"}");
	err_set(&e, ERR_NO_SPACE, "the disk is full");
	call_release(w.held[0], e);
	expect_has(&w, fd, "\"id\":1,\"error\":{\"code\":-1006,");
	world_fini(&w);
}

static void a_client_may_go_while_its_calls_are_held(void)
{
	struct world w;
	struct err *e = NULL;

	world_init(&w);

	int fd = client(&w);

	put(&w, fd,
	    REQUEST("test.hold", 1) "\n[" REQUEST("test.hold",
						  2) "," REQUEST("test.hold", 3) "]\n");
	SPIN_UNTIL(&w, w.n_held == 3);
	close(fd);
	SPIN_UNTIL(&w, w.gone == 1);
	T_OK(!call_conn(w.held[0]));
	T_OK(call_app(w.held[0]) == &w);
	T_STR(call_request_id(w.held[0]), "1");
	call_release(w.held[2], NULL);
	err_set(&e, ERR_NO_SPACE, "the disk is full");
	call_release(w.held[0], e);
	world_fini(&w);
	call_release(w.held[1], NULL);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_request_is_answered),
		T_CASE(requests_may_come_in_any_pieces),
		T_CASE(errors_say_what_and_a_bad_line_is_not_the_end),
		T_CASE(a_notification_is_done_and_not_answered),
		T_CASE(a_batch_is_answered_at_once_in_its_order),
		T_CASE(batches_of_nothing_too_much_and_notes_only),
		T_CASE(the_answers_of_a_batch_are_bounded),
		T_CASE(who_asks_is_known),
		T_CASE(permission_is_decided_before_parameters_are_seen),
		T_CASE(discover_gives_the_description),
		T_CASE(a_held_call_is_answered_when_it_is_released),
		T_CASE(a_client_may_go_while_its_calls_are_held),
	};

	return T_RUN(cases);
}
