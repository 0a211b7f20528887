/*
 * daemon/change.c - changes on their way to disk
 */
#include "daemon/change.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "daemon/events.h"
#include "daemon/spawn.h"

#define RETRY_MS 1000

struct event event_about(const struct managed_vm *vm, enum event_type type,
			 const struct cause *why)
{
	const struct vm_definition *d = &vm->rec.definition;

	return (struct event){
		.time_us = clock_wall_us(),
		.project = d->project,
		.kind = OBJECT_KIND_VM,
		.id = d->id,
		.name = d->name,
		.revision = d->revision,
		.type = type,
		.has_state = type == EVENT_TYPE_STATE,
		.state = vm->state,
		.reason = why->reason,
		.detail = (char *)why->detail,
		.actor = (char *)why->actor,
		.request_id = (char *)why->request_id,
	};
}

/* A fact whose commit is under way, or has failed. */
struct unrecorded {
	struct vxd *d;
	char *id;	   /* owned */
	struct event ev;   /* owned */
	struct call *call; /* NULL once it was answered */
	TAILQ_ENTRY(unrecorded) entry;
};

static void unrecorded_free(struct unrecorded *u)
{
	free(u->id);
	event_fini(&u->ev);
	free(u);
}

static void fact_commit(struct unrecorded *u);

static void answer(struct unrecorded *u, const struct err *e)
{
	struct err *told = e ? err_dup(e) : NULL;

	if (told)
		err_wrap(&told, "it was done, but could not be recorded yet");
	if (u->call)
		call_release(u->call, told);
	else
		err_free(told);
	u->call = NULL;
}

static void fact_committed(void *owner, struct event *events, size_t n,
			   const struct err *e)
{
	struct unrecorded *u = owner;
	struct vxd *d = u->d;

	answer(u, e);
	if (!e) {
		events_publish(d, events, n);
		unrecorded_free(u);
		return;
	}
	if (TAILQ_EMPTY(&d->unrecorded)) {
		log_err(e, "record what happened to VM %s; trying again", u->ev.name);
		timer_set(d->retry, RETRY_MS);
	}
	TAILQ_INSERT_TAIL(&d->unrecorded, u, entry);
}

static void fact_commit(struct unrecorded *u)
{
	struct store_batch *batch = store_batch_new();
	const struct managed_vm *vm = vm_by_id(&u->d->vms, u->id);

	if (vm)
		store_batch_put_vm(batch, &vm->rec);
	store_batch_event(batch, &u->ev);
	store_commit(u->d->store, batch, fact_committed, u);
}

static void retry(void *owner)
{
	struct vxd *d = owner;
	TAILQ_HEAD(, unrecorded) again = TAILQ_HEAD_INITIALIZER(again);
	struct unrecorded *u;

	TAILQ_CONCAT(&again, &d->unrecorded, entry);
	while ((u = TAILQ_FIRST(&again))) {
		TAILQ_REMOVE(&again, u, entry);
		fact_commit(u);
	}
}

void fact_record(struct vxd *d, const struct managed_vm *vm, const struct event *ev,
		 struct call *call)
{
	struct unrecorded *u = mem_new(struct unrecorded);

	if (!d->retry) {
		d->retry = timer_new(&d->loop, retry, d);
	}
	u->d = d;
	u->id = mem_strdup(vm_id(vm));
	u->call = call;
	event_copy(ev, &u->ev);
	if (call)
		call_hold(call);
	fact_commit(u);
}

bool fact_state(struct vxd *d, struct managed_vm *vm, enum vm_input in,
		const struct cause *why, struct call *call)
{
	struct event ev;

	if (!vm_state_after(vm->state, in, &vm->state))
		return false;
	vm->since_us = clock_wall_us();
	ev = event_about(vm, EVENT_TYPE_STATE, why);
	fact_record(d, vm, &ev, call);
	return true;
}

void facts_fini(struct vxd *d)
{
	struct unrecorded *u;

	while ((u = TAILQ_FIRST(&d->unrecorded))) {
		TAILQ_REMOVE(&d->unrecorded, u, entry);
		unrecorded_free(u);
	}
	timer_free(d->retry);
}

int wish_allowed(const struct managed_vm *vm, struct err **e)
{
	if (!vm->changing)
		return 0;
	err_set(e, ERR_CONFLICT, "VM \"%s\" is being changed by another call",
		vm_name(vm));
	err_object(e, vm_name(vm));
	return err_hint(e, "try again");
}

static void wish_free(struct wish *w)
{
	boot_files_free(w->files);
	vm_record_fini(&w->before);
	free(w->id);
	free(w);
}

static void wish_committed(void *owner, struct event *events, size_t n,
			   const struct err *e)
{
	struct wish *w = owner;
	struct managed_vm *vm = vm_by_id(&w->d->vms, w->id);

	vm->changing = false;
	if (e) {
		w->refused(w, vm);
	} else {
		events_publish(w->d, events, n);
		if (w->granted)
			w->granted(w, vm);
	}
	call_release(w->call, e ? err_dup(e) : NULL);
	wish_free(w);
}

void wish_commit(struct wish *w, struct managed_vm *vm, struct store_batch *batch,
		 const char *method)
{
	const struct audit_record audit = {
		.time_us = clock_wall_us(),
		.actor = (char *)call_actor(w->call),
		.method = (char *)method,
		.id = vm->rec.definition.id,
		.name = vm->rec.definition.name,
		.request_id = (char *)call_request_id(w->call),
	};

	store_batch_audit(batch, &audit);
	w->id = mem_strdup(vm_id(vm));
	vm->changing = true;
	call_hold(w->call);
	store_commit(w->d->store, batch, wish_committed, w);
}
