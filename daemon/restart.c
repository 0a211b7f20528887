/*
 * daemon/restart.c - VMs that are to run again, and those that run from the beginning
 */
#include "daemon/restart.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/exit_record.h"
#include "daemon/start.h"

#define FIRST_DELAY_MS 1000
#define LAST_DELAY_MS 60000
/* Who ran so long has started well: its next end is a first one. */
#define STEADY_US (60 * 1000000ull)

uint64_t restart_delay_ms(unsigned before)
{
	uint64_t ms = FIRST_DELAY_MS;

	while (before-- > 0 && ms < LAST_DELAY_MS)
		ms *= 2;
	return MIN(ms, LAST_DELAY_MS);
}

static bool ended_badly(const struct vm_end *end)
{
	return !end_reason_is_orderly(end->reason) ||
	       (end->reason == END_REASON_DEBUG_EXIT && end->status != 0);
}

bool restart_wanted(const struct vm_record *rec)
{
	if (!rec->instance || !rec->instance->end ||
	    rec->desired != DESIRED_STATE_RUNNING)
		return false;
	switch (rec->definition.restart) {
	case RESTART_POLICY_ALWAYS:
		return true;
	case RESTART_POLICY_ON_FAILURE:
		return ended_badly(rec->instance->end);
	default:
		return false;
	}
}

static void schedule(struct managed_vm *vm, uint64_t ms);

/* It cannot be started now: no room, no kernel. Said, and tried again. */
static void tell_refusal(struct managed_vm *vm, const struct err *e)
{
	struct cause why = { .actor = "vxd", .detail = e->message };
	struct event ev = event_about(vm, EVENT_TYPE_REPORTED, &why);

	log_err(e, "VM %s: start it again", vm_name(vm));
	fact_record(vm->d, vm, &ev, NULL);
}

static void start_again(void *owner)
{
	struct managed_vm *vm = owner;
	autoptr(err) e = NULL;

	vm->restart_us = 0;
	if (vm_state_is_live(vm->state))
		return; /* somebody was faster */
	if (vm_start(vm->d, vm, NULL, &e) == 0)
		return;
	if (e->code != ERR_CONFLICT && e->code != ERR_UNAVAILABLE)
		tell_refusal(vm, e);
	restart_later(vm);
}

static void schedule(struct managed_vm *vm, uint64_t ms)
{
	if (!vm->restart)
		vm->restart = timer_new(&vm->d->loop, start_again, vm);
	vm->restart_us = clock_wall_us() + ms * 1000;
	timer_set(vm->restart, ms);
}

void restart_later(struct managed_vm *vm)
{
	schedule(vm, restart_delay_ms(vm->restarts++));
}

void restart_after_end(struct managed_vm *vm)
{
	const struct instance_record *in = vm->rec.instance;

	if (!restart_wanted(&vm->rec))
		return;
	if (in->end->time_us > in->started_us + STEADY_US)
		vm->restarts = 0;
	restart_later(vm);
}

bool restart_cancel(struct managed_vm *vm)
{
	bool waited = vm->restart_us != 0;

	vm->restart_us = 0;
	vm->restarts = 0;
	if (vm->restart)
		timer_clear(vm->restart);
	return waited;
}

void autostart_all(struct vxd *d)
{
	for (size_t i = 0; i < d->vms.n; i++) {
		struct managed_vm *vm = d->vms.by_name[i];
		const struct instance_record *in = vm->rec.instance;
		bool ran = in && str_eq(in->boot_id, d->boot_id);

		if (vm->rec.definition.autostart && !ran && !vm->restart_us &&
		    !vm_state_is_live(vm->state))
			schedule(vm, 0);
	}
}
