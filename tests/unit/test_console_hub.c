/*
 * tests/unit/test_console_hub.c - a console and its readers, over connections that fail
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/client.h"
#include "daemon/console_hub.h"
#include "daemon/store_internal.h"
#include "schema/console_ring.h"

/* -- connections, in the place of rpc/conn.c */

struct rpc_conn {
	void *data;
	int rc;	    /* what sending gives */
	bool stuck; /* nothing of it leaves */
	size_t unsent, sent, ends;
	bool ended;
};

int rpc_conn_send(struct rpc_conn *c, const char *line, size_t len)
{
	c->sent++;
	if (c->rc < 0)
		return c->rc;
	if (c->stuck)
		c->unsent += len;
	if (strstr(line, "console.end"))
		c->ends++;
	return 0;
}

size_t rpc_conn_unsent(const struct rpc_conn *c)
{
	return c->unsent;
}

void rpc_conn_end(struct rpc_conn *c)
{
	c->ended = true;
}

void rpc_conn_on_drain(struct rpc_conn *c, void (*drained)(void *owner), void *owner)
{
}

void rpc_conn_set_data(struct rpc_conn *c, void *data)
{
	c->data = data;
}

void *rpc_conn_data(const struct rpc_conn *c)
{
	return c->data;
}

/* -- a store of which little is asked */

static size_t removals;

void store_commit(struct store *s, struct store_batch *b, store_commit_done *done,
		  void *owner)
{
	removals++;
	store_batch_free(b);
	done(owner, NULL, 0, NULL);
}

void store_read_events(struct store *s, uint64_t after_seq, size_t limit,
		       store_read_done *done, void *owner)
{
}

uint64_t store_oldest_event(const struct store *s)
{
	return 0;
}

/* -- a VM with a console */

struct rig {
	struct vxd d;
	struct managed_vm *vm;
	struct console_ring *ring; /* the writer's */
	int kick;		   /* the writer's */
	struct rpc_conn conns[2];
};

static struct rig *rig_new(bool ephemeral)
{
	struct rig *r = mem_new(struct rig);
	const struct vm_record rec = {
		.definition = { .project = (char *)(uintptr_t) "default",
				.name = (char *)(uintptr_t) "vm",
				.id = (char *)(uintptr_t) "id",
				.ephemeral = ephemeral },
	};
	int ring = fd_memfd_sealed("ring", CONSOLE_RING_BYTES);

	uv_loop_init(&r->d.loop);
	LIST_INIT(&r->d.clients);
	TAILQ_INIT(&r->d.unrecorded);
	r->d.vms.d = &r->d;
	r->vm = vm_set_add(&r->d.vms, &rec);
	r->kick = eventfd(0, EFD_CLOEXEC);
	r->ring = console_ring_map(ring, 1);
	r->vm->console = console_hub_new(&r->d, r->vm, ring, dup(r->kick), NULL);
	T_OK(r->ring && r->vm->console);
	removals = 0;
	return r;
}

static void turn(struct rig *r)
{
	for (int i = 0; i < 3; i++)
		uv_run(&r->d.loop, UV_RUN_NOWAIT);
}

static void rig_free(struct rig *r)
{
	for (size_t i = 0; i < COUNT(r->conns); i++)
		client_closed(&r->d, &r->conns[i]);
	vm_set_fini(&r->d.vms);
	uv_run(&r->d.loop, UV_RUN_DEFAULT);
	T_EQ(uv_loop_close(&r->d.loop), 0);
	console_ring_unmap(r->ring);
	close(r->kick);
	free(r);
}

static struct client *attach(struct rig *r, size_t i)
{
	struct client *c = client_of(&r->d, &r->conns[i]);

	T_EQ(console_hub_attach(r->vm->console, c, true, NULL), 0);
	return c;
}

static void print(struct rig *r, size_t len)
{
	autofree char *text = mem_alloc(len);
	uint64_t one = 1;

	memset(text, 'x', len);
	console_ring_write(r->ring, text, len);
	T_EQ(write(r->kick, &one, sizeof(one)), (intmax_t)sizeof(one));
}

static void what_is_printed_is_sent(void)
{
	struct rig *r = rig_new(false);

	print(r, 10);
	attach(r, 0);
	turn(r);
	T_EQ(r->conns[0].sent, 1);
	print(r, 70000);
	turn(r);
	T_EQ(r->conns[0].sent, 4);
	console_hub_end(r->vm->console, &(struct vm_end){ .reason = END_REASON_STOP });
	turn(r);
	T_EQ(r->conns[0].ends, 1);
	T_OK(!console_hub_is_read(r->vm->console));
	rig_free(r);
}

