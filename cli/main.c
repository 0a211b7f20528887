/*
 * cli/main.c - vxctl: the list of its commands
 *
 * A client of the public API and nothing else.
 */
#include <signal.h>

#include "cli/command.h"

/* clang-format off */
static const struct command *const commands[] = {
	&command_create,
	&command_list,
	&command_show,
	&command_set,
	&command_start,
	&command_stop,
	&command_kill,
	&command_pause,
	&command_resume,
	&command_wait,
	&command_delete,
	&command_console,
	&command_events,
	&command_run,
	&command_version,
	&command_admin,
	NULL,
};
/* clang-format on */

int main(int argc, char **argv)
{
	/* A reader that is gone is a failed write, which is reported. */
	signal(SIGPIPE, SIG_IGN);
	return cli_main(commands, argc, argv);
}
