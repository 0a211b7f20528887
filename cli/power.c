/*
 * cli/power.c - start, stop, kill, delete: calls that act on VMs by name
 *
 * Each acts on all names, reports each, and ends with the worst of their statuses.
 * start waits until a VM runs or has failed, stop and kill until it has stopped.
 */
#include "cli/power.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/action.h"
#include "cli/format.h"
#include "cli/output.h"
#include "cli/vm_text.h"
#include "cli/watch.h"
#include "schema/gen/api_client.h"

#define SECOND_NS 1000000000ull
/* Beyond a stop's own deadline: vxd's word is awaited before we call it late. */
#define GRACE_NS (10 * SECOND_NS)

/* ---- start ---- */

static int call_start(struct action *a, struct target *t, struct err **e)
{
	struct vm_start_params p = { .project = cli_project(a->cli),
				     .vm = (char *)t->name };
	autofini(vm_start_result) result = { 0 };

	if (client_vm_start(a->cli->client, &p, &result, e) < 0)
		return err_wrap(e, "start %s", t->name);
	t->vm = result.vm;
	result.vm = (struct vm){ 0 };
	return 0;
}

/* Did this instance, not one before it, come to an end without having run? */
static void not_running(struct action *a, struct target *t)
{
	autofini(vm_get_result) now = { 0 };
	const struct vm *vm = &now.vm;
	struct err *e = NULL;

	if (!target_ask(a, t, &now) || vm->instance != t->vm.instance)
		return;
	if (state_has_ended(vm->state) && vm->end)
		vm_end_error(t->name, vm->end, &e);
	else if (vm->state == VM_STATE_UNKNOWN)
		err_set(&e, ERR_UNAVAILABLE, "%s: its worker does not answer", t->name);
	if (e)
		target_settle(t, e);
}

static void event_start(struct action *a, struct target *t, const struct event *ev)
{
	bool is_state = ev->type == EVENT_TYPE_STATE;

	if (is_state && ev->state == VM_STATE_RUNNING)
		target_done(a, t, ev->state, ev->reason);
	else if (ev->type == EVENT_TYPE_DELETED ||
		 (is_state && ev->state != VM_STATE_STARTING))
		not_running(a, t);
}

int power_wait_running(struct cli *cli, struct vm *vm)
{
	struct target t = { .name = vm->definition.name, .vm = *vm, .waiting = true };
	struct action a = { .cli = cli,
			    .event = event_start,
			    .deadline_ns = FOREVER,
			    .targets = &t,
			    .n = 1 };

	action_wait(&a);
	return t.status;
}

static int run_start(struct cli *cli, struct err **e)
{
	struct action a = { .cli = cli,
			    .call = call_start,
			    .event = event_start,
			    .wait = true,
			    .deadline_ns = FOREVER };

	return action_run(&a, e);
}

const struct command command_start = {
	.name = "start",
	.summary = "start VMs and wait until they run",
	.usage = "[OPTION]... NAME...",
	.about = "Start VMs and wait until each runs or has failed.\n",
	.args_min = 1,
	.args_max = SIZE_MAX,
	.run = run_start,
};

/* ---- stop ---- */

struct stop_options {
	struct vm_stop_params params; /* but the VM */
	bool no_wait;
};

static int stop_init(void *options, struct err **e)
{
	static const char least[] = "{\"vm\":\"x\"}"; /* for the decoder's defaults */
	struct stop_options *o = options;

	return vm_stop_params_parse(least, strlen(least), DECODE_STRICT, &o->params, e);
}

static void stop_fini(void *options)
{
	vm_stop_params_fini(&((struct stop_options *)options)->params);
}

static int set_deadline(void *into, const char *value, struct err **e)
{
	uint64_t n;

	if (number_parse(value, &n, e) < 0)
		return -1;
	((struct stop_options *)into)->params.deadline_s = n;
	return 0;
}

