/*
 * daemon/ephemeral.c - VMs that go when they end
 */
#include "daemon/ephemeral.h"

#include "base/loop.h"
#include "daemon/change.h"
#include "daemon/console_hub.h"

#define LINGER_MS 5000
#define RETRY_MS 1000

static void vanish(struct managed_vm *vm, uint64_t ms);

static void try_again(struct wish *w UNUSED, struct managed_vm *vm)
{
	vanish(vm, RETRY_MS);
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
	struct wish *w;

	if (vm_state_is_live(vm->state) && !vm->changing)
		return; /* started once more; its next end is told anew */
	if (must_wait(vm)) {
		vanish(vm, LINGER_MS);
		return;
	}
	w = wish_new(vm->d, NULL);
	w->refused = try_again;
	wish_delete(w, vm, &why);
}

static void vanish(struct managed_vm *vm, uint64_t ms)
{
	if (!vm->linger)
		vm->linger = timer_new(&vm->d->loop, remove_now, vm);
	timer_set(vm->linger, ms);
}

void ephemeral_ended(struct managed_vm *vm)
{
	vanish(vm, LINGER_MS);
}

void ephemeral_read(struct managed_vm *vm)
{
	/* Not at once: the console that tells us is the VM's own. */
	vanish(vm, 0);
}
