/*
 * daemon/api_vm.c - the methods vm.*
 *
 * A handler changes the model, fills its answer and hands the change to the store; the
 * answer leaves when it is on disk (docs/decisions/0003).
 */
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/change.h"
#include "daemon/definition.h"
#include "daemon/instance.h"
#include "daemon/restart.h"
#include "daemon/start.h"
#include "schema/gen/api.h"

#define SCHEMA_VERSION 1

int api_vm_start(struct call *call, const struct vm_start_params *p,
		 struct vm_start_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	struct managed_vm *vm = vm_find(&d->vms, p->project, p->vm, e);

	if (!vm || vm_start(d, vm, call, e) < 0)
		return -1;
	restart_cancel(vm);
	vm_describe(vm, &out->vm);
	return 0;
}

/* -- create */

/* FNV-1a over the spec as we write it: tells a repetition from a different call. */
static char *hash_of(const struct vm_create_params *p)
{
	autofree char *text = vm_create_params_format(p);
	uint64_t hash = 0xcbf29ce484222325ull;

	for (const char *c = text; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3ull;
	return mem_printf("%016llx", (unsigned long long)hash);
}

static struct managed_vm *vm_by_key(const struct vxd *d, const char *project,
				    const char *key)
{
	for (size_t i = 0; i < d->vms.n; i++) {
		struct managed_vm *vm = d->vms.by_name[i];

		if (vm->rec.idempotency_key && str_eq(vm->rec.idempotency_key, key) &&
		    str_eq(vm->rec.definition.project, project))
			return vm;
	}
	return NULL;
}

/* A call with this key came before: its VM, or why this is another call. */
static int answer_again(const struct managed_vm *vm, const char *hash,
			struct vm_create_result *out, struct err **e)
{
	if (!str_eq(vm->rec.request_hash, hash)) {
		err_set(e, ERR_CONFLICT,
			"the idempotency key was used for another VM, \"%s\"",
			vm_name(vm));
		err_object(e, vm_name(vm));
		return err_hint(e, "take a new key for a new VM");
	}
	if (change_allowed(vm, e) < 0)
		return -1;
	vm_describe(vm, &out->vm);
	return 0;
}

/* The definition that vxd makes of a specification. */
static void resolve(struct vxd *d, const struct vm_create_params *p,
		    struct vm_definition *out)
{
	const struct vm_spec *s = &p->vm;
	char id[UUID_TEXT], uuid[UUID_TEXT];
	autofini(vm_spec) copy = { 0 };

	uuid_v7(id);
	uuid_v4(uuid);
	vm_spec_copy(s, &copy);
	*out = (struct vm_definition){
		.schema_version = SCHEMA_VERSION,
		.id = mem_strdup(id),
		.project = mem_strdup(p->project),
		/* The random end of the id: unique enough, and checked by the store. */
		.name = copy.name ? steal(copy.name) : mem_printf("vm-%s", id + 24),
		.labels = steal(copy.labels),
		.n_labels = copy.n_labels,
		.revision = 1,
		.created_us = clock_wall_us(),
		.protect = s->protect,
		.machine = s->machine,
		.uuid = mem_strdup(uuid),
		.cpus = s->cpus,
		.memory = s->memory,
		.boot = copy.boot,
		.debug_exit = s->debug_exit,
		.on_reboot = s->on_reboot,
		.ephemeral = s->ephemeral,
		.restart = s->restart,
		.autostart = s->autostart,
	};
	out->updated_us = out->created_us;
	copy.n_labels = 0;
	copy.boot = (struct boot){ 0 };
}

static void create_refused(struct wish *w, struct managed_vm *vm)
{
	vm_set_remove(&w->d->vms, vm);
}

static void commit_create(struct vxd *d, struct call *call, struct managed_vm *vm,
			  struct boot_files *files)
{
	const struct cause why = cause_of(call);
	struct store_batch *batch = store_batch_new();
	struct wish *w = wish_new(d, call);
	struct event ev = event_about(vm, EVENT_TYPE_CREATED, &why);

	w->refused = create_refused;
	store_batch_event(batch, &ev);
	if (files) {
		w->files = files;
		w->granted = start_granted;
		start_prepare(d, vm);
		ev = event_about(vm, EVENT_TYPE_STATE, &why);
		store_batch_event(batch, &ev);
	}
	store_batch_put_vm(batch, &vm->rec);
	wish_commit(w, vm, batch, "vm.create");
}

int api_vm_create(struct call *call, const struct vm_create_params *p,
		  struct vm_create_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	autofree char *hash = p->idempotency_key ? hash_of(p) : NULL;
	const struct managed_vm *before =
		hash ? vm_by_key(d, p->project, p->idempotency_key) : NULL;
	autofini(vm_record) rec = { .desired = DESIRED_STATE_STOPPED };
	struct boot_files *files = NULL;
	struct managed_vm *vm;

	if (before)
		return answer_again(before, hash, out, e);
	if (p->vm.name && definition_check_name(d, p->project, p->vm.name, e) < 0)
		return -1;
	resolve(d, p, &rec.definition);
	if (definition_check(&rec.definition, "vm", e) < 0 ||
	    admit_some_day(&rec.definition, e) < 0)
		return -1;
	if (p->start) {
		if (admit_now(d, NULL, &rec.definition, e) < 0)
			return -1;
		files = boot_files_open(&rec.definition, e);
		if (!files)
			return -1;
	}
	rec.idempotency_key = mem_strdup(p->idempotency_key);
	rec.request_hash = steal(hash);
	vm = vm_set_add(&d->vms, &rec);
	commit_create(d, call, vm, files);
	vm_describe(vm, &out->vm);
	return 0;
}

/* -- get, list */

int api_vm_get(struct call *call, const struct vm_get_params *p,
	       struct vm_get_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	const struct managed_vm *vm = vm_find(&d->vms, p->project, p->vm, e);

	if (!vm)
		return -1;
	vm_describe(vm, &out->vm);
	return 0;
}

int api_vm_list(struct call *call, const struct vm_list_params *p,
		struct vm_list_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	size_t at = vm_set_behind(&d->vms, p->project, p->after ? p->after : "");
	size_t n = 0;

	while (at + n < d->vms.n && n <= p->limit &&
	       str_eq(d->vms.by_name[at + n]->rec.definition.project, p->project))
		n++;
	out->more = n > p->limit;
	n = MIN(n, p->limit);
	out->vms = n ? mem_array(n, sizeof(*out->vms)) : NULL;
	for (; out->n_vms < n; out->n_vms++)
		vm_summarize(d->vms.by_name[at + out->n_vms], &out->vms[out->n_vms]);
	return 0;
}

/* -- stop, kill */

/* One that has ended and was about to be started again stays as it is: true, and the
 * call is answered. */
static bool stay_down(struct vxd *d, struct managed_vm *vm, struct call *call,
		      struct vm *out)
{
	struct cause why = cause_of(call);
	struct event ev;

	if (!restart_cancel(vm))
		return false;
	why.detail = "it is not started again";
	vm->rec.desired = DESIRED_STATE_STOPPED;
	ev = event_about(vm, EVENT_TYPE_REPORTED, &why);
	fact_record(d, vm, &ev, call);
	vm_describe(vm, out);
	return true;
}

int api_vm_stop(struct call *call, const struct vm_stop_params *p,
		struct vm_stop_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	struct managed_vm *vm = vm_find(&d->vms, p->project, p->vm, e);
	const struct cause why = cause_of(call);
	enum vm_state next;

	if (!vm || change_allowed(vm, e) < 0)
		return -1;
	if (stay_down(d, vm, call, &out->vm))
		return 0;
	if (!vm->live || !vm_state_after(vm->state, VM_INPUT_STOP, &next)) {
		refuse_state(vm, "stopped", e);
		return vm->live ? err_hint(e, "vxctl kill ends it in any case") : -1;
	}
	if (instance_stop(vm->live, p->deadline_s, p->then_kill, e) < 0)
		return -1;
	vm->rec.desired = DESIRED_STATE_STOPPED;
	fact_state(d, vm, VM_INPUT_STOP, &why, call);
	vm_describe(vm, &out->vm);
	return 0;
}

int api_vm_kill(struct call *call, const struct vm_kill_params *p,
		struct vm_kill_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	struct managed_vm *vm = vm_find(&d->vms, p->project, p->vm, e);
	const struct cause why = cause_of(call);
	enum vm_state next;

	if (!vm || change_allowed(vm, e) < 0)
		return -1;
	if (stay_down(d, vm, call, &out->vm))
		return 0;
	if (!vm->live || !vm_state_after(vm->state, VM_INPUT_KILL, &next))
		return refuse_state(vm, "killed", e);
	if (instance_kill(vm->live, e) < 0)
		return -1;
	vm->rec.desired = DESIRED_STATE_STOPPED;
	fact_state(d, vm, VM_INPUT_KILL, &why, call);
	vm_describe(vm, &out->vm);
	return 0;
}

/* -- pause, resume: the worker's answer is ours; its note changes the state */

int api_vm_pause(struct call *call, const struct vm_pause_params *p,
		 struct vm_pause_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	struct managed_vm *vm = vm_find(&d->vms, p->project, p->vm, e);

	if (!vm || change_allowed(vm, e) < 0)
		return -1;
	if (!vm->live || vm->state != VM_STATE_RUNNING)
		return refuse_state(vm, "paused", e);
	return instance_pause(vm->live, call, e);
}

int api_vm_resume(struct call *call, const struct vm_resume_params *p,
		  struct vm_resume_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	struct managed_vm *vm = vm_find(&d->vms, p->project, p->vm, e);

	if (!vm || change_allowed(vm, e) < 0)
		return -1;
	if (!vm->live || vm->state != VM_STATE_PAUSED)
		return refuse_state(vm, "resumed", e);
	return instance_resume(vm->live, call, e);
}

/* -- delete */

int api_vm_delete(struct call *call, const struct vm_delete_params *p,
		  struct vm_delete_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	struct managed_vm *vm = vm_find(&d->vms, p->project, p->vm, e);
	const struct cause why = cause_of(call);

	if (!vm || wish_allowed(vm, e) < 0)
		return -1;
	if (vm_state_is_live(vm->state)) {
		refuse_state(vm, "deleted", e);
		return err_hint(e, "stop it first");
	}
	if (vm->rec.definition.protect) {
		err_set(e, ERR_PROTECTED, "VM \"%s\" is protected against deletion",
			vm_name(vm));
		return err_object(e, vm_name(vm));
	}
	wish_delete(wish_new(d, call), vm, &why);
	return 0;
}
