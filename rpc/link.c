/*
 * rpc/link.c - JSON-RPC both ways over a SEQPACKET channel, with descriptors
 *
 *   link_call --> asked: waits for its answer, its deadline or the hangup
 *   request   --> serving: runs, may be held, answers with its descriptors
 *   note      --> config.note, or the table where there is none
 *
 * One timer serves the deadlines. A peer that sends what is no message, or reads
 * nothing while answers pile up, is hung up on; that is told from the loop, never
 * from within a call of the link's user. An answer that nobody waits for (any more)
 * is dropped, with its descriptors.
 *
 * Not here: the wire (base/channel.h), what methods mean.
 */
#include "rpc/link.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/call.h"
#include "rpc/jsonrpc.h"
#include "rpc/server.h"

/* Of an error that the other side sends, as long as records can take it. */
#define TEXT_MAX 1024
#define WORDS_MAX 4096

struct asked {
	struct asked *next; /* owned */
	json_int_t id;
	uint64_t deadline; /* UINT64_MAX: none */
	link_done *done;
	void *owner; /* borrowed */
};

struct link {
	struct channel *channel; /* owned */
	uv_timer_t timer;
	struct link_config config; /* its pointers are borrowed */
	struct rpc_peer peer;
	struct asked *asked; /* owned list */
	size_t n_asked;
	json_int_t last_id;
	struct call *serving; /* running or held */
	size_t n_serving;
	bool overrun; /* an answer could not be queued */
	bool hung_up;
	bool closing;
};

static void on_timer(uv_timer_t *timer);

/* -- calls that we make */

static struct asked *take_asked(struct link *l, struct asked **at)
{
	struct asked *a = *at;

	*at = a->next;
	l->n_asked--;
	return a;
}

/* Tell the caller, who may close the link: nothing of it may be held meanwhile. */
static void fail_asked(struct asked *a, enum err_code code, const char *why)
{
	struct err *e = NULL;

	err_set(&e, code, "%s", why);
	a->done(a->owner, NULL, NULL, 0, e);
	err_free(e);
	free(a);
}

static void fail_all_asked(struct link *l)
{
	while (l->asked)
		fail_asked(take_asked(l, &l->asked), ERR_UNAVAILABLE,
			   "the connection is gone");
}

static void set_timer(struct link *l)
{
	uint64_t first = UINT64_MAX, now = clock_mono_ns();

	if (l->closing || l->hung_up)
		return;
	for (const struct asked *a = l->asked; a; a = a->next)
		first = MIN(first, a->deadline);
	if (l->overrun)
		first = now;
	if (first == UINT64_MAX)
		uv_timer_stop(&l->timer);
	else
		uv_timer_start(&l->timer, on_timer,
			       first <= now ? 0 : (first - now) / 1000000 + 1, 0);
}

static struct asked *take_overdue(struct link *l)
{
	uint64_t now = clock_mono_ns();

	for (struct asked **at = &l->asked; *at; at = &(*at)->next)
		if ((*at)->deadline <= now)
			return take_asked(l, at);
	return NULL;
}

static void hang_up(struct link *l, const struct err *why)
{
	if (l->hung_up || l->closing)
		return;
	l->hung_up = true;
	uv_timer_stop(&l->timer);
	fail_all_asked(l);
	if (!l->closing && l->config.hangup)
		l->config.hangup(l->config.app, why);
}

static void on_timer(uv_timer_t *timer)
{
	struct link *l = timer->data;
	struct asked *a;

	if (l->overrun) {
		struct err *e = NULL;

		err_set(&e, ERR_UNAVAILABLE, "it does not read what it asked for");
		hang_up(l, e);
		err_free(e);
		return;
	}
	while (!l->closing && !l->hung_up && (a = take_overdue(l)))
		fail_asked(a, ERR_TIMEOUT, "no answer came in time");
	set_timer(l);
}

