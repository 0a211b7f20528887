/*
 * rpc/method.h - one method of a generated table, and the call that runs it
 *
 * A handler is plain C: it fills the result and returns 0, or fills the error
 * and returns -1. Where the answer depends on something that is still under way
 * (a commit), it calls call_hold() and returns 0 with the result it will have;
 * the reply leaves when call_release() is called.
 */
#ifndef VX_RPC_METHOD_H
#define VX_RPC_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct call;
struct json_t; /* jansson's, seen by schema/ and rpc/ alone */

struct rpc_method {
	const char *name;
	const char *auth; /* permission, decided before parameters are decoded */
	bool takes_fds;
	/* Decode, run the handler, encode. `params` borrowed, *result the caller's. */
	int (*invoke)(struct call *call, const struct json_t *params,
		      struct json_t **result, struct err **e);
};

struct rpc_method_table {
	const struct rpc_method *methods; /* sorted by name */
	size_t count;
	const char *openrpc; /* answer of rpc.discover, or NULL */
};

struct rpc_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/* What the server's owner gave to rpc_server_new() or link_new(). */
void *call_app(const struct call *call);
const struct rpc_peer *call_peer(const struct call *call);
/* Who is asking, for records and events: "uid:1000". Lives as long as the call. */
const char *call_actor(const struct call *call);
/* The request's id as text, or NULL for a notification. */
const char *call_request_id(const struct call *call);

/*
 * Keep the reply back until call_release(), which must then be called exactly
 * once, from the loop's thread; also when the client has gone meanwhile.
 * `failed` NULL lets the reply go; otherwise it is sent in its place. Consumes it.
 */
void call_hold(struct call *call);
void call_release(struct call *call, struct err *failed);

/* The connection it came over, for notifications and its lifetime; NULL on a link. */
struct rpc_conn *call_conn(const struct call *call);

/* Descriptors that came with a call on a link: take one by setting it to -1. */
int *call_fds(const struct call *call, size_t *out_n);
/* Descriptors to go out with the reply; they stay the handler's (duplicated). */
void call_reply_fds(struct call *call, const int *fds, size_t n);

#endif
