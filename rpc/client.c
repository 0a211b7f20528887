/*
 * rpc/client.c - a blocking JSON-RPC client
 *
 * There is one call at a time, so the next answer that comes is its answer. While a
 * long request is sent, what comes is read: a server that waits for us to read would
 * otherwise wait for ever, and we for it.
 *
 * A call waits as long as the server takes; only its end of the connection ends it.
 */
#include "rpc/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/jsonrpc.h"

#define READ_CHUNK 65536
#define DEPTH_MAX 128		     /* the server is ours, its answers may be deep */
#define INPUT_MAX (64 * 1024 * 1024) /* bytes of what has come and is not yet taken */

struct note {
	struct note *next; /* owned */
	size_t len;
	char *method, *params; /* owned */
};

struct rpc_client {
	int fd;	    /* owned */
	char *path; /* owned */
	bool gone;  /* the server sends no more */
	struct str in;
	size_t in_done;	    /* bytes of `in` that were taken */
	size_t in_scanned;  /* no newline from in_done to here */
	struct note *first; /* owned list, oldest first */
	struct note **last;
	size_t kept; /* bytes in it */
	json_int_t last_id;
};

static int connect_to(const char *path, struct err **e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(e, ERR_INVALID_PARAMS,
			       "%s: the path of a socket has at most %zu bytes", path,
			       sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, strlen(path));

	autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, errno, "make a socket");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return steal_fd(&fd);
	if (errno != ENOENT && errno != ECONNREFUSED && errno != ENOTDIR)
		return err_sys(e, errno, "connect to %s", path);
	err_set(e, ERR_UNAVAILABLE, "connect to %s: %s", path, strerror(errno));
	return err_hint(e, "is vxd running?");
}

struct rpc_client *rpc_client_open(const char *path, struct err **e)
{
	int fd = connect_to(path, e);

	if (fd < 0)
		return NULL;

	struct rpc_client *c = mem_new(struct rpc_client);

	c->fd = fd;
	c->path = mem_strdup(path);
	c->last = &c->first;
	return c;
}

static void note_free(struct note *n)
{
	free(n->method);
	free(n->params);
	free(n);
}

static struct note *take_note(struct rpc_client *c)
{
	struct note *n = c->first;

	if (!n)
		return NULL;
	c->first = n->next;
	if (!c->first)
		c->last = &c->first;
	c->kept -= n->len;
	return n;
}

void rpc_client_free(struct rpc_client *c)
{
	struct note *n;

	if (!c)
		return;
	while ((n = take_note(c)))
		note_free(n);
	close(c->fd);
	str_fini(&c->in);
	free(c->path);
	free(c);
}

int rpc_client_fd(const struct rpc_client *c)
{
	return c->fd;
}

/* -- bytes */

static int hung_up(const struct rpc_client *c, struct err **e)
{
	err_set(e, ERR_UNAVAILABLE, "%s: the server hung up", c->path);
	return -1;
}

/* Whatever is there, without waiting. The end is only noted: lines may be left. */
static int receive(struct rpc_client *c, struct err **e)
{
	char buf[READ_CHUNK];
	ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0) {
		str_add_bytes(&c->in, buf, (size_t)n);
	} else if (n == 0 || errno == ECONNRESET) {
		c->gone = true;
	} else if (errno != EAGAIN && errno != EINTR) {
		return err_sys(e, errno, "read from %s", c->path);
	}
	if (c->in.len + c->kept > INPUT_MAX)
		return err_set(e, ERR_UNAVAILABLE,
			       "%s: the server sent more than %d bytes unasked",
			       c->path, INPUT_MAX);
	return 0;
}

static int left_ms(uint64_t deadline)
{
	uint64_t now = clock_mono_ns();

	return deadline <= now ? 0 : (int)((deadline - now) / 1000000 + 1);
}

/* 1 when the socket may be read (or is at its end), 0 when time is up. */
static int wait_readable(struct rpc_client *c, bool forever, uint64_t deadline,
			 struct err **e)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	for (;;) {
		int n = poll(&p, 1, forever ? -1 : left_ms(deadline));

		if (n >= 0)
			return n;
		if (errno != EINTR) {
			err_sys(e, errno, "wait for %s", c->path);
			return -1;
		}
	}
}

static bool take_line(struct rpc_client *c, char **out, size_t *out_len)
{
	size_t left = c->in.len - c->in_scanned;
	char *newline = NULL;

	if (left)
		newline = memchr(c->in.data + c->in_scanned, '\n', left);
	if (!newline) {
		str_consume(&c->in, c->in_done);
		c->in_done = 0;
		c->in_scanned = c->in.len;
		return false;
	}
	*out = c->in.data + c->in_done;
	*out_len = (size_t)(newline - *out);
	*newline = '\0';
	c->in_done += *out_len + 1;
	c->in_scanned = c->in_done;
	return true;
}

/*
 * The next line, valid until the next one is asked for: 1, 0 when it has not come in
 * time, -1 and *e when it never will.
 */
static int next_line(struct rpc_client *c, int timeout_ms, char **out, size_t *out_len,
		     struct err **e)
{
	uint64_t deadline = clock_mono_ns() + (uint64_t)MAX(timeout_ms, 0) * 1000000;

