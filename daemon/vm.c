/*
 * daemon/vm.c - the VMs that vxd knows, by name and by id
 *
 * Two sorted arrays: thousands of VMs are found in a dozen comparisons, a list is a walk,
 * and an insertion moves some pointers.
 */
#include "daemon/vm.h"

#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/console_hub.h"
#include "daemon/exit_record.h"
#include "daemon/vm_state.h"

const char *vm_id(const struct managed_vm *vm)
{
	return vm->rec.definition.id;
}

const char *vm_name(const struct managed_vm *vm)
{
	return vm->rec.definition.name;
}

static void managed_vm_free(struct managed_vm *vm)
{
	timer_free(vm->linger);
	timer_free(vm->restart);
	console_hub_free(vm->console);
	vm_record_fini(&vm->rec);
	free(vm);
}

void vm_set_fini(struct vm_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		managed_vm_free(set->by_name[i]);
	free(set->by_name);
	free(set->by_id);
	*set = (struct vm_set){ 0 };
}

static int compare_name(const struct managed_vm *vm, const char *project,
			const char *name)
{
	int c = strcmp(vm->rec.definition.project, project);

	return c ? c : strcmp(vm_name(vm), name);
}

/* First place whose VM does not come before that name. */
static size_t name_place(const struct vm_set *set, const char *project,
			 const char *name)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (compare_name(set->by_name[mid], project, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static size_t id_place(const struct vm_set *set, const char *id)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (strcmp(vm_id(set->by_id[mid]), id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct managed_vm *vm_by_id(const struct vm_set *set, const char *id)
{
	size_t i = id_place(set, id);

	return i < set->n && strcmp(vm_id(set->by_id[i]), id) == 0 ? set->by_id[i]
								   : NULL;
}

struct managed_vm *vm_by_name(const struct vm_set *set, const char *project,
			      const char *name)
{
	size_t i = name_place(set, project, name);

	return i < set->n && compare_name(set->by_name[i], project, name) == 0
		       ? set->by_name[i]
		       : NULL;
}

size_t vm_set_behind(const struct vm_set *set, const char *project, const char *name)
{
	size_t i = name_place(set, project, name);

	return i < set->n && compare_name(set->by_name[i], project, name) == 0 ? i + 1
									       : i;
}

struct managed_vm *vm_find(const struct vm_set *set, const char *project,
			   const char *ref, struct err **e)
{
	struct managed_vm *vm = vm_by_name(set, project, ref);

	if (!vm) {
		vm = vm_by_id(set, ref);
		if (vm && strcmp(vm->rec.definition.project, project) != 0)
			vm = NULL;
	}
	if (!vm) {
		err_set(e, ERR_NOT_FOUND, "there is no VM \"%s\" in project \"%s\"",
			ref, project);
		err_object(e, ref);
		err_hint(e, "vxctl list shows what is there");
	}
	return vm;
}

static void insert(struct managed_vm **array, size_t n, size_t at,
		   struct managed_vm *vm)
{
	memmove(array + at + 1, array + at, (n - at) * sizeof(*array));
	array[at] = vm;
}

static void take_out(struct managed_vm **array, size_t n, size_t at)
{
	memmove(array + at, array + at + 1, (n - at - 1) * sizeof(*array));
}

struct managed_vm *vm_set_add(struct vm_set *set, const struct vm_record *rec)
{
	struct managed_vm *vm = mem_new(struct managed_vm);
	const struct vm_definition *d = &rec->definition;

	vm->d = set->d;
	vm_record_copy(rec, &vm->rec);
	vm->state = vm_resting_state(rec);
	vm->since_us = clock_wall_us();
	if (set->n == set->room) {
		set->room = set->room ? set->room * 2 : 16;
		set->by_name = mem_grow(set->by_name, set->room, sizeof(*set->by_name));
		set->by_id = mem_grow(set->by_id, set->room, sizeof(*set->by_id));
	}
	insert(set->by_name, set->n, name_place(set, d->project, d->name), vm);
	insert(set->by_id, set->n, id_place(set, d->id), vm);
	set->n++;
	return vm;
}

void vm_set_swap(struct vm_set *set, struct managed_vm *vm, struct vm_definition *d)
{
	const struct vm_definition before = vm->rec.definition;

	take_out(set->by_name, set->n, name_place(set, before.project, before.name));
	vm->rec.definition = *d;
	*d = before;
	/* Meanwhile one less is in the array. */
	set->n--;
	insert(set->by_name, set->n,
	       name_place(set, vm->rec.definition.project, vm_name(vm)), vm);
	set->n++;
}

void vm_set_remove(struct vm_set *set, struct managed_vm *vm)
{
	const struct vm_definition *d = &vm->rec.definition;

	take_out(set->by_name, set->n, name_place(set, d->project, d->name));
	take_out(set->by_id, set->n, id_place(set, d->id));
	set->n--;
	managed_vm_free(vm);
}

enum vm_state vm_resting_state(const struct vm_record *rec)
{
	if (!rec->instance)
		return VM_STATE_STOPPED;
	if (!rec->instance->end)
		return VM_STATE_UNKNOWN;
	return end_reason_is_orderly(rec->instance->end->reason) ? VM_STATE_STOPPED
								 : VM_STATE_FAILED;
}

void vm_describe(const struct managed_vm *vm, struct vm *out)
{
	const struct instance_record *in = vm->rec.instance;

	*out = (struct vm){ .state = vm->state,
			    .desired = vm->rec.desired,
			    .instance = in ? in->number : 0,
			    .since_us = vm->since_us };
	vm_definition_copy(&vm->rec.definition, &out->definition);
	if (vm_state_is_live(vm->state) && in && in->keeper_pid) {
		out->has_pid = true;
		out->pid = in->keeper_pid;
	}
	out->restarts = vm->restarts;
	out->has_restart_us = vm->restart_us != 0;
	out->restart_us = vm->restart_us;
	if (in && in->end) {
		out->end = mem_new(struct vm_end);
		vm_end_copy(in->end, out->end);
	}
}

void vm_summarize(const struct managed_vm *vm, struct vm_summary *out)
{
	const struct vm_definition *d = &vm->rec.definition;
	const struct instance_record *in = vm->rec.instance;

	*out = (struct vm_summary){
		.id = mem_strdup(d->id),
		.project = mem_strdup(d->project),
		.name = mem_strdup(d->name),
		.n_labels = d->n_labels,
		.machine = d->machine,
		.state = vm->state,
		.reason = in && in->end ? in->end->reason : END_REASON_NONE,
		.cpus = d->cpus,
		.memory = d->memory,
		.since_us = vm->since_us,
	};
	out->labels = d->n_labels ? mem_array(d->n_labels, sizeof(*out->labels)) : NULL;
	for (size_t i = 0; i < d->n_labels; i++)
		out->labels[i] = (struct kv){ mem_strdup(d->labels[i].key),
					      mem_strdup(d->labels[i].value) };
}