static int set_then_kill(void *into, const char *value, struct err **e)
{
	((struct stop_options *)into)->params.then_kill = true;
	return 0;
}

static int set_no_wait(void *into, const char *value, struct err **e)
{
	((struct stop_options *)into)->no_wait = true;
	return 0;
}

/* clang-format off */
static const struct flag stop_flags[] = {
	{ "deadline", 0, "SECONDS", "Seconds until it counts as not obeyed; else 60.", set_deadline },
	{ "then-kill", 0, NULL, "Kill it at the deadline instead of going on.", set_then_kill },
	{ "no-wait", 0, NULL, "Ask, and do not wait for the end.", set_no_wait },
};
/* clang-format on */

static int call_stop(struct action *a, struct target *t, struct err **e)
{
	const struct stop_options *o = a->cli->options;
	struct vm_stop_params p = o->params;
	autofini(vm_stop_result) result = { 0 };

	p.project = cli_project(a->cli);
	p.vm = (char *)t->name;
	if (client_vm_stop(a->cli->client, &p, &result, e) < 0)
		return err_wrap(e, "stop %s", t->name);
	t->vm = result.vm;
	result.vm = (struct vm){ 0 };
	if (!a->wait)
		t->status = target_show(a, t, t->vm.state, END_REASON_NONE);
	return 0;
}

static void event_stop(struct action *a, struct target *t, const struct event *ev)
{
	autofini(vm_get_result) now = { 0 };

	if (ev->type != EVENT_TYPE_STATE || ev->state == VM_STATE_STOPPING)
		return;
	if (ev->state == VM_STATE_STOPPED)
		target_done(a, t, ev->state, ev->reason);
	else if (state_has_ended(ev->state) || ev->state == VM_STATE_UNKNOWN)
		target_give_up(a, t, ev);
	/* It runs again: the guest did not obey. */
	else if (target_ask(a, t, &now) && now.vm.state == VM_STATE_RUNNING)
		target_give_up(a, t, NULL);
}

static int run_stop(struct cli *cli, struct err **e)
{
	const struct stop_options *o = cli->options;
	uint64_t seconds = MIN(o->params.deadline_s, (uint64_t)86400);
	struct action a = { .cli = cli,
			    .call = call_stop,
			    .event = event_stop,
			    .late = "the guest did not power off",
			    .late_hint = "kill",
			    .wait = !o->no_wait,
			    .deadline_s = seconds };

	a.deadline_ns = clock_mono_ns() + seconds * SECOND_NS + GRACE_NS;
	return action_run(&a, e);
}

const struct command command_stop = {
	.name = "stop",
	.summary = "ask guests to power off, and wait",
	.usage = "[OPTION]... NAME...",
	.about = "Press the power button of VMs and wait until each has stopped.\n",
	.flags = { { stop_flags, COUNT(stop_flags) } },
	.options_size = sizeof(struct stop_options),
	.init = stop_init,
	.fini = stop_fini,
	.args_min = 1,
	.args_max = SIZE_MAX,
	.run = run_stop,
};

/* ---- kill ---- */

static int call_kill(struct action *a, struct target *t, struct err **e)
{
	struct vm_kill_params p = { .project = cli_project(a->cli),
				    .vm = (char *)t->name };
	autofini(vm_kill_result) result = { 0 };

	if (client_vm_kill(a->cli->client, &p, &result, e) < 0)
		return err_wrap(e, "kill %s", t->name);
	t->vm = result.vm;
	result.vm = (struct vm){ 0 };
	return 0;
}

static void event_kill(struct action *a, struct target *t, const struct event *ev)
{
	if (ev->type == EVENT_TYPE_STATE && state_has_ended(ev->state))
		target_done(a, t, ev->state, ev->reason);
}

static int run_kill(struct cli *cli, struct err **e)
{
	struct action a = { .cli = cli,
			    .call = call_kill,
			    .event = event_kill,
			    .late = "killed, but it did not end",
			    .wait = true,
			    .deadline_ns = clock_mono_ns() + GRACE_NS,
			    .deadline_s = GRACE_NS / SECOND_NS };

	return action_run(&a, e);
}

