/*
 * tests/unit/test_rpc_client.c - the blocking client against servers that are scripted
 *
 * A server is a child process that has one connection and a few lines to say.
 */
#include "rpc/client.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/test.h"

#define HEAD "{\"jsonrpc\":\"2.0\","

struct world {
	struct sockaddr_un addr;
	pid_t server;
	struct rpc_client *client; /* owned */
};

/* -- the server's side, in the child */

static void say(int fd, const char *text)
{
	if (fd_write_all(fd, text, strlen(text)) < 0)
		_exit(1);
}

/* What the client sends until it waits again: one line. */
static void hear(int fd, const char *want)
{
	static char buf[65536];
	autofini(str) line = { 0 };

	while (!line.len || line.data[line.len - 1] != '\n') {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n <= 0)
			_exit(3);
		str_add_bytes(&line, buf, (size_t)n);
	}
	line.data[line.len - 1] = '\0';
	if (want && !str_eq(line.data, want))
		_exit(2);
}

static void wait_for_end(int fd)
{
	char c;

	while (read(fd, &c, 1) > 0)
		;
}

static void world_init(struct world *w, void (*script)(int fd))
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	autoptr(err) e = NULL;

	memset(w, 0, sizeof(*w));
	w->addr.sun_family = AF_UNIX;
	snprintf(w->addr.sun_path, sizeof(w->addr.sun_path), "%.90s/sock", t_dir());
	T_EQ(bind(fd, (struct sockaddr *)&w->addr, sizeof(w->addr)), 0);
	T_EQ(listen(fd, 4), 0);
	w->server = fork();
	if (w->server == 0) {
		script(accept(fd, NULL, NULL));
		_exit(0);
	}
	close(fd);
	w->client = rpc_client_open(w->addr.sun_path, &e);
	T_OK(w->client);
}

/* The script must have heard what it wanted to. */
static void world_fini(struct world *w)
{
	int status;

	rpc_client_free(w->client);
	T_EQ(waitpid(w->server, &status, 0), w->server);
	T_EQ(status, 0);
}

static int call(struct world *w, const char *method, char **out, struct err **e)
{
	json_t *result = NULL;

	if (rpc_client_call(w->client, method, json_object(), &result, e) < 0)
		return -1;
	*out = json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(result);
	return 0;
}

static void expect_call(struct world *w, const char *method, const char *want)
{
	autofree char *got = NULL;
	autoptr(err) e = NULL;

	if (call(w, method, &got, &e) < 0)
		t_fail(__FILE__, __LINE__, "%s: %s", method, e->message);
	T_STR(got, want);
}

static void expect_failure(struct world *w, enum err_code code, const char *part)
{
	autofree char *got = NULL;
	autoptr(err) e = NULL;

	T_EQ(call(w, "m", &got, &e), -1);
	T_EQ(e->code, code);
	T_HAS(e->message, part);
}

static int note(struct world *w, int timeout_ms, const char *want)
{
	autofree char *method = NULL, *params = NULL;
	autoptr(err) e = NULL;
	int rc = rpc_client_notification(w->client, timeout_ms, &method, &params, &e);

	if (rc < 0)
		T_EQ(e->code, ERR_UNAVAILABLE);
	if (rc == 1) {
		autofree char *both = mem_printf("%s %s", method, params);

		T_STR(both, want);
	}
	return rc;
}

/* -- the tests */

static void script_two_calls(int fd)
{
	hear(fd, HEAD "\"id\":1,\"method\":\"first\",\"params\":{}}");
	say(fd, HEAD "\"id\":1,\"result\":[1,{}]}\n");
	hear(fd, HEAD "\"id\":2,\"method\":\"second\",\"params\":{}}");
	say(fd, HEAD "\"id\":2,");
	poll(NULL, 0, 20);
	say(fd, "\"result\":null}\n");
	wait_for_end(fd);
}

static void a_call_gives_its_result(void)
{
	struct world w;

	world_init(&w, script_two_calls);
	expect_call(&w, "first", "[1,{}]");
	expect_call(&w, "second", "null");
	world_fini(&w);
}

