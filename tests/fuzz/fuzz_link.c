/*
 * tests/fuzz/fuzz_link.c - any messages to a link that serves, asks and takes notes
 *
 * The input is messages, each a length in two bytes (little-endian; the top bit sends
 * a descriptor along) and its bytes. Every call that we made must be done exactly once.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "rpc/link.h"

#define CALLS 4
#define HELD_MAX (2 * LINK_CALLS_MAX)
#define WITH_FD 0x8000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	uv_loop_t loop;
	struct link *link;
	struct call *held[HELD_MAX];
	size_t n_held;
	int done;
	int fd; /* the peer's end */
};

static int run_fds(struct call *call, const struct json_t *params,
		   struct json_t **result, struct err **e)
{
	size_t n;
	int *fds = call_fds(call, &n);

	call_reply_fds(call, fds, n);
	*result = json_integer((json_int_t)n);
	return 0;
}

static int run_hold(struct call *call, const struct json_t *params,
		    struct json_t **result, struct err **e)
{
	struct world *w = call_app(call);

	*result = json_incref((json_t *)(uintptr_t)params);
	if (w->n_held == HELD_MAX)
		return 0;
	call_hold(call);
	w->held[w->n_held++] = call;
	return 0;
}

static const struct rpc_method methods[] = {
	{ "fds", "w", true, run_fds },
	{ "hold", "w", false, run_hold },
};

static void took_note(void *app, const char *method, const char *params)
{
	json_t *j = json_loads(params, 0, NULL);

	if (!method || !json_is_object(j))
		abort();
	json_decref(j);
}

static void hung_up(void *app, const struct err *why)
{
	struct world *w = app;

	link_close(steal(w->link));
}

static void call_done(void *owner, const struct json_t *result, int *fds, size_t n_fds,
		      struct err *e)
{
	struct world *w = owner;

	if (!result == !e || (e && !e->message))
		abort();
	w->done++;
}

static void begin(struct world *w, bool notes)
{
	struct link_config config = {
		.table = { methods, COUNT(methods), NULL },
		.app = w,
		.note = notes ? took_note : NULL,
		.hangup = hung_up,
	};
	int fds[2];

	uv_loop_init(&w->loop);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
	w->fd = fds[1];
	w->link = link_new(&w->loop, fds[0], &config, NULL);
	for (int i = 0; i < CALLS; i++)
		if (link_call(w->link, "ask", NULL, call_done, w, 100000, NULL) < 0)
			abort();
}

static void spin(struct world *w)
{
	char buf[CHANNEL_MESSAGE_MAX];

	uv_run(&w->loop, UV_RUN_NOWAIT);
	while (recv(w->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

static void send_messages(struct world *w, struct span in)
{
	struct span head, body;

	while (w->link && span_sub(in, 0, 2, &head)) {
		unsigned int word = le16_get(head.data);
		size_t len = MIN(word & ~WITH_FD, in.len - 2);

		span_sub(in, 2, len, &body);
		if (channel_send_now(w->fd, body.data, body.len, &w->fd,
				     word & WITH_FD ? 1 : 0) < 0)
			return;
		spin(w);
		span_sub(in, 2 + len, in.len - 2 - len, &in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { 0 };

	begin(&w, size % 2);
	send_messages(&w, (struct span){ data, size });
	for (size_t i = 0; i < w.n_held; i += 2)
		call_release(w.held[i], NULL);
	spin(&w);
	link_close(w.link);
	for (size_t i = 1; i < w.n_held; i += 2)
		call_release(w.held[i], NULL);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	if (w.done != CALLS || uv_loop_close(&w.loop) != 0)
		abort();
	close(w.fd);
	return 0;
}
