/*
 * cli/wait.c - wait: until VMs have ended, or are in a state
 */
#include "base/clock.h"
#include "cli/action.h"
#include "cli/format.h"
#include "schema/gen/api_client.h"

#define SECOND_NS 1000000000ull

struct wait_options {
	bool has_state; /* else any end */
	enum vm_state state;
	uint64_t timeout_s; /* 0: for ever */
};

static int set_state(void *into, const char *value, struct err **e)
{
	struct wait_options *o = into;

	o->has_state = true;
	if (vm_state_from_name(value, &o->state))
		return 0;
	return err_set(e, ERR_INVALID_PARAMS, "there is no state %s", value);
}

static int set_timeout(void *into, const char *value, struct err **e)
{
	return number_parse(value, &((struct wait_options *)into)->timeout_s, e);
}

/* clang-format off */
static const struct flag wait_flags[] = {
	{ "for", 0, "STATE", "Until it is in this state; else until it has ended.", set_state },
	{ "timeout", 0, "SECONDS", "At most so long; else for ever.", set_timeout },
};
/* clang-format on */

static bool is_there(const struct action *a, enum vm_state state)
{
	const struct wait_options *o = a->cli->options;

	return o->has_state ? state == o->state : state_has_ended(state);
}

static enum end_reason reason_of(const struct vm *vm)
{
	return state_has_ended(vm->state) && vm->end ? vm->end->reason
						     : END_REASON_NONE;
}

static int call_wait(struct action *a, struct target *t, struct err **e)
{
	struct vm_get_params p = { .project = cli_project(a->cli),
				   .vm = (char *)t->name };
	autofini(vm_get_result) now = { 0 };

	if (client_vm_get(a->cli->client, &p, &now, e) < 0)
		return err_wrap(e, "wait for %s", t->name);
	t->vm = now.vm;
	now.vm = (struct vm){ 0 };
	if (is_there(a, t->vm.state))
		target_done(a, t, t->vm.state, reason_of(&t->vm));
	return 0;
}

static void event_wait(struct action *a, struct target *t, const struct event *ev)
{
	struct err *e = NULL;

	if (ev->type == EVENT_TYPE_DELETED) {
		err_set(&e, ERR_NOT_FOUND, "%s: it was deleted", t->name);
		target_settle(t, e);
	} else if (ev->type == EVENT_TYPE_STATE && is_there(a, ev->state)) {
		target_done(a, t, ev->state, ev->reason);
	}
}

static int run_wait(struct cli *cli, struct err **e)
{
	const struct wait_options *o = cli->options;
	uint64_t seconds = MIN(o->timeout_s, UINT32_MAX);
	struct action a = { .cli = cli,
			    .call = call_wait,
			    .event = event_wait,
			    .wait = true,
			    .late = "it did not come to that",
			    .deadline_s = seconds,
			    .deadline_ns = FOREVER };

	if (seconds)
		a.deadline_ns = clock_mono_ns() + seconds * SECOND_NS;
	return action_run(&a, e);
}

const struct command command_wait = {
	.name = "wait",
	.summary = "wait until VMs have ended, or are in a state",
	.usage = "[OPTION]... NAME...",
	.about = "Wait until each VM has ended, or is in the state that is named.\n",
	.flags = { { wait_flags, COUNT(wait_flags) } },
	.options_size = sizeof(struct wait_options),
	.args_min = 1,
	.args_max = SIZE_MAX,
	.run = run_wait,
};