	while (!take_line(c, out, out_len)) {
		if (c->gone)
			return hung_up(c, e);

		int rc = wait_readable(c, timeout_ms < 0, deadline, e);

		if (rc <= 0)
			return rc;
		if (receive(c, e) < 0)
			return -1;
	}
	return 1;
}

static int wait_writable(struct rpc_client *c, struct err **e)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN | POLLOUT };

	if (poll(&p, 1, -1) < 0)
		return errno == EINTR ? 0 : err_sys(e, errno, "wait for %s", c->path);
	return p.revents & POLLIN ? receive(c, e) : 0;
}

/* A server that hangs up may have said why: that is read before it is an error. */
static int send_all(struct rpc_client *c, const struct str *line, struct err **e)
{
	for (size_t done = 0; done < line->len && !c->gone;) {
		ssize_t n = send(c->fd, line->data + done, line->len - done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		else if (errno != EAGAIN && errno != EINTR)
			return err_sys(e, errno, "write to %s", c->path);
		else if (wait_writable(c, e) < 0)
			return -1;
	}
	return 0;
}

/* -- messages */

static int not_ours(const struct rpc_client *c, struct err **e)
{
	return err_set(e, ERR_UNAVAILABLE, "%s: what answers there is not vxd",
		       c->path);
}

/* The same, with a message of any kind parsed from it. */
static int next_message(struct rpc_client *c, int timeout_ms, json_t **out,
			char **out_line, struct err **e)
{
	size_t len;
	int rc = next_line(c, timeout_ms, out_line, &len, e);

	if (rc <= 0)
		return rc;
	*out = jsonrpc_parse(*out_line, len, DEPTH_MAX, NULL);
	return *out ? 1 : not_ours(c, e);
}

/* NULL when `message` is none. */
static struct note *note_of(const json_t *message)
{
	struct jsonrpc_request r;

	if (!json_is_object(message) || jsonrpc_is_response(message) ||
	    jsonrpc_request_read(message, DECODE_LENIENT, &r, NULL) < 0 || r.id)
		return NULL;

	struct note *n = mem_new(struct note);

	n->method = mem_strdup(r.method);
	n->params = r.params ? jsonrpc_text(r.params) : mem_strdup("{}");
	n->len = strlen(n->method) + strlen(n->params);
	return n;
}

static void keep_note(struct rpc_client *c, struct note *n)
{
	*c->last = n;
	c->last = &n->next;
	c->kept += n->len;
}

/* The next message that is no notification; those are kept. */
static int next_answer(struct rpc_client *c, json_t **out, char **out_line,
		       struct err **e)
{
	for (;;) {
		autojson message = NULL;

		if (next_message(c, -1, &message, out_line, e) < 0)
			return -1;

		struct note *n = note_of(message);

		if (!n) {
			*out = steal(message);
			return 0;
		}
		keep_note(c, n);
	}
}

/* Id null: the server could not make out what it refuses, and it is this call. */
static bool answers(const struct jsonrpc_response *r, json_int_t id)
{
	return (json_is_integer(r->id) && json_integer_value(r->id) == id) ||
	       (r->error && json_is_null(r->id));
}

static int read_answer(struct rpc_client *c, json_int_t id, json_t **result,
		       struct err **e)
{
	for (;;) {
		struct jsonrpc_response r;
		autojson message = NULL;
		char *line;

		if (next_answer(c, &message, &line, e) < 0)
			return -1;
		if (!json_is_object(message) || jsonrpc_response_read(message, &r) < 0)
			return not_ours(c, e);
		if (!answers(&r, id))
			continue;
		if (r.error)
			return err_from_json(r.error, e);
		*result = json_incref((json_t *)(uintptr_t)r.result);
		return 0;
	}
}

int rpc_client_call(struct rpc_client *c, const char *method, struct json_t *params,
		    struct json_t **result, struct err **e)
{
	autojson owned = params;
	autojson id = json_integer(++c->last_id);
	autofini(str) line = { 0 };

	if (jsonrpc_add_request(&line, id, method, owned) < 0)
		return err_set(e, ERR_INVALID_PARAMS, "%s: this cannot be sent",
			       method);
	str_add_char(&line, '\n');
	if (send_all(c, &line, e) < 0)
		return -1;
	return read_answer(c, c->last_id, result, e);
}

int rpc_client_raw(struct rpc_client *c, const char *line, char **out, struct err **e)
{
	autofini(str) text = { 0 };
	autojson message = NULL;
	char *answer;

	str_add(&text, line);
	str_add_char(&text, '\n');
	if (send_all(c, &text, e) < 0 || next_answer(c, &message, &answer, e) < 0)
		return -1;
	*out = mem_strdup(answer);
	return 0;
}

int rpc_client_notification(struct rpc_client *c, int timeout_ms, char **out_method,
			    char **out_params, struct err **e)
{
	uint64_t deadline = clock_mono_ns() + (uint64_t)MAX(timeout_ms, 0) * 1000000;
	struct note *n = take_note(c);

	while (!n) {
		autojson message = NULL;
		char *line;
		int rc = next_message(c, timeout_ms < 0 ? -1 : left_ms(deadline),
				      &message, &line, e);

		if (rc <= 0)
			return rc;
		n = note_of(message); /* else a late answer: nobody waits for it */
	}
	*out_method = steal(n->method);
	*out_params = steal(n->params);
	note_free(n);
	return 1;
}