const struct command command_kill = {
	.name = "kill",
	.summary = "end VMs at once",
	.usage = "[OPTION]... NAME...",
	.about = "End VMs at once, whatever their guests or workers think.\n",
	.args_min = 1,
	.args_max = SIZE_MAX,
	.run = run_kill,
};

/* ---- pause, resume ---- */

/* The answer comes when it has happened; what the VM is now is asked for. */
static int show_named(struct action *a, struct target *t)
{
	struct vm_get_params p = { .project = cli_project(a->cli),
				   .vm = (char *)t->name };
	autofini(vm_get_result) now = { 0 };
	autofree char *text = NULL;
	struct err *e = NULL;

	if (client_vm_get(a->cli->client, &p, &now, &e) < 0)
		return error_report(e);
	text = a->cli->json
		       ? vm_get_result_format(&now)
		       : mem_printf("%s: %s", t->name, vm_state_name(now.vm.state));
	return output_line(text);
}

static int call_pause(struct action *a, struct target *t, struct err **e)
{
	struct vm_pause_params p = { .project = cli_project(a->cli),
				     .vm = (char *)t->name };
	autofini(vm_pause_result) result = { 0 };

	if (client_vm_pause(a->cli->client, &p, &result, e) < 0)
		return err_wrap(e, "pause %s", t->name);
	t->status = show_named(a, t);
	return 0;
}

static int call_resume(struct action *a, struct target *t, struct err **e)
{
	struct vm_resume_params p = { .project = cli_project(a->cli),
				      .vm = (char *)t->name };
	autofini(vm_resume_result) result = { 0 };

	if (client_vm_resume(a->cli->client, &p, &result, e) < 0)
		return err_wrap(e, "resume %s", t->name);
	t->status = show_named(a, t);
	return 0;
}

static int run_pause(struct cli *cli, struct err **e)
{
	struct action a = { .cli = cli, .call = call_pause };

	return action_run(&a, e);
}

static int run_resume(struct cli *cli, struct err **e)
{
	struct action a = { .cli = cli, .call = call_resume };

	return action_run(&a, e);
}

const struct command command_pause = {
	.name = "pause",
	.summary = "stop the virtual CPUs of running VMs",
	.usage = "[OPTION]... NAME...",
	.about = "Stop the virtual CPUs of VMs, and their time; memory stays as it "
		 "is.\n",
	.args_min = 1,
	.args_max = SIZE_MAX,
	.run = run_pause,
};

const struct command command_resume = {
	.name = "resume",
	.summary = "let paused VMs run again",
	.usage = "[OPTION]... NAME...",
	.about = "Let paused VMs run again.\n",
	.args_min = 1,
	.args_max = SIZE_MAX,
	.run = run_resume,
};

/* ---- delete ---- */

static int call_delete(struct action *a, struct target *t, struct err **e)
{
	struct vm_delete_params p = { .project = cli_project(a->cli),
				      .vm = (char *)t->name };
	autofini(vm_delete_result) result = { 0 };
	autofree char *text = NULL;

	if (client_vm_delete(a->cli->client, &p, &result, e) < 0)
		return err_wrap(e, "delete %s", t->name);
	text = a->cli->json ? vm_delete_result_format(&result)
			    : mem_printf("%s: deleted", t->name);
	t->status = output_line(text);
	return 0;
}

static int run_delete(struct cli *cli, struct err **e)
{
	struct action a = { .cli = cli, .call = call_delete };

	return action_run(&a, e);
}

const struct command command_delete = {
	.name = "delete",
	.summary = "remove stopped VMs",
	.usage = "[OPTION]... NAME...",
	.about = "Remove definitions and records of stopped VMs.\n",
	.args_min = 1,
	.args_max = SIZE_MAX,
	.run = run_delete,
};