static int cannot_send(int rc, const char *method, struct err **e)
{
	switch (rc) {
	case -EMSGSIZE:
		return err_set(e, ERR_INVALID_PARAMS,
			       "%s: more than %d bytes do not fit in a message", method,
			       CHANNEL_MESSAGE_MAX);
	case -ENOBUFS:
		return err_set(e, ERR_UNAVAILABLE, "%s: the other side does not read",
			       method);
	case -EPIPE:
	case -ECONNRESET:
		return err_set(e, ERR_UNAVAILABLE, "%s: the connection is gone",
			       method);
	default:
		return err_sys(e, rc, "%s", method);
	}
}

static int send_request(struct link *l, json_int_t number, const char *method,
			const json_t *params)
{
	autojson id = number ? json_integer(number) : NULL;
	autofini(str) text = { 0 };

	if (l->closing || l->hung_up)
		return -EPIPE;
	if (jsonrpc_add_request(&text, id, method, params) < 0)
		return -EINVAL;
	return channel_send(l->channel, text.data, text.len, NULL, 0);
}

int link_call(struct link *l, const char *method, struct json_t *params,
	      link_done *done, void *owner, int timeout_ms, struct err **e)
{
	autojson owned = params;
	int rc;

	if (l->n_asked >= LINK_CALLS_MAX)
		return err_set(e, ERR_NO_CAPACITY, "%s: %d calls wait for an answer",
			       method, LINK_CALLS_MAX);
	rc = send_request(l, ++l->last_id, method, owned);
	if (rc < 0)
		return cannot_send(rc, method, e);

	struct asked *a = mem_new(struct asked);

	a->id = l->last_id;
	a->deadline = UINT64_MAX;
	if (timeout_ms >= 0)
		a->deadline = clock_mono_ns() + (uint64_t)timeout_ms * 1000000;
	a->done = done;
	a->owner = owner;
	a->next = l->asked;
	l->asked = a;
	l->n_asked++;
	set_timer(l);
	return 0;
}

int link_note(struct link *l, const char *method, struct json_t *params)
{
	autojson owned = params;

	return send_request(l, 0, method, owned);
}

/* What a worker says ends in logs and records: one line, or lines. */
static struct err *error_of(const json_t *error)
{
	struct err *e = NULL;

	err_from_json(error, &e);
	str_tame(e->message, TEXT_MAX, "");
	str_tame(e->object, TEXT_MAX, "");
	str_tame(e->hint, TEXT_MAX, "");
	str_tame(e->path, TEXT_MAX, "");
	str_tame(e->last_words, WORDS_MAX, "\n\t");
	return e;
}

static struct asked *find_asked(struct link *l, const json_t *id)
{
	if (!json_is_integer(id))
		return NULL;
	for (struct asked **at = &l->asked; *at; at = &(*at)->next)
		if ((*at)->id == json_integer_value(id))
			return take_asked(l, at);
	return NULL;
}

static int take_answer(struct link *l, const json_t *message, struct channel_message *m)
{
	struct jsonrpc_response r;
	autoptr(err) e = NULL;

	if (jsonrpc_response_read(message, &r) < 0)
		return -EPROTO;

	autofree struct asked *a = find_asked(l, r.id);

	if (!a)
		return 0;
	set_timer(l);
	if (r.error)
		e = error_of(r.error);
	a->done(a->owner, r.result, m->fds, m->n_fds, e);
	return 0;
}

/* -- calls that we serve */

static int send_answer(struct link *l, const struct call *call, const struct str *text)
{
	return channel_send(l->channel, text->data, text->len, call->reply_fds,
			    call->failed ? 0 : call->n_reply_fds);
}

static int send_too_large(struct link *l, struct call *call)
{
	autofini(str) text = { 0 };

	err_free(call->failed);
	call->failed = NULL;
	err_set(&call->failed, ERR_INTERNAL,
		"it was done, but its answer does not fit in a message of %d bytes",
		CHANNEL_MESSAGE_MAX);
	call_add_answer(call, &text);
	return send_answer(l, call, &text);
}

