/*
 * cli/run.c - run: an unnamed VM for as long as its guest lives
 *
 * Our exit status is the guest's: the byte of its debug-exit port, 0 for an orderly
 * end. The VM is ephemeral, so vxd removes it when it has ended, also when we are gone.
 */
#include "cli/run.h"

#include "base/clock.h"
#include "base/str.h"
#include "cli/console.h"
#include "cli/output.h"
#include "cli/vm_spec.h"
#include "cli/vm_text.h"
#include "cli/watch.h"
#include "schema/gen/api_client.h"

#define KILL_MS 10000
#define REMOVE_MS 10000
#define STATUS_SIGNAL 128 /* as a shell counts: and the signal's number */

static int run_init(void *options, struct err **e)
{
	return vm_spec_init(options, e);
}

static void run_fini(void *options)
{
	vm_spec_fini(options);
}

int run_end_status(const char *name, const struct vm_end *end)
{
	struct err *e = NULL;

	if (end->reason == END_REASON_DEBUG_EXIT)
		return (int)end->status;
	if (vm_end_is_good(end->reason))
		return 0;
	vm_end_error(name, end, &e);
	return error_report(e);
}

static int create(struct cli *cli, struct vm_create_result *out, struct err **e)
{
	struct vm_spec *spec = cli->options;
	struct vm_create_params p = { .project = cli_project(cli), .start = true };

	if (vm_spec_check(spec, e) < 0)
		return err_hint(e, "vxctl run --help lists the options");
	spec->ephemeral = true;
	p.vm = *spec; /* borrowed for the call */
	if (cli_connect(cli, e) < 0 || watch_begin(cli, e) < 0)
		return -1;
	return client_vm_create(cli->client, &p, out, e);
}

/* End the VM; how it went matters only if it does not end. The status is ours. */
static int kill_vm(struct cli *cli, const struct vm_definition *d, int status)
{
	struct vm_kill_params p = { .project = cli_project(cli), .vm = d->id };
	autofini(vm_kill_result) result = { 0 };
	autofini(console_result) r = { 0 };
	struct err *e = NULL;

	if (client_vm_kill(cli->client, &p, &result, &e) == 0 &&
	    console_wait_end(cli, d->id, KILL_MS, &r, &e) == 0)
		return status;
	if (e->code != ERR_NOT_FOUND && e->code != ERR_CONFLICT)
		error_report(steal(e));
	err_free(e); /* else it has ended meanwhile */
	return status;
}

/* It was gone before we reached its console: what the events say of its end. */
static int missed(struct cli *cli, const struct vm_definition *d, struct err **e)
{
	uint64_t deadline = clock_mono_ns() + KILL_MS * 1000000ull;
	int rc = 1;

	while (rc > 0) {
		autofini(event) ev = { 0 };

		rc = watch_next(cli, watch_left_ms(deadline), &ev, e);
		if (rc > 0 && str_eq(ev.id, d->id) && ev.reason != END_REASON_NONE &&
		    ev.reason != END_REASON_DEBUG_EXIT) {
			struct vm_end end = { .reason = ev.reason,
					      .detail = ev.detail };

			return run_end_status(d->name, &end);
		}
	}
	if (rc == 0)
		err_set(e, ERR_WORKER_FAILED,
			"%s ended before its console could be attached", d->name);
	return -1;
}

/* vxd removes it once its end was read. That it takes long is no failure of the guest. */
static void wait_removed(struct cli *cli, const struct vm_definition *d)
{
	uint64_t deadline = clock_mono_ns() + REMOVE_MS * 1000000ull;
	int rc = 1;

	while (rc > 0) {
		autofini(event) ev = { 0 };

		rc = watch_next(cli, watch_left_ms(deadline), &ev, NULL);
		if (rc > 0 && ev.type == EVENT_TYPE_DELETED && str_eq(ev.id, d->id))
			return;
	}
	notice("%s has ended and is not removed yet", d->name);
}

static int attach(struct cli *cli, const struct vm_definition *d, struct err **e)
{
	autofini(console_result) r = { 0 };
	autoptr(err) own = NULL;

	if (console_attach(cli, d->id, d->name, true, &r, &own) < 0) {
		bool gone = own->code == ERR_NOT_FOUND;

		if (gone)
			return missed(cli, d, e);
		if (own->code != ERR_UNAVAILABLE)
			kill_vm(cli, d, 0);
		if (e)
			*e = steal(own);
		return -1;
	}
	switch (r.outcome) {
	case CONSOLE_ENDED:
		wait_removed(cli, d);
		return r.has_end ? run_end_status(d->name, &r.end) : missed(cli, d, e);
	case CONSOLE_DETACHED:
		notice("%s runs on; vxctl console %s shows it again", d->name, d->name);
		return 0;
	case CONSOLE_SIGNAL:
		return kill_vm(cli, d, STATUS_SIGNAL + r.signal);
	case CONSOLE_OUTPUT:
		return kill_vm(cli, d, EXIT_OUTPUT);
	}
	return 0;
}

static int run_run(struct cli *cli, struct err **e)
{
	autofini(vm_create_result) result = { 0 };

	if (create(cli, &result, e) < 0)
		return -1;
	return attach(cli, &result.vm.definition, e);
}

const struct command command_run = {
	.name = "run",
	.summary = "run an unnamed VM on this terminal",
	.usage = "--kernel FILE [OPTION]...",
	.about = "Run an unnamed VM with its console here, and remove it when it has "
		 "ended.\n"
		 "The exit status is the guest's: its debug-exit byte, 0 for an "
		 "orderly end,\n"
		 "9 for a failure. A signal to vxctl ends the VM.\n",
	.flags = { { vm_spec_flags, VM_SPEC_FLAGS } },
	.options_size = sizeof(struct vm_spec),
	.init = run_init,
	.fini = run_fini,
	.run = run_run,
};
