/*
 * daemon/vm_state.c - the table of states
 */
#include "daemon/vm_state.h"

#include <stddef.h>

#include "base/cleanup.h"

/* clang-format off */
static const struct {
	enum vm_state from;
	enum vm_input in;
	enum vm_state to;
} table[] = {
	{ VM_STATE_STOPPED,  VM_INPUT_START,	    VM_STATE_STARTING },
	{ VM_STATE_FAILED,   VM_INPUT_START,	    VM_STATE_STARTING },

	{ VM_STATE_STARTING, VM_INPUT_RUNS,	    VM_STATE_RUNNING },
	{ VM_STATE_STARTING, VM_INPUT_PAUSES,	    VM_STATE_PAUSED },
	{ VM_STATE_STARTING, VM_INPUT_KILL,	    VM_STATE_STOPPING },
	{ VM_STATE_STARTING, VM_INPUT_SILENT,	    VM_STATE_UNKNOWN },

	{ VM_STATE_RUNNING,  VM_INPUT_STOP,	    VM_STATE_STOPPING },
	{ VM_STATE_RUNNING,  VM_INPUT_KILL,	    VM_STATE_STOPPING },
	{ VM_STATE_RUNNING,  VM_INPUT_PAUSES,	    VM_STATE_PAUSED },
	{ VM_STATE_RUNNING,  VM_INPUT_SILENT,	    VM_STATE_UNKNOWN },

	{ VM_STATE_PAUSED,   VM_INPUT_KILL,	    VM_STATE_STOPPING },
	{ VM_STATE_PAUSED,   VM_INPUT_RUNS,	    VM_STATE_RUNNING },
	{ VM_STATE_PAUSED,   VM_INPUT_SILENT,	    VM_STATE_UNKNOWN },

	/* The button may be pressed again, and killing helps a stop that hangs. */
	{ VM_STATE_STOPPING, VM_INPUT_STOP,	    VM_STATE_STOPPING },
	{ VM_STATE_STOPPING, VM_INPUT_KILL,	    VM_STATE_STOPPING },
	{ VM_STATE_STOPPING, VM_INPUT_STOP_EXPIRED, VM_STATE_RUNNING },
	{ VM_STATE_STOPPING, VM_INPUT_SILENT,	    VM_STATE_UNKNOWN },

	{ VM_STATE_UNKNOWN,  VM_INPUT_KILL,	    VM_STATE_STOPPING },
	{ VM_STATE_UNKNOWN,  VM_INPUT_RUNS,	    VM_STATE_RUNNING },
	{ VM_STATE_UNKNOWN,  VM_INPUT_PAUSES,	    VM_STATE_PAUSED },
};
/* clang-format on */

bool vm_state_is_live(enum vm_state s)
{
	switch (s) {
	case VM_STATE_STARTING:
	case VM_STATE_RUNNING:
	case VM_STATE_PAUSED:
	case VM_STATE_STOPPING:
	case VM_STATE_UNKNOWN:
		return true;
	default:
		return false;
	}
}

bool vm_state_after(enum vm_state from, enum vm_input in, enum vm_state *out)
{
	/* A worker may end at any time. */
	if (vm_state_is_live(from) && (in == VM_INPUT_ENDED || in == VM_INPUT_FAILED)) {
		*out = in == VM_INPUT_ENDED ? VM_STATE_STOPPED : VM_STATE_FAILED;
		return true;
	}
	for (size_t i = 0; i < COUNT(table); i++)
		if (table[i].from == from && table[i].in == in) {
			*out = table[i].to;
			return true;
		}
	return false;
}
