/*
 * rpc/server.c - listening sockets and the life of the server
 *
 * When descriptors run out, nothing is accepted for a while: new clients wait in the
 * backlog, those that are connected are served. One connection too many is told so.
 * What is freed last is the server itself, by the close callback of its last handle.
 *
 * Not here: a connection (conn.c), a line of requests (exchange.c).
 */
#include "rpc/server.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "rpc/conn.h"
#include "rpc/jsonrpc.h"

#define ACCEPTS_PER_TURN 16
#define RETRY_MS 200

struct listener {
	uv_poll_t poll;
	int fd;			   /* owned */
	struct rpc_server *server; /* borrowed */
	struct listener *next;	   /* owned */
};

static void listener_ready(uv_poll_t *poll, int status, int events);

static void retry(uv_timer_t *timer)
{
	struct rpc_server *s = timer->data;

	if (s->closing)
		return;
	for (struct listener *l = s->listeners; l; l = l->next)
		uv_poll_start(&l->poll, UV_READABLE, listener_ready);
}

static void pause_listening(struct rpc_server *s)
{
	for (struct listener *l = s->listeners; l; l = l->next)
		uv_poll_stop(&l->poll);
	uv_timer_start(&s->retry, retry, RETRY_MS, 0);
}

/* One line, as far as the socket takes it at once, and goodbye. */
static void turn_away(int fd)
{
	autofini(str) line = { 0 };
	struct err *e = NULL;

	err_set(&e, ERR_NO_CAPACITY, "there are %d connections already", RPC_CONNS_MAX);
	jsonrpc_add_error(&line, NULL, e);
	err_free(e);
	str_add_char(&line, '\n');

	ssize_t n UNUSED = send(fd, line.data, line.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	close(fd);
}

/* False when nothing more is to be accepted for now. */
static bool accept_one(struct listener *l)
{
	struct rpc_server *s = l->server;
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		/* A client that has given up again is nobody's fault. */
		if (errno == EINTR || errno == ECONNABORTED)
			return true;
		if (errno != EAGAIN)
			pause_listening(s);
		return false;
	}
	if (s->n_conns >= RPC_CONNS_MAX)
		turn_away(fd);
	else if (conn_open(s, fd) < 0)
		pause_listening(s);
	return true;
}

static void listener_ready(uv_poll_t *poll, int status, int events)
{
	struct listener *l = poll->data;

	if (status < 0) {
		pause_listening(l->server);
		return;
	}
	for (int i = 0; i < ACCEPTS_PER_TURN && accept_one(l); i++)
		;
}

struct rpc_server *rpc_server_new(uv_loop_t *loop,
				  const struct rpc_server_config *config)
{
	struct rpc_server *s = mem_new(struct rpc_server);

	s->loop = loop;
	s->config = *config;
	uv_timer_init(loop, &s->retry);
	s->retry.data = s;
	s->open_handles = 1;
	return s;
}

int rpc_server_listen(struct rpc_server *s, int fd, struct err **e)
{
	struct listener *l = mem_new(struct listener);
	int rc = fd_set_nonblocking(fd);

	if (rc == 0)
		rc = uv_poll_init(s->loop, &l->poll, fd);
	if (rc < 0) {
		close(fd);
		free(l);
		return err_sys(e, rc, "wait on a listening socket");
	}
	l->poll.data = l;
	l->fd = fd;
	l->server = s;
	l->next = s->listeners;
	s->listeners = l;
	s->open_handles++;
	uv_poll_start(&l->poll, UV_READABLE, listener_ready);
	return 0;
}

static void finish_closing(struct rpc_server *s)
{
	if (s->closed)
		s->closed(s->config.app);
	free(s);
}

void server_handle_closed(struct rpc_server *s)
{
	if (--s->open_handles == 0)
		finish_closing(s);
}

void server_conn_gone(struct rpc_server *s)
{
	s->n_conns--;
	/* Its descriptor may be what a paused listener waits for. */
	if (!s->closing && uv_is_active((uv_handle_t *)&s->retry))
		uv_timer_start(&s->retry, retry, 0, 0);
}

static void listener_closed(uv_handle_t *handle)
{
	struct listener *l = handle->data;
	struct rpc_server *s = l->server;

	close(l->fd);
	free(l);
	server_handle_closed(s);
}

static void retry_closed(uv_handle_t *handle)
{
	server_handle_closed(handle->data);
}

void rpc_server_close(struct rpc_server *s, void (*done)(void *app))
{
	struct listener *next;

	if (s->closing)
		return;
	s->closing = true;
	s->closed = done;
	for (struct listener *l = s->listeners; l; l = next) {
		next = l->next;
		uv_close((uv_handle_t *)&l->poll, listener_closed);
	}
	s->listeners = NULL;
	for (struct rpc_conn *c = s->conns; c; c = c->next)
		rpc_conn_end(c);
	uv_close((uv_handle_t *)&s->retry, retry_closed);
}