static void call_done(struct call *call)
{
	struct link *l = call->origin;
	autofini(str) text = { 0 };
	int rc;

	l->n_serving--;
	call_add_answer(call, &text);
	if (!text.len || l->hung_up)
		return;
	rc = send_answer(l, call, &text);
	if (rc == -EMSGSIZE)
		rc = send_too_large(l, call);
	/* A peer that has gone is told by the channel itself. */
	if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET) {
		l->overrun = true;
		set_timer(l);
	}
}

static struct call *begin_call(struct link *l, const json_t *id,
			       struct channel_message *m)
{
	struct call *call = call_new(&l->serving, &l->peer, id);

	call->origin = l;
	call->finish = call_done;
	call->app = l->config.app;
	for (; call->n_fds < m->n_fds; call->n_fds++)
		call->fds[call->n_fds] = steal_fd(&m->fds[call->n_fds]);
	l->n_serving++;
	return call;
}

static void take_note(struct link *l, const struct jsonrpc_request *r)
{
	autofree char *params = r->params ? jsonrpc_text(r->params) : mem_strdup("{}");

	l->config.note(l->config.app, r->method, params);
}

static int take_request(struct link *l, const json_t *message,
			struct channel_message *m)
{
	struct jsonrpc_request r;
	struct err *e = NULL;
	int rc = jsonrpc_request_read(message, DECODE_LENIENT, &r, &e);

	if (rc < 0 && e->code == ERR_INVALID_REQUEST) {
		err_free(e);
		return -EPROTO;
	}
	if (rc == 0 && !r.id && l->config.note) {
		take_note(l, &r);
		return 0;
	}
	if (rc == 0 && l->n_serving >= LINK_CALLS_MAX)
		rc = err_set(&e, ERR_NO_CAPACITY, "%d calls are under way already",
			     LINK_CALLS_MAX);

	struct call *call = begin_call(l, r.id, m);

	if (rc < 0)
		call_refuse(call, e);
	else
		call_run(call, &l->config.table, NULL, r.method, r.params);
	return 0;
}

/* -- the channel */

static int take_message(struct link *l, struct channel_message *m)
{
	autojson message = jsonrpc_parse(m->data, m->len, RPC_DEPTH_MAX, NULL);

	if (!json_is_object(message))
		return -EPROTO;
	if (jsonrpc_is_response(message))
		return take_answer(l, message, m);
	return take_request(l, message, m);
}

static void on_message(void *owner, struct channel_message *m)
{
	struct link *l = owner;
	struct err *e = NULL;

	if (l->hung_up || take_message(l, m) == 0)
		return;
	err_set(&e, ERR_WORKER_FAILED, "a message is not JSON-RPC 2.0");
	hang_up(l, e);
	err_free(e);
}

static void on_hangup(void *owner, int why)
{
	struct link *l = owner;
	struct err *e = NULL;

	if (why)
		err_set(&e, ERR_UNAVAILABLE, "the connection broke: %s",
			strerror(-why));
	hang_up(l, e);
	err_free(e);
}

static const struct channel_handlers handlers = { on_message, on_hangup };

struct link *link_new(uv_loop_t *loop, int fd, const struct link_config *config,
		      struct err **e)
{
	autofree struct link *l = mem_new(struct link);
	int rc = rpc_peer_read(fd, &l->peer);

	if (rc < 0) {
		close(fd);
		err_sys(e, rc, "ask who the other side is");
		return NULL;
	}
	l->channel = channel_new(loop, fd, &handlers, l, &rc);
	if (!l->channel) {
		err_sys(e, rc, "wait on a channel");
		return NULL;
	}
	l->config = *config;
	uv_timer_init(loop, &l->timer);
	l->timer.data = l;
	return steal(l);
}

static void timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void link_close(struct link *l)
{
	if (!l || l->closing)
		return;
	l->closing = true;
	while (l->serving)
		call_orphan(l->serving);
	channel_close(l->channel);
	uv_close((uv_handle_t *)&l->timer, timer_closed);
	fail_all_asked(l);
}

int link_fd(const struct link *l)
{
	return channel_fd(l->channel);
}
