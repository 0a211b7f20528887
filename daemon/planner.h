/*
 * daemon/planner.h - what to do about a VM that vxd finds when it starts
 *
 * From what is recorded and what is observed to the next step. Pure.
 */
#ifndef VX_DAEMON_PLANNER_H
#define VX_DAEMON_PLANNER_H

#include <stdbool.h>

#include "schema/gen/types.h"

struct plan_observation {
	bool same_boot;	   /* of the host, as when the instance was started */
	bool exit_record;  /* its keeper left one */
	bool keeper_alive; /* the recorded process, not just its number */
};

enum plan_step {
	PLAN_NOTHING,	  /* it never ran, or its end is recorded */
	PLAN_RECORD_EXIT, /* take the end from the keeper's record */
	PLAN_HOST_BOOT,	  /* nothing of it can have survived */
	PLAN_ADOPT,	  /* watch the keeper and connect to the worker */
	PLAN_SEEK,	  /* no keeper is known to live: connect, and only when nobody
			   * answers for a while it is lost */
};

enum plan_step plan_adoption(const struct vm_record *rec,
			     const struct plan_observation *seen);

#endif
