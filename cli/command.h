/*
 * cli/command.h - what a command of vxctl is, and what it gets to work with
 */
#ifndef VX_CLI_COMMAND_H
#define VX_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/flags.h"
#include "rpc/client.h"

#define PROJECT_DEFAULT "default"

struct cli {
	const struct command *command; /* borrowed; NULL until it is known */
	char *socket;		       /* owned; NULL: not said */
	char *project;		       /* owned; NULL: not said */
	bool json;
	bool help, version;
	void *options; /* owned: the command's own */
	char **args;   /* borrowed strings, owned array */
	size_t n_args;
	struct rpc_client *client; /* owned; NULL before cli_connect() */
};

struct command {
	const char *name;
	const char *summary; /* a phrase for the list of commands */
	const char *usage;   /* what follows the name */
	const char *about;   /* sentences; may be NULL */
	/* Two tables, as the options of a VM are those of two commands. */
	struct {
		const struct flag *flags;
		size_t count;
	} flags[2];
	size_t options_size; /* zeroed before init; 0: no options of its own */
	int (*init)(void *options, struct err **e); /* may be NULL */
	void (*fini)(void *options);		    /* may be NULL */
	size_t args_min, args_max;
	/* Exit status, or -1 and *e. */
	int (*run)(struct cli *cli, struct err **e);
};

/* The list of main.c, each defined in the file of its group. */
extern const struct command command_create;
extern const struct command command_list;
extern const struct command command_show;
extern const struct command command_set;
extern const struct command command_start;
extern const struct command command_stop;
extern const struct command command_kill;
extern const struct command command_pause;
extern const struct command command_resume;
extern const struct command command_delete;
extern const struct command command_wait;
extern const struct command command_console;
extern const struct command command_events;
extern const struct command command_run;
extern const struct command command_version;
extern const struct command command_admin;

/*
 * Make sense of the words of a command line and run the command among `commands`,
 * which ends with NULL: the exit status.
 */
int cli_main(const struct command *const *commands, int argc, char **argv);

/* Connect to vxd, if not done yet: --socket, $VX_SOCKET, the session's default. */
int cli_connect(struct cli *cli, struct err **e);
/* Borrowed: the project to name in a call. */
char *cli_project(const struct cli *cli);

#endif
