/*
 * rpc/link.h - JSON-RPC both ways over a SEQPACKET channel, with descriptors
 *
 * What vxd and a worker speak. One side serves a method table, the other calls
 * through generated link_*() functions; notes go from the serving side. What a
 * worker sends is decoded leniently and believed in nothing.
 */
#ifndef VX_RPC_LINK_H
#define VX_RPC_LINK_H

#include <uv.h>

#include "base/channel.h"
#include "rpc/method.h"

#define LINK_CALLS_MAX 64 /* unanswered calls; more are refused at once */

struct link;

struct link_config {
	struct rpc_method_table table; /* served here; empty on vxd's side */
	void *app;		       /* borrowed */
	/* A note: method and parameters as JSON text, borrowed. */
	void (*note)(void *app, const char *method, const char *params);
	/* The peer is gone or broke the protocol. Calls under way have been failed.
	 * Close the link. `why` may be NULL for an orderly end. Borrowed. */
	void (*hangup)(void *app, const struct err *why);
};

/* Consumes `fd`. NULL and *e. */
struct link *link_new(uv_loop_t *loop, int fd, const struct link_config *config,
		      struct err **e) NODISCARD;
/* Calls under way fail with ERR_UNAVAILABLE first. NULL is allowed. */
void link_close(struct link *l);
int link_fd(const struct link *l);

/* As generated stubs use them. `done` runs exactly once, also on hangup, unless
 * the call itself returned -1. `result` borrowed, `fds` taken by setting -1. */
typedef void link_done(void *owner, const struct json_t *result, int *fds, size_t n_fds,
		       struct err *e);
int link_call(struct link *l, const char *method, struct json_t *params,
	      link_done *done, void *owner, int timeout_ms, struct err **e);
int link_note(struct link *l, const char *method, struct json_t *params);

#endif
