/*
 * daemon/change.c - changes on their way to disk
 */
#include "daemon/change.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/events.h"
#include "daemon/spawn.h"

#define RETRY_MS 1000
#define RETRY_FACTS 256 /* in one commit */
#define DETAIL_MAX 1024 /* bytes, as the schema has it */

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
	uint64_t serial;
	char *id;	   /* owned */
	struct event ev;   /* owned */
	struct call *call; /* NULL once it was answered */
	uint64_t ended;	   /* number of the instance whose end it is, or 0 */
	bool failed;	   /* a commit of it did */
	bool trying;	   /* it waits in the list, and is being committed again */
	TAILQ_ENTRY(unrecorded) entry;
};

static void unrecorded_free(struct unrecorded *u)
{
	free(u->id);
	event_fini(&u->ev);
	free(u);
}

static void answer(struct unrecorded *u, const struct err *e)
{
	struct err *told = e ? err_dup(e) : NULL;

	u->failed = e != NULL;
	if (told)
		err_wrap(&told, "it was done, but could not be recorded yet");
	if (u->call)
		call_release(u->call, told);
	else
		err_free(told);
	u->call = NULL;
}

/* Consumes `u`. */
static void recorded(struct unrecorded *u)
{
	answer(u, NULL);
	/* Not before: its keeper's record is all that tells of the end. */
	if (u->ended)
		instance_dir_remove(u->d, u->id, u->ended);
	unrecorded_free(u);
}

static void wait_in_order(struct unrecorded *u)
{
	struct unrecorded *before = TAILQ_LAST(&u->d->unrecorded, unrecorded_list);

	while (before && before->serial > u->serial)
		before = TAILQ_PREV(before, unrecorded_list, entry);
	if (before)
		TAILQ_INSERT_AFTER(&u->d->unrecorded, before, u, entry);
	else
		TAILQ_INSERT_HEAD(&u->d->unrecorded, u, entry);
}

static void add_to(struct store_batch *batch, const struct unrecorded *u)
{
	const struct managed_vm *vm = vm_by_id(&u->d->vms, u->id);

	if (vm)
		store_batch_put_vm(batch, &vm->rec);
	store_batch_event(batch, &u->ev);
}

static void fact_committed(void *owner, struct event *events, size_t n,
			   const struct err *e)
{
	struct unrecorded *u = owner;
	struct vxd *d = u->d;

	if (!e) {
		events_publish(d, events, n);
		recorded(u);
		return;
	}
	answer(u, e);
	if (TAILQ_EMPTY(&d->unrecorded)) {
		log_err(e, "record what happened to VM %s; trying again", u->ev.name);
		timer_set(d->retry, RETRY_MS);
	}
	wait_in_order(u);
}

static void fact_commit(struct unrecorded *u)
{
	struct store_batch *batch = store_batch_new();

	add_to(batch, u);
	store_commit(u->d->store, batch, fact_committed, u);
}

/* The store refuses for ever what it takes for damage: nothing may wait behind that. */
static bool is_hopeless(const struct err *e)
{
	return e->code == ERR_INTERNAL || e->code == ERR_ALREADY_EXISTS;
}

/* Not this one any more: its keeper's record stays for the next vxd. */
static void give_up(struct unrecorded *u, const struct err *e)
{
	log_err(e, "what happened to VM %s is not recorded", u->ev.name);
	u->ended = 0;
	recorded(u);
}

static void retried(void *owner, struct event *events, size_t n, const struct err *e)
{
	struct vxd *d = owner;
	size_t tried = d->trying;
	struct unrecorded *u, *next;

	d->trying = 0;
	d->try_one = e && is_hopeless(e) && tried > 1;
	if (!e)
		events_publish(d, events, n);
	for (u = TAILQ_FIRST(&d->unrecorded); u; u = next) {
		next = TAILQ_NEXT(u, entry);
		if (!u->trying)
			continue;
		u->trying = false;
		if (e && (tried > 1 || !is_hopeless(e))) {
			answer(u, e);
			continue;
		}
		TAILQ_REMOVE(&d->unrecorded, u, entry);
		if (e)
			give_up(u, e);
		else
			recorded(u);
	}
	if (!TAILQ_EMPTY(&d->unrecorded))
		timer_set(d->retry, e ? RETRY_MS : 0);
}

