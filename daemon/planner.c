/*
 * daemon/planner.c - what to do about a VM that vxd finds when it starts
 */
#include "daemon/planner.h"

enum plan_step plan_adoption(const struct vm_record *rec,
			     const struct plan_observation *seen)
{
	if (!rec->instance || rec->instance->end)
		return PLAN_NOTHING;
	/* Before the boot: the runtime directory may lie on a disk. */
	if (seen->exit_record)
		return PLAN_RECORD_EXIT;
	if (!seen->same_boot)
		return PLAN_HOST_BOOT;
	return seen->keeper_alive ? PLAN_ADOPT : PLAN_SEEK;
}
