/*
 * cli/action.h - one call for each of several VMs, and what is waited for
 *
 * An action calls for each name, then, if it waits, follows the events until each target
 * is settled or the deadline has passed. It ends with the worst of their statuses.
 */
#ifndef VX_CLI_ACTION_H
#define VX_CLI_ACTION_H

#include "cli/command.h"
#include "schema/gen/api.h"

#define FOREVER UINT64_MAX

struct target {
	const char *name; /* borrowed */
	struct vm vm;	  /* what the call answered */
	bool waiting, settled;
	int status;
};

struct action {
	struct cli *cli;
	int (*call)(struct action *a, struct target *t, struct err **e);
	/* What an event about a target that waits means for it. */
	void (*event)(struct action *a, struct target *t, const struct event *ev);
	/* What has not happened at the deadline, and the command that helps. */
	const char *late, *late_hint;
	bool wait;
	uint64_t deadline_ns; /* monotonic; FOREVER: none */
	uint64_t deadline_s;  /* the same for people */
	struct target *targets;
	size_t n;
};

/* Call for all of cli->args and wait: the worst status, or -1 and *e. */
int action_run(struct action *a, struct err **e);
/* Only wait, for targets that are there already. */
void action_wait(struct action *a);

/* A target has failed. Consumes `e`. */
void target_settle(struct target *t, struct err *e);
/* It has come to what was waited for: show it so. */
void target_done(struct action *a, struct target *t, enum vm_state state,
		 enum end_reason reason);
/* The VM as it is now goes out, or in words; a VM that is gone is shown as it was. */
int target_show(struct action *a, struct target *t, enum vm_state state,
		enum end_reason reason);
/* The VM as it is now. Where an event may be older than our own call, this decides.
 * False when it cannot be had, and then the target is settled. */
bool target_ask(struct action *a, struct target *t, struct vm_get_result *out);
/* An event that is not what was waited for; NULL: the deadline passed. */
void target_give_up(struct action *a, struct target *t, const struct event *ev);

bool state_has_ended(enum vm_state state);

#endif
