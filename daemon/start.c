/*
 * daemon/start.c - starting a VM, by whoever wants it
 *
 * What cannot work is refused before anything is committed: no room, no kernel. The
 * files stay open from there on, so that what was checked is what boots.
 */
#include "daemon/start.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "daemon/admission.h"
#include "daemon/instance.h"
#include "daemon/restart.h"

struct cause cause_of(const struct call *call)
{
	if (!call)
		return (struct cause){ .actor = "vxd" };
	return (struct cause){ .actor = call_actor(call),
			       .request_id = call_request_id(call) };
}

int refuse_state(const struct managed_vm *vm, const char *verb, struct err **e)
{
	err_set(e, ERR_CONFLICT, "VM \"%s\" is %s and cannot be %s", vm_name(vm),
		vm_state_name(vm->state), verb);
	return err_object(e, vm_name(vm));
}

static uint64_t host_memory(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

int admit_now(const struct vxd *d, const struct managed_vm *vm,
	      const struct vm_definition *definition, struct err **e)
{
	struct admission_host h = { .memory = host_memory() };

	for (size_t i = 0; i < d->vms.n; i++) {
		const struct managed_vm *other = d->vms.by_name[i];

		if (other != vm && vm_state_is_live(other->state)) {
			h.memory_running += other->rec.definition.memory;
			h.vms_running++;
		}
	}
	return admit_vm(&h, definition, e);
}

int admit_some_day(const struct vm_definition *definition, struct err **e)
{
	const struct admission_host h = { .memory = host_memory() };

	return admit_vm(&h, definition, e);
}

void start_granted(struct wish *w, struct managed_vm *vm)
{
	instance_start(w->d, vm, w->files);
}

static void start_refused(struct wish *w, struct managed_vm *vm)
{
	vm_record_fini(&vm->rec);
	vm->rec = w->before;
	w->before = (struct vm_record){ 0 };
	vm->state = w->state_before;
	vm->since_us = clock_wall_us();
	if (!w->call || restart_wanted(&vm->rec))
		restart_later(vm);
}

/* The record and state of a VM that is about to start: a new instance. */
void start_prepare(struct vxd *d, struct managed_vm *vm)
{
	struct instance_record *rec = mem_new(struct instance_record);

	rec->number = vm->rec.instance ? vm->rec.instance->number + 1 : 1;
	rec->boot_id = mem_strdup(d->boot_id);
	rec->started_us = clock_wall_us();
	if (vm->rec.instance)
		instance_record_fini(vm->rec.instance);
	free(vm->rec.instance);
	vm->rec.instance = rec;
	vm->rec.desired = DESIRED_STATE_RUNNING;
	vm_state_after(vm->state, VM_INPUT_START, &vm->state);
	vm->since_us = clock_wall_us();
}

int vm_start(struct vxd *d, struct managed_vm *vm, struct call *call, struct err **e)
{
	const struct cause why = cause_of(call);
	struct boot_files *files;
	struct store_batch *batch;
	enum vm_state next;
	struct event ev;
	struct wish *w;

	if (wish_allowed(vm, e) < 0)
		return -1;
	if (!vm_state_after(vm->state, VM_INPUT_START, &next))
		return refuse_state(vm, "started", e);
	if (admit_now(d, vm, &vm->rec.definition, e) < 0)
		return -1;
	files = boot_files_open(&vm->rec.definition, e);
	if (!files)
		return -1;
	w = wish_new(d, call);
	w->files = files;
	w->granted = start_granted;
	w->refused = start_refused;
	w->state_before = vm->state;
	vm_record_copy(&vm->rec, &w->before);
	start_prepare(d, vm);
	ev = event_about(vm, EVENT_TYPE_STATE, &why);
	batch = store_batch_new();
	store_batch_put_vm(batch, &vm->rec);
	store_batch_event(batch, &ev);
	wish_commit(w, vm, batch, "vm.start");
	return 0;
}
