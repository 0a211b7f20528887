/*
 * rpc/call.h - one call that is being served, whatever it came over
 *
 * For rpc/ alone: handlers see rpc/method.h. A call is made by what received the
 * request (exchange.c, link.c), run by call_run(), and ends in `finish`, at once
 * or after call_release(). It may outlive what it came over: call_orphan().
 */
#ifndef VX_RPC_CALL_H
#define VX_RPC_CALL_H

#include <jansson.h>

#include "base/channel.h"
#include "rpc/method.h"

#define CALL_ACTOR_MAX 32

struct call {
	struct call *next; /* in its origin's list, until finished or orphaned */
	struct call **link;
	void *origin;			   /* borrowed; NULL once that is gone */
	void (*finish)(struct call *call); /* send the answer; `origin` is there */
	struct rpc_conn *conn;		   /* borrowed; NULL on a link and once gone */
	void *app;			   /* borrowed */
	size_t slot;			   /* place of its answer in its exchange */

	struct rpc_peer peer;
	char actor[CALL_ACTOR_MAX];
	json_t *id;    /* owned; NULL for a notification */
	char *id_text; /* owned */

	/* The outcome: `failed`, else `result` or text that is JSON already. */
	struct err *failed;	 /* owned */
	json_t *result;		 /* owned */
	const char *result_text; /* borrowed, for ever */

	bool running, held, released;
	int fds[CHANNEL_FDS_MAX]; /* owned: what came */
	size_t n_fds;
	int reply_fds[CHANNEL_FDS_MAX]; /* owned: what goes */
	size_t n_reply_fds;
};

/* A call in `list`. `id` may be NULL; a reference is taken. */
struct call *call_new(struct call **list, const struct rpc_peer *peer,
		      const json_t *id) NODISCARD;

typedef int call_authorize(struct call *call, const struct rpc_method *method,
			   struct err **e);
/* Run it and, unless it is held, finish it: `call` may be gone then. */
void call_run(struct call *call, const struct rpc_method_table *table,
	      call_authorize *authorize, const char *method, const json_t *params);
/* The same for a request that is refused before it is looked at. Consumes `e`. */
void call_refuse(struct call *call, struct err *e);
/* What it came over is gone: nothing will be sent. */
void call_orphan(struct call *call);
/* One message: its outcome. Nothing for a notification. */
struct str;
void call_add_answer(const struct call *call, struct str *out);

/* SO_PEERCRED of a connected socket. 0 or -errno. */
int rpc_peer_read(int fd, struct rpc_peer *out) NODISCARD;

#endif
