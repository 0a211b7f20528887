/*
 * tests/fuzz/fuzz_jsonrpc.c - any bytes to a connection of the server
 *
 * The input is what a client writes before it shuts down its side. Calls of `hold`
 * are released at the end, or after the client has gone where the input is of odd
 * length. What comes back must be lines of JSON-RPC 2.0.
 */
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "rpc/conn.h"

#define HELD_MAX (2 * RPC_CALLS_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	uv_loop_t loop;
	struct call *held[HELD_MAX];
	size_t n_held;
	struct str answers;
	int fd; /* the client's end */
};

static int run_echo(struct call *call, const struct json_t *params,
		    struct json_t **result, struct err **e)
{
	*result = json_incref((json_t *)(uintptr_t)params);
	return 0;
}

static int run_end(struct call *call, const struct json_t *params,
		   struct json_t **result, struct err **e)
{
	rpc_conn_end(call_conn(call));
	*result = json_true();
	return 0;
}

static int run_fail(struct call *call, const struct json_t *params,
		    struct json_t **result, struct err **e)
{
	err_set(e, ERR_CONFLICT, "%s", "no");
	return err_path(e, "a");
}

static int run_hold(struct call *call, const struct json_t *params,
		    struct json_t **result, struct err **e)
{
	struct world *w = call_app(call);

	*result = json_true();
	if (w->n_held == HELD_MAX)
		return 0;
	call_hold(call);
	w->held[w->n_held++] = call;
	return 0;
}

static int run_note(struct call *call, const struct json_t *params,
		    struct json_t **result, struct err **e)
{
	static const char line[] =
		"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{}}";
	int rc = rpc_conn_send(call_conn(call), line, strlen(line));

	*result = json_integer(rc);
	return 0;
}

static const struct rpc_method methods[] = {
	{ "echo", "a", false, run_echo }, { "end", "a", false, run_end },
	{ "fail", "a", false, run_fail }, { "hold", "a", false, run_hold },
	{ "note", "a", false, run_note },
};

static void take_answers(struct world *w)
{
	char buf[65536];
	ssize_t n;

	while ((n = recv(w->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		str_add_bytes(&w->answers, buf, (size_t)n);
}

static void spin(struct world *w)
{
	uv_run(&w->loop, UV_RUN_NOWAIT);
	take_answers(w);
}

static void write_input(struct world *w, const uint8_t *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = send(w->fd, data + done, size - done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EAGAIN)
			return;
		spin(w);
	}
}

static void release_all(struct world *w)
{
	for (size_t i = 0; i < w->n_held; i++)
		call_release(w->held[i], NULL);
	w->n_held = 0;
}

static void check_message(const json_t *j)
{
	const char *version = json_string_value(json_object_get(j, "jsonrpc"));

	if (!version || strcmp(version, "2.0") != 0)
		abort();
	if (!json_object_get(j, "method") && !json_object_get(j, "id"))
		abort();
}

static void check_answers(struct world *w)
{
	char *save = NULL;

	for (char *line = w->answers.data; line; line = NULL) {
		char *one = strtok_r(line, "\n", &save);

		for (; one; one = strtok_r(NULL, "\n", &save)) {
			json_t *j = json_loads(one, 0, NULL);

			if (!j)
				abort();
			if (json_is_array(j))
				for (size_t i = 0; i < json_array_size(j); i++)
					check_message(json_array_get(j, i));
			else
				check_message(j);
			json_decref(j);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { 0 };
	struct rpc_server_config config = {
		.table = { methods, COUNT(methods), "{\"openrpc\":\"1.2.6\"}" },
		.app = &w,
	};
	struct rpc_server *server;
	int fds[2];

	uv_loop_init(&w.loop);
	server = rpc_server_new(&w.loop, &config);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
	    conn_open(server, fds[0]) < 0)
		abort();
	w.fd = fds[1];
	write_input(&w, data, size);
	shutdown(w.fd, SHUT_WR);
	for (int i = 0; i < 20; i++)
		spin(&w);
	if (size % 2 == 0)
		release_all(&w);
	spin(&w);
	spin(&w);
	close(w.fd);
	rpc_server_close(server, NULL);
	release_all(&w);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&w.loop) != 0)
		abort();
	check_answers(&w);
	str_fini(&w.answers);
	return 0;
}
