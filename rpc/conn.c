/*
 * rpc/conn.c - one client: bytes in, lines to exchange.c, bytes out
 *
 * Everything that sends or closes happens in one place, a turn of the loop that
 * conn_wake() asks for: so nobody who queues a line sees a connection vanish.
 *
 *   turn:  send -> read -> run lines -> send -> tell that it drained -> close?
 *
 * A peer that does not read is not read from either, beyond CONN_OUTPUT_PAUSE; what
 * still comes for it, answers of held calls, ends the connection at RPC_OUTPUT_MAX.
 * A peer that shuts down its side gets its answers first. What a peer had sent when
 * it went is still done.
 */
#include "rpc/conn.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

#define READ_CHUNK 65536
#define LINES_PER_TURN 64 /* then it is the others' turn */
#define KEEP_ROOM 65536	  /* memory that an idle connection may keep */
#define PATIENCE_MS 10000 /* for the last lines to be read */
#define DISCARD_MS 1000	  /* for the rest of a line that is too long */

static size_t unsent(const struct rpc_conn *c)
{
	return c->out.len - c->out_done;
}

static bool may_run(const struct rpc_conn *c)
{
	return !c->ending && !c->broken && unsent(c) <= CONN_OUTPUT_PAUSE;
}

static bool may_read(const struct rpc_conn *c)
{
	return may_run(c) && !c->at_eof;
}

/* A whole line in `in`, or one that is too long already. */
static bool has_line(struct rpc_conn *c)
{
	const char *newline = NULL;
	size_t left = c->in.len - c->in_scanned;

	if (left)
		newline = memchr(c->in.data + c->in_scanned, '\n', left);
	c->in_scanned = newline ? (size_t)(newline - c->in.data) : c->in.len;
	return newline || c->in.len - c->in_done > RPC_REQUEST_MAX;
}

/* Is nothing left but to send what is queued? */
static bool is_through(struct rpc_conn *c)
{
	return c->n_calls == 0 && (c->ending || (c->at_eof && !has_line(c)));
}

static bool wants_turn(struct rpc_conn *c)
{
	if (c->broken || (unsent(c) && !c->blocked) || (may_run(c) && has_line(c)))
		return true;
	if (c->gone && c->at_eof && !has_line(c))
		return true;
	return is_through(c) && !c->shut && !uv_is_active((uv_handle_t *)&c->patience);
}

static void poll_ready(uv_poll_t *poll, int status, int events);
static void soon_is_now(uv_idle_t *soon);

static void watch(struct rpc_conn *c, int events)
{
	if (events == c->watched)
		return;
	c->watched = events;
	if (events)
		uv_poll_start(&c->poll, events, poll_ready);
	else
		uv_poll_stop(&c->poll);
}

void conn_wake(struct rpc_conn *c)
{
	int events = 0;

	if (c->closing || c->in_turn)
		return;
	if (may_read(c) || (c->discard && !c->at_eof))
		events |= UV_READABLE;
	if (unsent(c) && c->blocked)
		events |= UV_WRITABLE;
	watch(c, events);
	if (wants_turn(c))
		uv_idle_start(&c->soon, soon_is_now);
	else
		uv_idle_stop(&c->soon);
}

static void handle_closed(uv_handle_t *handle)
{
	struct rpc_conn *c = handle->data;
	struct rpc_server *s = c->server;

	if (--c->open_handles)
		return;
	close(c->fd);
	str_fini(&c->in);
	str_fini(&c->out);
	free(c);
	server_handle_closed(s);
}

static void conn_close(struct rpc_conn *c)
{
	struct rpc_server *s = c->server;

	if (c->closing)
		return;
	c->closing = true;
	exchange_orphan_all(c);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	if (s->config.conn_closed)
		s->config.conn_closed(s->config.app, c);
	uv_close((uv_handle_t *)&c->poll, handle_closed);
	uv_close((uv_handle_t *)&c->soon, handle_closed);
	uv_close((uv_handle_t *)&c->patience, handle_closed);
	server_conn_gone(s);
}

