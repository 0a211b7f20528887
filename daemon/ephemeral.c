/*
 * daemon/ephemeral.c - VMs that go when they end
 */
#include "daemon/ephemeral.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "daemon/change.h"
#include "daemon/console_hub.h"
#include "daemon/events.h"

#define LINGER_MS 5000
#define RETRY_MS 1000

struct removal {
	struct vxd *d;
	char *id; /* owned */
};

static void vanish(struct vxd *d, struct managed_vm *vm, uint64_t ms);

static void removed(void *owner, struct event *events, size_t n, const struct err *e)
{
	struct removal *r = owner;
	struct managed_vm *vm = vm_by_id(&r->d->vms, r->id);

	vm->changing = false;
	if (e) {
		log_err(e, "remove the ephemeral VM %s", vm_name(vm));
		vanish(r->d, vm, RETRY_MS);
	} else {
		vm_set_remove(&r->d->vms, vm);
		events_publish(r->d, events, n);
	}
	free(r->id);
	free(r);
}

/* Another call deletes or starts it just now, which may come to nothing; somebody still
 * reads its last output; or its end is not on disk yet. */
static bool must_wait(const struct managed_vm *vm)
{
	return vm->changing || (vm->console && console_hub_is_read(vm->console)) ||
	       facts_wait(vm);
}

static void remove_now(void *owner)
{
	static const struct cause why = { .actor = "vxd" };
	struct managed_vm *vm = owner;
	struct removal *r;
	struct store_batch *batch;
	struct event ev;

	if (vm_state_is_live(vm->state) && !vm->changing)
		return; /* started once more; its next end is told anew */
	if (must_wait(vm)) {
		vanish(vm->d, vm, LINGER_MS);
		return;
	}
	r = mem_new(struct removal);
	r->d = vm->d;
	r->id = mem_strdup(vm_id(vm));
	vm->changing = true;
	batch = store_batch_new();
	ev = event_about(vm, EVENT_TYPE_DELETED, &why);
	store_batch_delete_vm(batch, vm_id(vm));
	store_batch_event(batch, &ev);
	store_commit(vm->d->store, batch, removed, r);
}

static void vanish(struct vxd *d, struct managed_vm *vm, uint64_t ms)
{
	if (!vm->linger)
		vm->linger = timer_new(&d->loop, remove_now, vm);
	timer_set(vm->linger, ms);
}

void ephemeral_ended(struct vxd *d, struct managed_vm *vm)
{
	vanish(d, vm, LINGER_MS);
}

void ephemeral_read(struct vxd *d, struct managed_vm *vm)
{
	/* Not at once: the console that tells us is the VM's own. */
	vanish(d, vm, 0);
}
