/*
 * cli/action.c - one call for each of several VMs, and what is waited for
 */
#include "cli/action.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/output.h"
#include "cli/watch.h"
#include "schema/gen/api_client.h"

void target_settle(struct target *t, struct err *e)
{
	t->waiting = false;
	t->settled = true;
	t->status = error_report(e);
}

int target_show(struct action *a, struct target *t, enum vm_state state,
		enum end_reason reason)
{
	struct vm_get_params p = { .project = cli_project(a->cli),
				   .vm = t->vm.definition.id };
	autofini(vm_get_result) now = { 0 };
	autofini(str) line = { 0 };
	autofree char *json = NULL;

	if (a->cli->json) {
		if (client_vm_get(a->cli->client, &p, &now, NULL) < 0)
			vm_copy(&t->vm, &now.vm);
		json = vm_get_result_format(&now);
		return output_line(json);
	}
	str_addf(&line, "%s: %s", t->name, vm_state_name(state));
	if (reason != END_REASON_NONE)
		str_addf(&line, " (%s)", end_reason_name(reason));
	return output_line(line.data);
}

void target_done(struct action *a, struct target *t, enum vm_state state,
		 enum end_reason reason)
{
	t->waiting = false;
	t->settled = true;
	t->status = target_show(a, t, state, reason);
}

bool state_has_ended(enum vm_state state)
{
	return state == VM_STATE_STOPPED || state == VM_STATE_FAILED;
}

bool target_ask(struct action *a, struct target *t, struct vm_get_result *out)
{
	struct vm_get_params p = { .project = cli_project(a->cli),
				   .vm = t->vm.definition.id };
	struct err *e = NULL;

	if (client_vm_get(a->cli->client, &p, out, &e) == 0)
		return true;
	target_settle(t, e);
	return false;
}

void target_give_up(struct action *a, struct target *t, const struct event *ev)
{
	struct err *e = NULL;

	if (ev && state_has_ended(ev->state)) {
		err_set(&e, ERR_WORKER_FAILED, "%s: it ended by itself: %s%s%s",
			t->name, end_reason_name(ev->reason), ev->detail ? ": " : "",
			ev->detail ? ev->detail : "");
	} else if (ev && ev->state == VM_STATE_UNKNOWN) {
		err_set(&e, ERR_UNAVAILABLE, "%s: its worker does not answer", t->name);
	} else {
		err_set(&e, ERR_TIMEOUT, "%s: %s within %" PRIu64 " s", t->name,
			a->late, a->deadline_s);
		if (a->late_hint)
			err_hint(&e, "vxctl %s %s ends it at once", a->late_hint,
				 t->name);
	}
	target_settle(t, e);
}

static bool any_waiting(const struct action *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->targets[i].waiting)
			return true;
	return false;
}

/* Nothing more can be heard: every target that waits fails by `e`. Consumes it. */
static void fail_all(struct action *a, struct err *e)
{
	for (size_t i = 0; i < a->n; i++) {
		struct target *t = &a->targets[i];
		struct err *own = err_dup(e);

		if (!t->waiting) {
			err_free(own);
			continue;
		}
		err_wrap(&own, "%s", t->name);
		target_settle(t, own);
	}
	err_free(e);
}

static void time_out(struct action *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->targets[i].waiting)
			target_give_up(a, &a->targets[i], NULL);
}

void action_wait(struct action *a)
{
	while (any_waiting(a)) {
		autofini(event) ev = { 0 };
		struct err *e = NULL;
		int left =
			a->deadline_ns == FOREVER ? -1 : watch_left_ms(a->deadline_ns);
		int rc = watch_next(a->cli, left, &ev, &e);

		if (rc < 0) {
			fail_all(a, e);
			return;
		}
		if (rc == 0) {
			time_out(a);
			return;
		}
		for (size_t i = 0; i < a->n; i++) {
			struct target *t = &a->targets[i];

			if (t->waiting && str_eq(ev.id, t->vm.definition.id))
				a->event(a, t, &ev);
		}
	}
}

static void call_all(struct action *a)
{
	for (size_t i = 0; i < a->n; i++) {
		struct target *t = &a->targets[i];
		struct err *e = NULL;

		if (a->call(a, t, &e) < 0)
			target_settle(t, e);
		else if (a->wait && !t->settled)
			t->waiting = true;
	}
}

int action_run(struct action *a, struct err **e)
{
	struct cli *cli = a->cli;
	int worst = 0;

	if (cli_connect(cli, e) < 0 || (a->wait && watch_begin(cli, e) < 0))
		return -1;
	a->n = cli->n_args;
	a->targets = mem_array(a->n, sizeof(*a->targets));
	for (size_t i = 0; i < a->n; i++)
		a->targets[i].name = cli->args[i];
	call_all(a);
	if (a->wait)
		action_wait(a);
	for (size_t i = 0; i < a->n; i++) {
		worst = MAX(worst, a->targets[i].status);
		vm_fini(&a->targets[i].vm);
	}
	free(steal(a->targets));
	return worst;
}
