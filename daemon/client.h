/*
 * daemon/client.h - what vxd remembers of a connection: consoles and events it follows
 */
#ifndef VX_DAEMON_CLIENT_H
#define VX_DAEMON_CLIENT_H

#include <stdbool.h>
#include <sys/queue.h>

#include "daemon/vxd.h"

struct attachment;

struct client {
	struct vxd *d;
	struct rpc_conn *conn;
	LIST_ENTRY(client) entry;
	LIST_HEAD(, attachment) consoles;
	/* Events. */
	bool subscribed;
	bool behind;   /* gets old ones from the store first */
	bool reading;  /* ... of which a page is being read */
	bool closed;   /* gone while reading: freed at its end */
	char *project; /* owned; NULL: all */
	uint64_t sent; /* number of the last event that was sent or left out */
};

/* The client of a connection, made when it is asked for first. */
struct client *client_of(struct vxd *d, struct rpc_conn *conn);
/* For the server's conn_closed. */
void client_closed(void *app, struct rpc_conn *conn);
/* Go on with its consoles once the connection has sent half of what waits. */
void client_wait_for_drain(struct client *c);
/* Free what remains when vxd ends. */
void client_free(struct client *c);

#endif