static void out_of_patience(uv_timer_t *timer)
{
	conn_close(timer->data);
}

/* -- output */

static void trim_output(struct rpc_conn *c)
{
	if (unsent(c) == 0) {
		if (c->out.room > KEEP_ROOM)
			str_fini(&c->out);
		else
			str_clear(&c->out);
		c->out_done = 0;
	} else if (c->out_done > c->out.len / 2) {
		str_consume(&c->out, c->out_done);
		c->out_done = 0;
	}
}

static void send_output(struct rpc_conn *c)
{
	size_t before = unsent(c);

	c->blocked = false;
	while (unsent(c) && !c->blocked) {
		ssize_t n = send(c->fd, c->out.data + c->out_done, unsent(c),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			c->out_done += (size_t)n;
		} else if (errno == EAGAIN) {
			c->blocked = true;
		} else if (errno != EINTR) {
			c->gone = true;
			c->out_done = c->out.len;
		}
	}
	if (before >= CONN_OUTPUT_PAUSE && unsent(c) < CONN_OUTPUT_PAUSE)
		c->drain_due = true;
	trim_output(c);
}

static void add_line(struct rpc_conn *c, const char *line, size_t len)
{
	str_add_bytes(&c->out, line, len);
	str_add_char(&c->out, '\n');
	conn_wake(c);
}

static bool fits(const struct rpc_conn *c, size_t len)
{
	return len < RPC_OUTPUT_MAX && unsent(c) + len + 1 <= RPC_OUTPUT_MAX;
}

void conn_answer(struct rpc_conn *c, const struct str *line)
{
	if (c->closing || c->broken || c->gone)
		return;
	if (fits(c, line->len)) {
		add_line(c, line->data, line->len);
		return;
	}
	c->broken = true;
	conn_wake(c);
}

int rpc_conn_send(struct rpc_conn *c, const char *line, size_t len)
{
	if (c->closing || c->broken || c->gone || c->ending)
		return -EPIPE;
	if (!fits(c, len))
		return -ENOBUFS;
	add_line(c, line, len);
	return 0;
}

/* -- input */

