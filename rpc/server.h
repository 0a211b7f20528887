/*
 * rpc/server.h - JSON-RPC 2.0, newline-delimited, for many clients
 *
 * Serves a method table on listening Unix sockets. Knows the peers by their
 * credentials, bounds everything a client can make grow, and never blocks.
 *
 * Not here: what a method does (daemon/), HTTP.
 */
#ifndef VX_RPC_SERVER_H
#define VX_RPC_SERVER_H

#include <uv.h>

#include "rpc/method.h"

#define RPC_REQUEST_MAX (1024 * 1024)	 /* bytes of one line */
#define RPC_DEPTH_MAX 32		 /* nesting of its JSON */
#define RPC_BATCH_MAX 128		 /* requests in one batch */
#define RPC_CALLS_MAX 256		 /* held calls of one connection */
#define RPC_CONNS_MAX 512		 /* connections of one server */
#define RPC_OUTPUT_MAX (4 * 1024 * 1024) /* unsent bytes of one connection */

struct rpc_server;
struct rpc_conn;

struct rpc_server_config {
	struct rpc_method_table table;
	void *app; /* borrowed */
	/* May the peer of `call` use `method`? 0, or -1 and ERR_PERMISSION_DENIED. */
	int (*authorize)(struct call *call, const struct rpc_method *method,
			 struct err **e);
	/* `conn` is going: forget it. */
	void (*conn_closed)(void *app, struct rpc_conn *conn);
};

struct rpc_server *rpc_server_new(uv_loop_t *loop,
				  const struct rpc_server_config *config) NODISCARD;
/* Accept on `fd`, a listening SOCK_STREAM Unix socket. Consumes it. */
int rpc_server_listen(struct rpc_server *s, int fd, struct err **e);
/* Accept no more and hang up once what is under way is answered; then `done`. */
void rpc_server_close(struct rpc_server *s, void (*done)(void *app));

/*
 * Unsent bytes of a connection, and a call once they fall below half of
 * RPC_OUTPUT_MAX again: how a sender of much data keeps pace with its reader.
 */
size_t rpc_conn_unsent(const struct rpc_conn *conn);
void rpc_conn_on_drain(struct rpc_conn *conn, void (*drained)(void *owner),
		       void *owner);
/* One per connection, for the daemon's own bookkeeping of it. */
void rpc_conn_set_data(struct rpc_conn *conn, void *data);
void *rpc_conn_data(const struct rpc_conn *conn);
/* Hang up after what is queued has been sent. */
void rpc_conn_end(struct rpc_conn *conn);
/*
 * Send a notification, already encoded: one line of JSON without its newline.
 * -ENOBUFS, and nothing sent, when more than RPC_OUTPUT_MAX would be unsent.
 */
int rpc_conn_send(struct rpc_conn *conn, const char *line, size_t len);

#endif