static void a_connection_that_takes_nothing_is_tried_once(void)
{
	struct rig *r = rig_new(false);

	r->conns[0].rc = -EPIPE;
	attach(r, 0);
	print(r, CONSOLE_RING_SIZE);
	turn(r);
	T_EQ(r->conns[0].sent, 2); /* by the kick and by the first turn */
	rig_free(r);
}

static void one_that_cannot_be_told_of_the_end_is_hung_up_on(void)
{
	struct rig *r = rig_new(false);

	r->conns[0].rc = -ENOBUFS;
	attach(r, 0);
	console_hub_free(steal(r->vm->console));
	T_OK(r->conns[0].ended);
	rig_free(r);
}

static void one_that_went_while_old_events_are_read_is_sent_nothing(void)
{
	struct rig *r = rig_new(false);
	struct client *c = attach(r, 0);

	c->reading = true;
	client_closed(&r->d, &r->conns[0]);
	T_OK(!console_hub_is_read(r->vm->console));
	print(r, 10);
	turn(r);
	T_EQ(r->conns[0].sent, 0);
	client_free(c); /* as the end of the reading does */
	rig_free(r);
}

static void one_that_reads_slowly_does_not_fill_memory(void)
{
	struct rig *r = rig_new(false);

	r->conns[0].stuck = true;
	attach(r, 0);
	for (int i = 0; i < 100; i++) {
		print(r, 100000);
		turn(r);
	}
	T_OK(r->conns[0].unsent < RPC_OUTPUT_MAX * 2 / 3);
	rig_free(r);
}

static void a_guest_that_prints_to_nobody_wakes_nobody(void)
{
	struct rig *r = rig_new(false);
	struct client *c = attach(r, 0);

	turn(r);
	T_OK(uv_loop_alive(&r->d.loop));
	T_OK(console_hub_detach(r->vm->console, c));
	turn(r);
	T_OK(!uv_loop_alive(&r->d.loop));
	attach(r, 0);
	print(r, 10);
	turn(r);
	T_EQ(r->conns[0].sent, 1);
	rig_free(r);
}

static void an_ephemeral_vm_waits_for_all_its_readers(void)
{
	struct rig *r = rig_new(true);

	r->conns[1].stuck = true;
	r->conns[1].unsent = RPC_OUTPUT_MAX / 2;
	attach(r, 0);
	attach(r, 1);
	print(r, 10);
	console_hub_end(r->vm->console, NULL);
	turn(r);
	T_EQ(r->conns[0].ends, 1);
	T_EQ(r->conns[1].ends, 0);
	T_EQ(removals, 0);
	r->conns[1].unsent = 0;
	attachment_pump(LIST_FIRST(&((struct client *)r->conns[1].data)->consoles));
	T_EQ(r->conns[1].ends, 1);
	turn(r);
	T_EQ(removals, 1);
	T_EQ(r->d.vms.n, 0);
	rig_free(r);
}

static void what_is_no_ring_or_no_eventfd_is_not_taken(void)
{
	struct rig *r = rig_new(false);
	autoptr(err) e = NULL;
	int fds[2];

	T_EQ(pipe(fds), 0);
	T_OK(!console_hub_new(&r->d, r->vm, fd_memfd_sealed("ring", CONSOLE_RING_BYTES),
			      fds[0], &e));
	T_HAS(e->message, "console");
	T_OK(!console_hub_new(&r->d, r->vm, fds[1], eventfd(0, EFD_CLOEXEC), NULL));
	T_OK(!console_hub_new(&r->d, r->vm,
			      fd_memfd_sealed("ring", CONSOLE_RING_BYTES + 1),
			      eventfd(0, EFD_CLOEXEC), NULL));
	rig_free(r);
}

static void the_last_end_counts(void)
{
	struct rig *r = rig_new(false);
	const struct vm_end end = { .reason = END_REASON_CRASH,
				    .detail = (char *)(uintptr_t) "why" };

	console_hub_end(r->vm->console, &end);
	console_hub_end(r->vm->console, &end);
	attach(r, 0);
	turn(r);
	T_EQ(r->conns[0].ends, 1);
	rig_free(r);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(what_is_printed_is_sent),
		T_CASE(a_connection_that_takes_nothing_is_tried_once),
		T_CASE(one_that_cannot_be_told_of_the_end_is_hung_up_on),
		T_CASE(one_that_went_while_old_events_are_read_is_sent_nothing),
		T_CASE(one_that_reads_slowly_does_not_fill_memory),
		T_CASE(a_guest_that_prints_to_nobody_wakes_nobody),
		T_CASE(an_ephemeral_vm_waits_for_all_its_readers),
		T_CASE(what_is_no_ring_or_no_eventfd_is_not_taken),
		T_CASE(the_last_end_counts),
	};

	return T_RUN(cases);
}