static void script_error(int fd)
{
	hear(fd, NULL);
	say(fd, HEAD "\"id\":1,\"error\":{\"code\":-1001,\"message\":\"no VM web\","
		     "\"data\":{\"name\":\"not-found\",\"object\":\"web\","
		     "\"hint\":\"vxctl list\",\"path\":\"vm\"}}}\n");
	hear(fd, NULL);
	say(fd, HEAD "\"id\":2,\"error\":{\"code\":-1777,\"message\":\"newer\"}}\n");
	wait_for_end(fd);
}

static void an_error_of_the_server_is_the_caller_s(void)
{
	struct world w;
	autoptr(err) e = NULL;
	autofree char *none = NULL;

	world_init(&w, script_error);
	T_EQ(call(&w, "m", &none, &e), -1);
	T_EQ(e->code, ERR_NOT_FOUND);
	T_STR(e->message, "no VM web");
	T_STR(e->object, "web");
	T_STR(e->hint, "vxctl list");
	T_STR(e->path, "vm");
	expect_failure(&w, (enum err_code) - 1777, "newer");
	world_fini(&w);
}

static void script_notes(int fd)
{
	hear(fd, NULL);
	say(fd, HEAD "\"method\":\"event\",\"params\":{\"n\":1}}\n");
	say(fd, HEAD "\"method\":\"event\",\"params\":{\"n\":2}}\n" HEAD
		     "\"id\":1,\"result\":true}\n" HEAD "\"method\":\"event\"}\n");
	hear(fd, NULL);
	say(fd, HEAD "\"id\":2,\"result\":true}\n");
	poll(NULL, 0, 50);
	say(fd, HEAD "\"id\":2,\"result\":\"again\"}\n");
	say(fd, HEAD "\"method\":\"last\",\"params\":{}}\n" HEAD "\"method");
}

static void notifications_are_kept_in_order(void)
{
	struct world w;

	world_init(&w, script_notes);
	expect_call(&w, "m", "true");
	T_EQ(note(&w, 0, "event {\"n\":1}"), 1);
	expect_call(&w, "m", "true");
	T_EQ(note(&w, 0, "event {\"n\":2}"), 1);
	T_EQ(note(&w, 0, "event {}"), 1);
	T_EQ(note(&w, 0, NULL), 0);
	T_EQ(note(&w, -1, "last {}"), 1);
	T_EQ(note(&w, -1, NULL), -1); /* half a line, and the end */
	T_EQ(note(&w, 0, NULL), -1);
	expect_failure(&w, ERR_UNAVAILABLE, "hung up");
	world_fini(&w);
}

static void script_half_a_note(int fd)
{
	say(fd, HEAD "\"method\"");
	wait_for_end(fd);
}

static void waiting_for_a_notification_ends_in_time(void)
{
	struct world w;
	uint64_t before, took;
	struct pollfd p;

	world_init(&w, script_half_a_note);
	T_EQ(note(&w, 0, NULL), 0);
	before = clock_mono_ns();
	T_EQ(note(&w, 60, NULL), 0);
	took = (clock_mono_ns() - before) / 1000000;
	T_OK(took >= 60 && took < 5000);
	p = (struct pollfd){ .fd = rpc_client_fd(w.client), .events = POLLIN };
	T_EQ(poll(&p, 1, 0), 0); /* what had come was read */
	world_fini(&w);
}

static void script_hang_up(int fd)
{
	hear(fd, NULL);
}

static void a_server_that_hangs_up_is_unavailable(void)
{
	struct world w;

	world_init(&w, script_hang_up);
	expect_failure(&w, ERR_UNAVAILABLE, "hung up");
	expect_failure(&w, ERR_UNAVAILABLE, "hung up");
	world_fini(&w);
}

static void script_turn_away(int fd)
{
	say(fd, HEAD "\"id\":null,\"error\":{\"code\":-1005,\"message\":\"full\"}}\n");
}