/* The oldest ones, in one commit: none is overtaken by what happened later. */
static void retry(void *owner)
{
	struct vxd *d = owner;
	size_t most = d->try_one ? 1 : RETRY_FACTS;
	struct store_batch *batch = store_batch_new();
	struct unrecorded *u;

	TAILQ_FOREACH(u, &d->unrecorded, entry)
	{
		const struct managed_vm *vm = vm_by_id(&d->vms, u->id);

		/* One whose record may have to be taken back must wait. */
		if (d->trying == most || (vm && vm->changing))
			break;
		add_to(batch, u);
		u->trying = true;
		d->trying++;
	}
	if (d->trying) {
		store_commit(d->store, batch, retried, d);
		return;
	}
	store_batch_free(batch);
	if (!TAILQ_EMPTY(&d->unrecorded))
		timer_set(d->retry, RETRY_MS);
}

void fact_record(struct vxd *d, const struct managed_vm *vm, const struct event *ev,
		 struct call *call)
{
	struct unrecorded *u = mem_new(struct unrecorded);
	const struct instance_record *in = vm->rec.instance;

	if (!d->retry)
		d->retry = timer_new(&d->loop, retry, d);
	u->d = d;
	u->serial = ++d->facts;
	u->id = mem_strdup(vm_id(vm));
	u->call = call;
	u->ended = in && in->end ? in->number : 0;
	event_copy(ev, &u->ev);
	str_tame(u->ev.detail, DETAIL_MAX, "");
	if (call)
		call_hold(call);
	/* A record that may have to be taken back must not get on disk with a fact. */
	if (TAILQ_EMPTY(&d->unrecorded) && !vm->changing) {
		fact_commit(u);
		return;
	}
	if (TAILQ_EMPTY(&d->unrecorded))
		timer_set(d->retry, RETRY_MS); /* the end of the change is sooner */
	wait_in_order(u);
}

static const struct unrecorded *first_waiting(const struct managed_vm *vm)
{
	const struct unrecorded *u = TAILQ_FIRST(&vm->d->unrecorded);

	while (u && !str_eq(u->id, vm_id(vm)))
		u = TAILQ_NEXT(u, entry);
	return u;
}

bool facts_wait(const struct managed_vm *vm)
{
	return first_waiting(vm) != NULL;
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
		if (u->call)
			call_release(u->call, NULL);
		unrecorded_free(u);
	}
	timer_free(d->retry);
}

static int changing(const struct managed_vm *vm, struct err **e)
{
	err_set(e, ERR_CONFLICT, "VM \"%s\" is being changed by another call",
		vm_name(vm));
	err_object(e, vm_name(vm));
	return err_hint(e, "try again");
}

int change_allowed(const struct managed_vm *vm, struct err **e)
{
	return vm->changing ? changing(vm, e) : 0;
}

int wish_allowed(const struct managed_vm *vm, struct err **e)
{
	const struct unrecorded *u = first_waiting(vm);

	if (!u)
		return change_allowed(vm, e);
	if (!u->failed) /* it waited for the end of a change */
		return changing(vm, e);
	err_set(e, ERR_UNAVAILABLE,
		"what happened to VM \"%s\" could not be recorded yet", vm_name(vm));
	err_object(e, vm_name(vm));
	return err_hint(e, "try again; is the disk full? vxd's log says more");
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
		if (w->refused)
			w->refused(w, vm);
	} else {
		events_publish(w->d, events, n);
		if (w->granted)
			w->granted(w, vm);
	}
	if (!TAILQ_EMPTY(&w->d->unrecorded) && !w->d->trying)
		timer_set(w->d->retry, e ? RETRY_MS : 0);
	if (w->call)
		call_release(w->call, e ? err_dup(e) : NULL);
	else if (e)
		log_err(e, "VM %s: what vxd itself wanted", w->id);
	wish_free(w);
}

struct wish *wish_new(struct vxd *d, struct call *call)
{
	struct wish *w = mem_new(struct wish);

	w->d = d;
	w->call = call;
	return w;
}

static void audit_call(const struct wish *w, const struct managed_vm *vm,
		       struct store_batch *batch, const char *method)
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
}

void wish_commit(struct wish *w, struct managed_vm *vm, struct store_batch *batch,
		 const char *method)
{
	w->id = mem_strdup(vm_id(vm));
	vm->changing = true;
	if (w->call) {
		audit_call(w, vm, batch, method);
		call_hold(w->call);
	}
	store_commit(w->d->store, batch, wish_committed, w);
}

static void delete_granted(struct wish *w, struct managed_vm *vm)
{
	vm_set_remove(&w->d->vms, vm);
}

void wish_delete(struct wish *w, struct managed_vm *vm, const struct cause *why)
{
	struct store_batch *batch = store_batch_new();
	struct event ev = event_about(vm, EVENT_TYPE_DELETED, why);

	w->granted = delete_granted;
	store_batch_delete_vm(batch, vm_id(vm));
	store_batch_event(batch, &ev);
	wish_commit(w, vm, batch, "vm.delete");
}
