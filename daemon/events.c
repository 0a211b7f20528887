/*
 * daemon/events.c - committed events to those who subscribed
 *
 * A subscriber either follows what is committed or catches up: then it reads old events
 * from the store, page by page, until it has all that were published, and follows from
 * there. Either way it gets each event once, in order; one that reads too slowly is
 * told so and disconnected.
 */
#include "daemon/events.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/client.h"
#include "schema/gen/api.h"

#define PAGE 500
/* More than this unsent, and the reader sets the pace. */
#define UNSENT_MAX (RPC_OUTPUT_MAX / 2)

static void lose(struct client *c)
{
	struct events_lost_params p = { .seq = c->sent };
	struct rpc_conn *conn = c->conn;

	c->subscribed = c->behind = false;
	notify_events_lost(conn, &p); /* may not fit; the end of the connection does */
	rpc_conn_end(conn);
}

/* False when the client was lost. */
static bool send_event(struct client *c, const struct event *ev)
{
	struct event_params p = { .event = *ev };

	if (ev->seq <= c->sent)
		return true;
	if ((!c->project || str_eq(c->project, ev->project)) &&
	    notify_event(c->conn, &p) < 0) {
		lose(c);
		return false;
	}
	c->sent = ev->seq;
	return true;
}

void events_publish(struct vxd *d, const struct event *events, size_t n)
{
	struct client *c, *next;

	if (n == 0)
		return;
	d->published = events[n - 1].seq;
	for (c = LIST_FIRST(&d->clients); c; c = next) {
		next = LIST_NEXT(c, entry);
		if (!c->subscribed || c->behind)
			continue;
		for (size_t i = 0; i < n && send_event(c, &events[i]); i++)
			;
	}
}

static void page_read(void *owner, const struct event *events, size_t n,
		      const struct err *e)
{
	struct client *c = owner;

	c->reading = false;
	if (c->closed) {
		client_free(c);
		return;
	}
	if (e) {
		log_err(e, "read old events for a client");
		lose(c);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (!send_event(c, &events[i]))
			return;
	c->behind = n > 0 && c->sent < c->d->published;
	if (!c->behind)
		c->sent = c->d->published;
	else if (rpc_conn_unsent(c->conn) < UNSENT_MAX)
		events_catch_up(c);
	else
		client_wait_for_drain(c);
}

void events_catch_up(struct client *c)
{
	c->behind = c->reading = true;
	store_read_events(c->d->store, c->sent, PAGE, page_read, c);
}

static int check_place(struct vxd *d, const struct events_subscribe_params *p,
		       struct err **e)
{
	uint64_t oldest = store_oldest_event(d->store);

	if (p->has_db_epoch && p->db_epoch != d->identity.db_epoch)
		err_set(e, ERR_LOST,
			"the database was rebuilt: its epoch is %llu, not %llu",
			(unsigned long long)d->identity.db_epoch,
			(unsigned long long)p->db_epoch);
	else if (p->has_after_seq && p->after_seq > d->published)
		err_set(e, ERR_LOST, "there is no event %llu yet: the newest is %llu",
			(unsigned long long)p->after_seq,
			(unsigned long long)d->published);
	else if (p->has_after_seq && oldest && p->after_seq + 1 < oldest)
		err_set(e, ERR_LOST, "events before %llu are no longer kept",
			(unsigned long long)oldest);
	else
		return 0;
	return err_hint(e, "subscribe anew, then list again");
}

int api_events_subscribe(struct call *call, const struct events_subscribe_params *p,
			 struct events_subscribe_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	struct client *c = client_of(d, call_conn(call));

	if (check_place(d, p, e) < 0)
		return -1;
	if (c->subscribed)
		return err_set(e, ERR_CONFLICT,
			       "this connection has subscribed to events already");
	c->subscribed = true;
	free(c->project);
	c->project = mem_strdup(p->project);
	c->sent = p->has_after_seq ? p->after_seq : d->published;
	out->db_epoch = d->identity.db_epoch;
	out->seq = d->published;
	if (c->sent < d->published)
		events_catch_up(c);
	return 0;
}
