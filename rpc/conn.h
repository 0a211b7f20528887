/*
 * rpc/conn.h - the server's insides, shared by server.c, conn.c and exchange.c
 *
 * For rpc/ alone: users see rpc/server.h.
 */
#ifndef VX_RPC_CONN_H
#define VX_RPC_CONN_H

#include "base/str.h"
#include "rpc/call.h"
#include "rpc/server.h"

/* Above this many unsent bytes no more requests are read. */
#define CONN_OUTPUT_PAUSE (RPC_OUTPUT_MAX / 2)
/* All answers of one line together, so that they, and what is said in the place of
 * those that exceed it, fit whenever requests are read. */
#define CONN_ANSWER_MAX (RPC_OUTPUT_MAX / 2 - RPC_BATCH_MAX * 1024)

struct listener;

struct rpc_server {
	uv_loop_t *loop;		 /* borrowed */
	struct rpc_server_config config; /* its pointers are borrowed */
	struct listener *listeners;	 /* owned list */
	struct rpc_conn *conns;		 /* owned list */
	size_t n_conns;
	uv_timer_t retry;    /* when descriptors were short */
	size_t open_handles; /* connections count as one each */
	bool closing;
	void (*closed)(void *app); /* may be NULL */
};

struct rpc_conn {
	uv_poll_t poll;
	uv_idle_t soon;	     /* started: one more turn, whatever the socket says */
	uv_timer_t patience; /* with a peer that does not read its last lines */
	unsigned int open_handles;
	int watched;		   /* what `poll` waits for */
	int fd;			   /* owned */
	struct rpc_server *server; /* borrowed: outlives its connections */
	struct rpc_conn *next;
	struct rpc_conn **link;
	struct rpc_peer peer;

	struct str in;
	size_t in_done;	   /* bytes of `in` that were handled */
	size_t in_scanned; /* bytes of `in` known to have no newline behind in_done */
	struct str out;
	size_t out_done; /* bytes of `out` that were sent */

	struct call *calls; /* under way: running or held */
	size_t n_calls;
	void *data; /* the daemon's */
	void (*drained)(void *owner);
	void *drained_owner;
	bool drain_due;

	bool at_eof;  /* the peer sends no more */
	bool gone;    /* and this one reads no more: output is thrown away */
	bool blocked; /* the socket takes nothing for now */
	bool ending;  /* no more requests are taken */
	bool discard; /* read on and throw away, so that the last line arrives */
	bool shut;    /* all was sent and the peer told so */
	bool broken;  /* to be closed at the next turn */
	bool in_turn;
	bool closing;
};

/* Serve `fd`, connected and non-blocking. Consumes it. 0 or -errno. */
int conn_open(struct rpc_server *s, int fd) NODISCARD;
/* Queue a line. One that does not fit breaks the connection: its peer reads nothing. */
void conn_answer(struct rpc_conn *c, const struct str *line);
/* Have the loop look at it again. Safe from anywhere. */
void conn_wake(struct rpc_conn *c);

/* Run what one line asks for; the answer goes by conn_answer(), now or later. */
void exchange_line(struct rpc_conn *c, const char *line, size_t len);
/* Answer a line that could not be read. Consumes `e`. */
void exchange_refuse(struct rpc_conn *c, struct err *e);
/* The connection closes: forget what is under way. */
void exchange_orphan_all(struct rpc_conn *c);

/* A connection is off the list, its descriptor about to be closed. */
void server_conn_gone(struct rpc_server *s);
/* One of the handles that `open_handles` counts has closed. */
void server_handle_closed(struct rpc_server *s);

#endif
