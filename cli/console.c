/*
 * cli/console.c - console
 */
#include "cli/console.h"

#include "cli/output.h"
#include "cli/terminal.h"

struct console_options {
	bool no_history;
};

static int set_no_history(void *into, const char *value, struct err **e)
{
	((struct console_options *)into)->no_history = true;
	return 0;
}

/* clang-format off */
static const struct flag console_flags[] = {
	{ "no-history", 0, NULL, "Leave out what was printed before.", set_no_history },
};
/* clang-format on */

static void tell_end(const char *name, const struct console_result *r)
{
	const struct vm_end *end = &r->end;

	if (!r->has_end)
		notice("%s has not run yet", name);
	else if (end->reason == END_REASON_DEBUG_EXIT)
		notice("%s has ended: debug-exit %u", name, (unsigned)end->status);
	else
		notice("%s has ended: %s%s%s", name, end_reason_name(end->reason),
		       end->detail ? ": " : "", end->detail ? end->detail : "");
}

static int run_console(struct cli *cli, struct err **e)
{
	const struct console_options *o = cli->options;
	autofini(console_result) r = { 0 };
	const char *name = cli->args[0];

	if (cli_connect(cli, e) < 0 ||
	    console_attach(cli, name, name, !o->no_history, &r, e) < 0)
		return -1;
	switch (r.outcome) {
	case CONSOLE_ENDED:
		tell_end(name, &r);
		return 0;
	case CONSOLE_DETACHED:
		return 0;
	case CONSOLE_SIGNAL:
		signals_die(r.signal);
	case CONSOLE_OUTPUT:
		return EXIT_OUTPUT;
	}
	return 0;
}

const struct command command_console = {
	.name = "console",
	.summary = "the serial console of a VM",
	.usage = "[OPTION]... NAME",
	.about = "Show the serial console of a VM, what it printed before first, and "
		 "type\n"
		 "into it, until it ends. On a terminal Ctrl-] leaves it.\n",
	.flags = { { console_flags, COUNT(console_flags) } },
	.options_size = sizeof(struct console_options),
	.args_min = 1,
	.args_max = 1,
	.run = run_console,
};
