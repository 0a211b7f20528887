/*
 * rpc/exchange.c - one line of requests, and the line that answers it
 *
 * A line is one request or a batch of them. Its calls may end in any order, some
 * much later; the answers go out together, in the order of the requests, when the
 * last one is there. Notifications have none, and a line of nothing but those is
 * not answered at all.
 *
 * The answers of one line are bounded: what would exceed CONN_ANSWER_MAX becomes
 * an error in its place.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rpc/conn.h"
#include "rpc/jsonrpc.h"

struct exchange {
	struct rpc_conn *conn; /* borrowed; NULL once it is gone */
	bool batch;
	size_t n;
	size_t waiting;	 /* calls under way, and one while it is being read */
	size_t bytes;	 /* of all answers */
	char *answers[]; /* owned; NULL: none, or not yet */
};

static struct exchange *exchange_new(struct rpc_conn *c, bool batch, size_t n)
{
	struct exchange *x = mem_alloc(sizeof(*x) + n * sizeof(x->answers[0]));

	x->conn = c;
	x->batch = batch;
	x->n = n;
	x->waiting = 1;
	return x;
}

static void exchange_free(struct exchange *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->answers[i]);
	free(x);
}

static void send_answers(struct exchange *x)
{
	autofini(str) line = { 0 };

	for (size_t i = 0; i < x->n; i++) {
		if (!x->answers[i])
			continue;
		if (x->batch)
			str_add_char(&line, line.len ? ',' : '[');
		str_add(&line, x->answers[i]);
	}
	if (!line.len)
		return;
	if (x->batch)
		str_add_char(&line, ']');
	conn_answer(x->conn, &line);
}

/* One of those that were waited for is through. */
static void settle(struct exchange *x)
{
	if (--x->waiting)
		return;
	if (x->conn)
		send_answers(x);
	exchange_free(x);
}

static void too_large(struct str *s, const json_t *id)
{
	struct err *e = NULL;

	str_clear(s);
	err_set(&e, ERR_NO_CAPACITY,
		"it was done, but the answers to this line exceed %d bytes",
		CONN_ANSWER_MAX);
	jsonrpc_add_error(s, id, e);
	err_free(e);
}

static void store_answer(struct exchange *x, size_t slot, struct str *s,
			 const json_t *id)
{
	if (x->bytes + s->len > CONN_ANSWER_MAX)
		too_large(s, id);
	x->bytes += s->len;
	x->answers[slot] = str_steal(s);
}

static void call_done(struct call *call)
{
	struct exchange *x = call->origin;
	struct rpc_conn *c = x->conn;
	autofini(str) answer = { 0 };

	call_add_answer(call, &answer);
	if (answer.len)
		store_answer(x, call->slot, &answer, call->id);
	c->n_calls--;
	settle(x);
	conn_wake(c);
}

static void refuse(struct exchange *x, size_t slot, const json_t *id, struct err *e)
{
	autofini(str) answer = { 0 };

	jsonrpc_add_error(&answer, id, e);
	store_answer(x, slot, &answer, id);
	err_free(e);
}

static struct call *begin_call(struct exchange *x, size_t slot, const json_t *id)
{
	struct rpc_conn *c = x->conn;
	struct call *call = call_new(&c->calls, &c->peer, id);

	call->origin = x;
	call->finish = call_done;
	call->conn = c;
	call->app = c->server->config.app;
	call->slot = slot;
	c->n_calls++;
	x->waiting++;
	return call;
}

static void run_request(struct exchange *x, size_t slot, const json_t *message)
{
	struct rpc_conn *c = x->conn;
	const struct rpc_server_config *config = &c->server->config;
	struct jsonrpc_request request;
	struct err *e = NULL;
	int rc = jsonrpc_request_read(message, DECODE_STRICT, &request, &e);

	if (rc < 0 && (request.id || e->code == ERR_INVALID_REQUEST)) {
		refuse(x, slot, request.id, e);
		return;
	}
	if (rc == 0 && c->n_calls >= RPC_CALLS_MAX)
		rc = err_set(&e, ERR_NO_CAPACITY,
			     "%d calls of this connection are under way already",
			     RPC_CALLS_MAX);

	struct call *call = begin_call(x, slot, request.id);

	if (rc < 0)
		call_refuse(call, e);
	else
		call_run(call, &config->table, config->authorize, request.method,
			 request.params);
}

static void run_batch(struct rpc_conn *c, const json_t *batch)
{
	size_t n = json_array_size(batch);
	struct err *e = NULL;

	if (n == 0 || n > RPC_BATCH_MAX) {
		err_set(&e, ERR_INVALID_REQUEST, "a batch has 1 to %d requests",
			RPC_BATCH_MAX);
		exchange_refuse(c, e);
		return;
	}

	struct exchange *x = exchange_new(c, true, n);

	for (size_t i = 0; i < n; i++)
		run_request(x, i, json_array_get(batch, i));
	settle(x);
}

void exchange_line(struct rpc_conn *c, const char *line, size_t len)
{
	struct err *e = NULL;
	autojson message = jsonrpc_parse(line, len, RPC_DEPTH_MAX, &e);

	if (!message) {
		exchange_refuse(c, e);
	} else if (json_is_array(message)) {
		run_batch(c, message);
	} else {
		struct exchange *x = exchange_new(c, false, 1);

		run_request(x, 0, message);
		settle(x);
	}
}

void exchange_refuse(struct rpc_conn *c, struct err *e)
{
	struct exchange *x = exchange_new(c, false, 1);

	refuse(x, 0, NULL, e);
	settle(x);
}

void exchange_orphan_all(struct rpc_conn *c)
{
	while (c->calls) {
		struct call *call = c->calls;
		struct exchange *x = call->origin;

		call_orphan(call);
		x->conn = NULL;
		settle(x);
	}
	c->n_calls = 0;
}
