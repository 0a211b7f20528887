/*
 * daemon/vm_state.h - which state a VM comes into by what happens
 *
 * The one table of states. What is not in it does not happen: an API call is refused by
 * it, an observation that fits nothing is logged and dropped. Pure.
 */
#ifndef VX_DAEMON_VM_STATE_H
#define VX_DAEMON_VM_STATE_H

#include <stdbool.h>

#include "schema/gen/types.h"

enum vm_input {
	VM_INPUT_START,	       /* asked for by an API call */
	VM_INPUT_STOP,	       /* the power button, by an API call */
	VM_INPUT_STOP_EXPIRED, /* the guest did not obey it in time */
	VM_INPUT_KILL,	       /* by an API call */
	VM_INPUT_RUNS,	       /* said by the worker */
	VM_INPUT_PAUSES,       /* said by the worker */
	VM_INPUT_SILENT,       /* the worker lives and does not answer */
	VM_INPUT_ENDED,	       /* by order or by the guest's will */
	VM_INPUT_FAILED,       /* in any other way */
	VM_INPUT_COUNT
};

/* False, and *out untouched, where `in` cannot happen in `from`. */
bool vm_state_after(enum vm_state from, enum vm_input in, enum vm_state *out);
/* Has it a worker, or may have? */
bool vm_state_is_live(enum vm_state s);

#endif
