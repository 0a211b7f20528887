/*
 * daemon/store_batch.c - changes and requests, as they wait
 *
 * Records become JSON when they are put in, on the loop: what the caller changes
 * later is not in the batch, and the thread shares nothing with the model. Events
 * stay structs until the thread has numbered them.
 */
#include "base/mem.h"
#include "daemon/store_internal.h"

void store_content_fini(struct store_content *c)
{
	database_identity_fini(&c->identity);
	for (size_t i = 0; i < c->n_vms; i++)
		vm_record_fini(&c->vms[i]);
	free(c->vms);
	*c = (struct store_content){ 0 };
}

struct store_batch *store_batch_new(void)
{
	return mem_new(struct store_batch);
}

static void free_events(struct event *events, size_t n)
{
	for (size_t i = 0; i < n; i++)
		event_fini(&events[i]);
	free(events);
}

void store_batch_free(struct store_batch *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_ops; i++) {
		free(b->ops[i].id);
		free(b->ops[i].name);
		free(b->ops[i].text);
	}
	free(b->ops);
	free_events(b->events, b->n_events);
	free(b);
}

static struct store_op *add_op(struct store_batch *b, enum store_op_kind kind)
{
	if (b->n_ops == b->ops_room) {
		b->ops_room = b->ops_room ? 2 * b->ops_room : 4;
		b->ops = mem_grow(b->ops, b->ops_room, sizeof(*b->ops));
	}
	b->ops[b->n_ops] = (struct store_op){ .kind = kind };
	return &b->ops[b->n_ops++];
}

void store_batch_put_vm(struct store_batch *b, const struct vm_record *vm)
{
	struct store_op *op = add_op(b, STORE_OP_PUT);

	op->id = mem_strdup(vm->definition.id);
	op->name = mem_strdup(vm->definition.name);
	op->text = vm_record_format(vm);
}

void store_batch_delete_vm(struct store_batch *b, const char *id)
{
	add_op(b, STORE_OP_DELETE)->id = mem_strdup(id);
}

void store_batch_audit(struct store_batch *b, const struct audit_record *a)
{
	struct store_op *op = add_op(b, STORE_OP_AUDIT);

	op->time_us = a->time_us;
	op->text = audit_record_format(a);
}

void store_batch_event(struct store_batch *b, const struct event *ev)
{
	if (b->n_events == b->events_room) {
		b->events_room = b->events_room ? 2 * b->events_room : 4;
		b->events = mem_grow(b->events, b->events_room, sizeof(*b->events));
	}
	event_copy(ev, &b->events[b->n_events++]);
}

void store_request_free(struct store_request *r)
{
	if (!r)
		return;
	store_batch_free(r->batch);
	free_events(r->events, r->n_events);
	err_free(r->e);
	free(r);
}

void store_queue_push(struct store_queue *q, struct store_request *r)
{
	r->next = NULL;
	if (q->last)
		q->last->next = r;
	else
		q->head = r;
	q->last = r;
}

struct store_request *store_queue_pop(struct store_queue *q)
{
	struct store_request *r = q->head;

	if (!r)
		return NULL;
	q->head = r->next;
	if (!q->head)
		q->last = NULL;
	r->next = NULL;
	return r;
}

void store_queue_append(struct store_queue *to, struct store_queue *from)
{
	if (!from->head)
		return;
	if (to->last)
		to->last->next = from->head;
	else
		to->head = from->head;
	to->last = from->last;
	*from = (struct store_queue){ 0 };
}
