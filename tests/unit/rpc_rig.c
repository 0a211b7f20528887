/*
 * tests/unit/rpc_rig.c - a server with a few methods, and clients that are sockets
 */
#include "tests/unit/rpc_rig.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/str.h"

static struct world *world_of(void *app)
{
	return app;
}

/* -- the methods */

static int test_big(struct call *call, const struct json_t *params,
		    struct json_t **result, struct err **e)
{
	size_t n = (size_t)json_integer_value(json_object_get(params, "n"));
	autofree char *text = mem_alloc(n + 1);

	memset(text, 'x', n);
	*result = json_string(text);
	return 0;
}

static int test_echo(struct call *call, const struct json_t *params,
		     struct json_t **result, struct err **e)
{
	*result = json_incref((json_t *)(uintptr_t)params);
	return 0;
}

static int test_end(struct call *call, const struct json_t *params,
		    struct json_t **result, struct err **e)
{
	rpc_conn_end(call_conn(call));
	*result = json_true();
	return 0;
}

static int test_fail(struct call *call, const struct json_t *params,
		     struct json_t **result, struct err **e)
{
	err_set(e, ERR_CONFLICT, "web is running");
	err_object(e, "web");
	return err_hint(e, "stop it first");
}

static int test_hold(struct call *call, const struct json_t *params,
		     struct json_t **result, struct err **e)
{
	struct world *w = world_of(call_app(call));

	call_hold(call);
	w->held[w->n_held++] = call;
	*result = json_string("held");
	return 0;
}

static int test_hold_briefly(struct call *call, const struct json_t *params,
			     struct json_t **result, struct err **e)
{
	call_hold(call);
	call_release(call, NULL);
	*result = json_string("brief");
	return 0;
}

static int test_note(struct call *call, const struct json_t *params,
		     struct json_t **result, struct err **e)
{
	world_of(call_app(call))->noted++;
	*result = json_true();
	return 0;
}

static int test_secret(struct call *call, const struct json_t *params,
		       struct json_t **result, struct err **e)
{
	world_of(call_app(call))->decoded++;
	*result = json_true();
	return 0;
}

static int test_silent(struct call *call, const struct json_t *params,
		       struct json_t **result, struct err **e)
{
	return -1;
}

static int test_subscribe(struct call *call, const struct json_t *params,
			  struct json_t **result, struct err **e)
{
	world_of(call_app(call))->conn = call_conn(call);
	*result = json_true();
	return 0;
}

static int test_who(struct call *call, const struct json_t *params,
		    struct json_t **result, struct err **e)
{
	const char *id = call_request_id(call);

	*result = json_object();
	json_object_set_new(*result, "actor", json_string(call_actor(call)));
	json_object_set_new(*result, "pid", json_integer(call_peer(call)->pid));
	json_object_set_new(*result, "request", json_string(id));
	return 0;
}

static const struct rpc_method methods[] = {
	{ "test.big", "t", false, test_big },
	{ "test.echo", "t", false, test_echo },
	{ "test.end", "t", false, test_end },
	{ "test.fail", "t", false, test_fail },
	{ "test.hold", "t", false, test_hold },
	{ "test.hold_briefly", "t", false, test_hold_briefly },
	{ "test.note", "t", false, test_note },
	{ "test.secret", "secret", false, test_secret },
	{ "test.silent", "t", false, test_silent },
	{ "test.subscribe", "t", false, test_subscribe },
	{ "test.who", "t", false, test_who },
};

static int authorize(struct call *call, const struct rpc_method *method, struct err **e)
{
	if (strcmp(method->auth, "secret") != 0)
		return 0;
	return err_set(e, ERR_PERMISSION_DENIED, "%s may not", call_actor(call));
}

/* -- the world */

static void conn_closed(void *app, struct rpc_conn *conn)
{
	struct world *w = world_of(app);

	w->gone++;
	if (w->conn == conn)
		w->conn = NULL;
}

void server_closed(void *app)
{
	world_of(app)->closed = true;
}

static int listen_in_dir(struct world *w)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int n = snprintf(w->addr.sun_path, sizeof(w->addr.sun_path), "%s/sock",
			 t_dir());

	T_OK(n < (int)sizeof(w->addr.sun_path));
	w->addr.sun_family = AF_UNIX;
	T_EQ(bind(fd, (struct sockaddr *)&w->addr, sizeof(w->addr)), 0);
	T_EQ(listen(fd, 1024), 0);
	return fd;
}

void world_init(struct world *w)
{
	struct rpc_server_config config = {
		.table = { methods, COUNT(methods), "{\"openrpc\":\"1.2.6\"}" },
		.app = w,
		.authorize = authorize,
		.conn_closed = conn_closed,
	};
	autoptr(err) e = NULL;

	signal(SIGPIPE, SIG_IGN);
	memset(w, 0, sizeof(*w));
	uv_loop_init(&w->loop);
	w->server = rpc_server_new(&w->loop, &config);
	T_EQ(rpc_server_listen(w->server, listen_in_dir(w), &e), 0);
}

int client(struct world *w)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	T_EQ(connect(fd, (struct sockaddr *)&w->addr, sizeof(w->addr)), 0);
	return fd;
}

/* One round of the loop that does not wait for long. */
void spin(struct world *w)
{
	uv_run(&w->loop, UV_RUN_NOWAIT);
	poll(NULL, 0, 1);
}

void spin_for(struct world *w, int ms)
{
	for (int i = 0; i < ms; i++)
		spin(w);
}

void world_fini(struct world *w)
{
	rpc_server_close(w->server, server_closed);
	SPIN_UNTIL(w, w->closed);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	T_EQ(uv_loop_close(&w->loop), 0);
}

/* All of `text`, while the server runs. False when it has hung up. */
bool put_bytes(struct world *w, int fd, const char *text, size_t len)
{
	uint64_t end = clock_mono_ns() + WAIT_MS * UINT64_C(1000000);

	for (size_t done = 0; done < len;) {
		ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);

		T_OK(clock_mono_ns() < end);
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EAGAIN)
			return false;
		else
			spin(w);
	}
	return true;
}

void put(struct world *w, int fd, const char *text)
{
	T_OK(put_bytes(w, fd, text, strlen(text)));
}

/* One line, byte for byte so that the rest stays; NULL at the end. */
char *get(struct world *w, int fd)
{
	autofini(str) line = { 0 };
	uint64_t end = clock_mono_ns() + WAIT_MS * UINT64_C(1000000);

	for (;;) {
		char buf[4096];
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_PEEK);

		T_OK(clock_mono_ns() < end);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return NULL;
		if (n < 0) {
			spin(w);
			continue;
		}
		char *newline = memchr(buf, '\n', (size_t)n);
		size_t take = newline ? (size_t)(newline - buf) + 1 : (size_t)n;

		T_EQ(recv(fd, buf, take, 0), take);
		str_add_bytes(&line, buf, take - (newline != NULL));
		if (newline)
			return str_steal(&line);
	}
}

void expect(struct world *w, int fd, const char *want)
{
	autofree char *line = get(w, fd);

	T_STR(line, want);
}

void expect_has(struct world *w, int fd, const char *part)
{
	autofree char *line = get(w, fd);

	T_HAS(line, part);
}

void expect_end(struct world *w, int fd)
{
	autofree char *line = get(w, fd);

	T_STR(line, NULL);
}

void expect_silence(struct world *w, int fd)
{
	char c;

	spin_for(w, 20);
	T_EQ(recv(fd, &c, 1, MSG_PEEK), -1);
	T_EQ(errno, EAGAIN);
}