/* A peer that has gone altogether will not read what is still to be said. */
static bool peer_is_gone(const struct rpc_conn *c)
{
	struct pollfd p = { .fd = c->fd };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

static ssize_t receive(struct rpc_conn *c, char *buf, size_t size)
{
	ssize_t n;

	do {
		n = recv(c->fd, buf, size, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		c->at_eof = true;
		c->gone |= n < 0 || peer_is_gone(c);
	}
	return n;
}

static void read_input(struct rpc_conn *c)
{
	char buf[READ_CHUNK];
	ssize_t n = receive(c, buf, sizeof(buf));

	if (n > 0)
		str_add_bytes(&c->in, buf, (size_t)n);
	/* What comes without a newline before the end is a line as well. */
	if (c->at_eof && c->in.len && c->in.data[c->in.len - 1] != '\n')
		str_add_char(&c->in, '\n');
}

static void read_and_discard(struct rpc_conn *c)
{
	char buf[READ_CHUNK];

	receive(c, buf, sizeof(buf));
	c->broken |= c->at_eof;
}

static void line_too_long(struct rpc_conn *c)
{
	struct err *e = NULL;

	err_set(&e, ERR_INVALID_REQUEST, "a line is longer than %d bytes",
		RPC_REQUEST_MAX);
	exchange_refuse(c, e);
	c->ending = true;
	c->discard = true;
	str_fini(&c->in);
	c->in_done = c->in_scanned = 0;
}

/* `in` has a line from in_done to in_scanned, or one that is too long. */
static void run_line(struct rpc_conn *c)
{
	char *line = c->in.data + c->in_done;
	size_t len = c->in_scanned - c->in_done;

	if (len > RPC_REQUEST_MAX) {
		line_too_long(c);
		return;
	}
	line[len] = '\0';
	c->in_done += len + 1;
	c->in_scanned = c->in_done;
	if (strspn(line, " \t\r") < len)
		exchange_line(c, line, len);
}

static void run_lines(struct rpc_conn *c)
{
	for (int i = 0; i < LINES_PER_TURN && may_run(c) && has_line(c); i++)
		run_line(c);
	if (!c->in_done)
		return;
	str_consume(&c->in, c->in_done);
	c->in_scanned -= c->in_done;
	c->in_done = 0;
	if (c->in.len == 0 && c->in.room > KEEP_ROOM)
		str_fini(&c->in);
}

/* -- the turn */

/* Everything is sent; let the peer see the end before it has sent all of its own. */
static void shut(struct rpc_conn *c)
{
	if (c->shut)
		return;
	c->shut = true;
	shutdown(c->fd, SHUT_WR);
	uv_timer_start(&c->patience, out_of_patience, DISCARD_MS, 0);
}

static void close_if_through(struct rpc_conn *c)
{
	if (c->broken || (c->gone && c->at_eof && !has_line(c))) {
		conn_close(c);
	} else if (is_through(c) && unsent(c)) {
		if (!uv_is_active((uv_handle_t *)&c->patience))
			uv_timer_start(&c->patience, out_of_patience, PATIENCE_MS, 0);
	} else if (is_through(c) && c->discard && !c->at_eof) {
		shut(c);
	} else if (is_through(c)) {
		conn_close(c);
	}
}

static void tell_drained(struct rpc_conn *c)
{
	if (!c->drain_due)
		return;
	c->drain_due = false;
	if (c->drained)
		c->drained(c->drained_owner);
}

static void turn(struct rpc_conn *c)
{
	c->in_turn = true;
	send_output(c);
	if (may_read(c))
		read_input(c);
	else if (c->discard && !c->at_eof)
		read_and_discard(c);
	run_lines(c);
	send_output(c);
	/* Last, or a sender without end would keep requests from being read. */
	tell_drained(c);
	close_if_through(c);
	c->in_turn = false;
	conn_wake(c);
}

static void poll_ready(uv_poll_t *poll, int status, int events)
{
	struct rpc_conn *c = poll->data;

	if (status < 0)
		c->watched =
			0; /* libuv has stopped it; send or receive will tell why */
	turn(c);
}

static void soon_is_now(uv_idle_t *soon)
{
	turn(soon->data);
}

int conn_open(struct rpc_server *s, int fd)
{
	struct rpc_conn *c = mem_new(struct rpc_conn);
	int rc = rpc_peer_read(fd, &c->peer);

	if (rc == 0)
		rc = uv_poll_init(s->loop, &c->poll, fd);
	if (rc < 0) {
		close(fd);
		free(c);
		return rc;
	}
	uv_idle_init(s->loop, &c->soon);
	uv_timer_init(s->loop, &c->patience);
	c->poll.data = c->soon.data = c->patience.data = c;
	c->open_handles = 3;
	c->fd = fd;
	c->server = s;
	c->link = &s->conns;
	c->next = s->conns;
	if (c->next)
		c->next->link = &c->next;
	s->conns = c;
	s->n_conns++;
	s->open_handles++;
	conn_wake(c);
	return 0;
}

void rpc_conn_end(struct rpc_conn *c)
{
	c->ending = true;
	conn_wake(c);
}

size_t rpc_conn_unsent(const struct rpc_conn *c)
{
	return unsent(c);
}

void rpc_conn_on_drain(struct rpc_conn *c, void (*drained)(void *owner), void *owner)
{
	c->drained = drained;
	c->drained_owner = owner;
}

void rpc_conn_set_data(struct rpc_conn *c, void *data)
{
	c->data = data;
}

void *rpc_conn_data(const struct rpc_conn *c)
{
	return c->data;
}
