/*
 * daemon/console_hub.c - one instance's console output, for whoever reads it
 */
#include "daemon/console_hub.h"

#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "daemon/client.h"
#include "daemon/ephemeral.h"
#include "schema/console_ring.h"
#include "schema/gen/api.h"

#define CHUNK (32 * 1024)
/* More than this unsent, and the client's reading sets the pace. */
#define UNSENT_MAX (RPC_OUTPUT_MAX / 2)

struct attachment {
	struct console_hub *hub;
	struct client *client;
	uint64_t pos, lost; /* overwritten before it was read, and not told yet */
	LIST_ENTRY(attachment) in_hub, in_client;
};

struct console_hub {
	struct vxd *d;
	struct managed_vm *vm;	   /* borrowed: it owns us */
	int kick_fd;		   /* owned */
	struct console_ring *ring; /* owned mapping, NULL: nothing to read */
	struct fd_watch *kick;	   /* while anybody is attached */
	struct timer *begin;	   /* new attachments start with the next turn */
	bool ended;
	struct vm_end *end; /* owned, may be NULL */
	LIST_HEAD(, attachment) attached;
};

struct attachment *attachment_next(const struct attachment *a)
{
	return LIST_NEXT(a, in_client);
}

void attachment_free(struct attachment *a)
{
	struct console_hub *h = a->hub;

	LIST_REMOVE(a, in_hub);
	LIST_REMOVE(a, in_client);
	free(a);
	/* A guest that prints to nobody does not wake the loop. */
	if (LIST_EMPTY(&h->attached))
		fd_watch_free(steal(h->kick));
}

static void send_end(struct attachment *a)
{
	struct console_hub *h = a->hub;
	struct console_end_params p = { .id = h->vm->rec.definition.id, .end = h->end };

	/* One that cannot be told must not wait for it either. */
	if (notify_console_end(a->client->conn, &p) < 0)
		rpc_conn_end(a->client->conn);
	attachment_free(a);
}

/* Send one piece: false when there is none, or nobody to send it to any more. */
static bool send_output(struct attachment *a)
{
	struct console_hub *h = a->hub;
	uint8_t chunk[CHUNK];
	uint64_t lost = 0;
	size_t n = h->ring ? console_ring_read(h->ring, &a->pos, chunk, sizeof(chunk),
					       &lost)
			   : 0;

	a->lost += lost;
	if (n == 0 && lost) /* overtaken: again, but let the loop go round */
		timer_set(h->begin, 0);
	if (n == 0)
		return false;
	autofree char *data = base64_encode(chunk, n);
	struct console_output_params p = { .id = h->vm->rec.definition.id,
					   .offset = a->pos - n,
					   .lost = a->lost,
					   .data = data };

	a->lost = 0;
	return notify_console_output(a->client->conn, &p) == 0;
}

void attachment_pump(struct attachment *a)
{
	struct console_hub *h = a->hub;

	do {
		if (rpc_conn_unsent(a->client->conn) >= UNSENT_MAX) {
			client_wait_for_drain(a->client);
			return;
		}
	} while (send_output(a));
	if (h->ended) {
		send_end(a);
		if (h->vm->rec.definition.ephemeral && !console_hub_is_read(h))
			ephemeral_read(h->vm);
	}
}

static void pump_all(void *owner)
{
	struct console_hub *h = owner;
	struct attachment *a, *next;

	for (a = LIST_FIRST(&h->attached); a; a = next) {
		next = LIST_NEXT(a, in_hub);
		attachment_pump(a);
	}
}

static void kicked(void *owner)
{
	struct console_hub *h = owner;

	fd_eventfd_clear(h->kick_fd);
	pump_all(h);
}

struct console_hub *console_hub_new(struct vxd *d, struct managed_vm *vm, int ring_fd,
				    int kick_fd, struct err **e)
{
	struct console_hub *h = mem_new(struct console_hub);
	autofd int ring UNUSED = ring_fd; /* its mapping is enough */

	*h = (struct console_hub){
		.d = d, .vm = vm, .kick_fd = kick_fd, .ended = ring_fd < 0
	};
	LIST_INIT(&h->attached);
	h->begin = timer_new(&d->loop, pump_all, h);
	if (ring_fd < 0)
		return h;
	h->ring = console_ring_map(ring_fd, 0);
	if (h->ring && fd_is_eventfd(kick_fd))
		return h;
	err_sys(e, h->ring ? EINVAL : errno, "take the console");
	console_hub_free(h);
	return NULL;
}

static void forget_end(struct console_hub *h)
{
	if (h->end)
		vm_end_fini(h->end);
	free(steal(h->end));
}

void console_hub_free(struct console_hub *h)
{
	if (!h)
		return;
	while (!LIST_EMPTY(&h->attached))
		send_end(LIST_FIRST(&h->attached));
	fd_watch_free(h->kick);
	timer_free(h->begin);
	console_ring_unmap(h->ring);
	cleanup_close(&h->kick_fd);
	forget_end(h);
	free(h);
}

void console_hub_end(struct console_hub *h, const struct vm_end *end)
{
	h->ended = true;
	forget_end(h);
	if (end) {
		h->end = mem_new(struct vm_end);
		vm_end_copy(end, h->end);
	}
	/* With the next turn: whoever calls this may be about to free us. */
	timer_set(h->begin, 0);
}

bool console_hub_detach(struct console_hub *h, const struct client *c)
{
	struct attachment *a;

	LIST_FOREACH(a, &h->attached, in_hub)
	{
		if (a->client == c) {
			attachment_free(a);
			return true;
		}
	}
	return false;
}

bool console_hub_is_read(const struct console_hub *h)
{
	return !LIST_EMPTY(&h->attached);
}

int console_hub_attach(struct console_hub *h, struct client *c, bool history,
		       struct err **e)
{
	struct attachment *a;

	console_hub_detach(h, c);
	if (h->ring && !h->kick)
		h->kick = fd_watch_new(&h->d->loop, h->kick_fd, kicked, h);
	if (h->ring && !h->kick)
		return err_set(e, ERR_NO_CAPACITY, "the loop cannot watch a console");
	a = mem_new(struct attachment);
	a->hub = h;
	a->client = c;
	if (h->ring && !history)
		a->pos = atomic_load(&h->ring->head);
	LIST_INSERT_HEAD(&h->attached, a, in_hub);
	LIST_INSERT_HEAD(&c->consoles, a, in_client);
	timer_set(h->begin, 0);
	return 0;
}