static void why_a_server_turns_us_away_is_known(void)
{
	struct world w;
	int status;

	world_init(&w, script_turn_away);
	T_EQ(waitpid(w.server, &status, 0), w.server);
	expect_failure(&w, ERR_NO_CAPACITY, "full");
	expect_failure(&w, ERR_UNAVAILABLE, "hung up");
	rpc_client_free(w.client);
}

static void script_nonsense(int fd)
{
	hear(fd, NULL);
	say(fd, "HTTP/1.1 400 Bad Request\n");
	wait_for_end(fd);
}

static void script_no_answer(int fd)
{
	hear(fd, NULL);
	say(fd, "[" HEAD "\"id\":1,\"result\":1}]\n");
	wait_for_end(fd);
}

static void what_is_not_vxd_is_told_so(void)
{
	struct world w;

	world_init(&w, script_nonsense);
	expect_failure(&w, ERR_UNAVAILABLE, "not vxd");
	world_fini(&w);
	unlink(w.addr.sun_path);
	world_init(&w, script_no_answer);
	expect_failure(&w, ERR_UNAVAILABLE, "not vxd");
	world_fini(&w);
}

static void script_raw(int fd)
{
	hear(fd, "[1]");
	say(fd, HEAD "\"method\":\"event\"}\n[{\"any\": 1}]\n");
	wait_for_end(fd);
}

static void a_raw_line_gets_its_raw_answer(void)
{
	struct world w;
	autofree char *out = NULL;

	world_init(&w, script_raw);
	T_EQ(rpc_client_raw(w.client, "[1]", &out, NULL), 0);
	T_STR(out, "[{\"any\": 1}]");
	T_EQ(note(&w, 0, "event {}"), 1);
	world_fini(&w);
}

#define LARGE (8 * 1024 * 1024)

/* Reads nothing before it has said all of its own, as a full server does. */
static void script_large(int fd)
{
	autofree char *x = mem_alloc(LARGE + 1);

	memset(x, 'x', LARGE);
	say(fd, HEAD "\"method\":\"large\",\"params\":{\"x\":\"");
	say(fd, x);
	say(fd, "\"}}\n");
	hear(fd, NULL);
	say(fd, HEAD "\"id\":1,\"result\":1}\n");
	wait_for_end(fd);
}

static void both_sides_may_have_much_to_say(void)
{
	struct world w;
	autofree char *x = mem_alloc(LARGE + 1), *method = NULL, *params = NULL;
	json_t *result = NULL;

	memset(x, 'y', LARGE);
	world_init(&w, script_large);
	T_EQ(rpc_client_call(w.client, "m", json_pack("{s:s}", "x", x), &result, NULL),
	     0);
	T_EQ(json_integer_value(result), 1);
	json_decref(result);
	T_EQ(rpc_client_notification(w.client, 0, &method, &params, NULL), 1);
	T_EQ(strlen(params), LARGE + strlen("{\"x\":\"\"}"));
	world_fini(&w);
}

static void without_a_server_it_is_unavailable(void)
{
	autofree char *path = mem_printf("%s/none", t_dir());
	autofree char *long_path = mem_printf("/%0200d", 0);
	struct err *e = NULL;

	T_OK(!rpc_client_open(path, &e));
	T_EQ(e->code, ERR_UNAVAILABLE);
	T_HAS(e->message, path);
	T_HAS(e->hint, "vxd");
	err_free(e);
	e = NULL;
	T_OK(!rpc_client_open(long_path, &e));
	T_EQ(e->code, ERR_INVALID_PARAMS);
	err_free(e);
	rpc_client_free(NULL);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_call_gives_its_result),
		T_CASE(an_error_of_the_server_is_the_caller_s),
		T_CASE(notifications_are_kept_in_order),
		T_CASE(waiting_for_a_notification_ends_in_time),
		T_CASE(a_server_that_hangs_up_is_unavailable),
		T_CASE(why_a_server_turns_us_away_is_known),
		T_CASE(what_is_not_vxd_is_told_so),
		T_CASE(a_raw_line_gets_its_raw_answer),
		T_CASE(both_sides_may_have_much_to_say),
		T_CASE(without_a_server_it_is_unavailable),
	};

	return T_RUN(cases);
}
