/*
 * daemon/client.c - what vxd remembers of a connection
 */
#include "daemon/client.h"

#include "base/mem.h"
#include "daemon/console_hub.h"
#include "daemon/events.h"

struct client *client_of(struct vxd *d, struct rpc_conn *conn)
{
	struct client *c = rpc_conn_data(conn);

	if (c)
		return c;
	c = mem_new(struct client);
	c->d = d;
	c->conn = conn;
	LIST_INIT(&c->consoles);
	LIST_INSERT_HEAD(&d->clients, c, entry);
	rpc_conn_set_data(conn, c);
	return c;
}

static void forget_consoles(struct client *c)
{
	while (!LIST_EMPTY(&c->consoles))
		attachment_free(LIST_FIRST(&c->consoles));
}

void client_free(struct client *c)
{
	forget_consoles(c);
	free(c->project);
	free(c);
}

void client_closed(void *app, struct rpc_conn *conn)
{
	struct client *c = rpc_conn_data(conn);

	if (!c)
		return;
	rpc_conn_set_data(conn, NULL);
	LIST_REMOVE(c, entry);
	/* At once, even if it must stay for a while: consoles go on printing. */
	forget_consoles(c);
	c->conn = NULL;
	c->closed = true;
	if (!c->reading)
		client_free(c);
}

static void drained(void *owner)
{
	struct client *c = owner;
	struct attachment *a, *next;

	for (a = LIST_FIRST(&c->consoles); a; a = next) {
		next = attachment_next(a);
		attachment_pump(a);
	}
	if (c->behind && !c->reading)
		events_catch_up(c);
}

void client_wait_for_drain(struct client *c)
{
	rpc_conn_on_drain(c->conn, drained, c);
}
