/*
 * cli/command.c - from the words of a command line to a command that runs
 *
 *   vxctl [common options] COMMAND [options, common ones too] [ARGUMENT]...
 */
#include "cli/command.h"

#include <string.h>

#include "base/mem.h"
#include "base/paths.h"
#include "base/str.h"
#include "cli/output.h"

static int set_socket(void *into, const char *value, struct err **e)
{
	struct cli *cli = into;

	free(cli->socket);
	cli->socket = mem_strdup(value);
	return 0;
}

static int set_project(void *into, const char *value, struct err **e)
{
	struct cli *cli = into;

	free(cli->project);
	cli->project = mem_strdup(value);
	return 0;
}

static int set_output(void *into, const char *value, struct err **e)
{
	struct cli *cli = into;

	if (strcmp(value, "table") != 0 && strcmp(value, "json") != 0) {
		err_set(e, ERR_INVALID_PARAMS, "there is no format %s", value);
		return err_hint(e, "table or json");
	}
	cli->json = strcmp(value, "json") == 0;
	return 0;
}

static int set_help(void *into, const char *value, struct err **e)
{
	((struct cli *)into)->help = true;
	return 0;
}

static int set_version(void *into, const char *value, struct err **e)
{
	((struct cli *)into)->version = true;
	return 0;
}

/* clang-format off */
static const struct flag common_flags[] = {
	{ "socket", 0, "PATH", "Socket of vxd; else $VX_SOCKET, else the session's.", set_socket },
	{ "project", 0, "NAME", "Project; else default.", set_project },
	{ "output", 'o', "table|json", "Print for people, or the reply as it came.", set_output },
	{ "help", 'h', NULL, "Say what a command does.", set_help },
};
static const struct flag version_flag[] = {
	{ "version", 0, NULL, "Print the version of vxctl.", set_version },
};
/* clang-format on */

static void add_commands(const struct command *const *commands, struct str *out)
{
	for (; *commands; commands++)
		str_addf(out, "  %-10s%s\n", (*commands)->name, (*commands)->summary);
}

static int help_all(const struct command *const *commands)
{
	autofini(str) out = { 0 };

	str_add(&out, "Usage: vxctl COMMAND [OPTION]... [ARGUMENT]...\n\n"
		      "Create and run virtual machines with vxd.\n\nCommands:\n");
	add_commands(commands, &out);
	str_add(&out, "\nOptions of every command:\n");
	flags_help(common_flags, COUNT(common_flags), &out);
	flags_help(version_flag, COUNT(version_flag), &out);
	str_add(&out, "\nvxctl COMMAND --help tells more; see also vxctl(1).\n");
	return output_str(&out);
}

static int help_command(const struct command *c)
{
	autofini(str) out = { 0 };

	str_addf(&out, "Usage: vxctl %s %s\n\n%s", c->name, c->usage,
		 c->about ? c->about : "");
	if (c->flags[0].count) {
		str_add(&out, "\nOptions:\n");
		for (size_t i = 0; i < COUNT(c->flags); i++)
			flags_help(c->flags[i].flags, c->flags[i].count, &out);
	}
	str_add(&out, "\nCommon options:\n");
	flags_help(common_flags, COUNT(common_flags), &out);
	return output_str(&out);
}

static const struct command *find(const struct command *const *commands,
				  const char *name)
{
	for (; *commands; commands++)
		if (strcmp((*commands)->name, name) == 0)
			return *commands;
	return NULL;
}

static int bad_count(const struct cli *cli, struct err **e)
{
	const struct command *c = cli->command;

	err_set(e, ERR_INVALID_PARAMS, "%s: %s", c->name,
		cli->n_args < c->args_min ? "an argument is missing"
					  : "too many arguments");
	return err_hint(e, "vxctl %s %s", c->name, c->usage);
}

static int run_command(struct cli *cli, int argc, char **argv, struct err **e)
{
	const struct command *c = cli->command;
	struct flag_group groups[] = {
		{ common_flags, COUNT(common_flags), cli },
		{ c->flags[0].flags, c->flags[0].count, cli->options },
		{ c->flags[1].flags, c->flags[1].count, cli->options },
	};

	if (c->init && c->init(cli->options, e) < 0)
		return -1;
	if (flags_parse(groups, COUNT(groups), argc, argv, false, cli->args,
			&cli->n_args, e) < 0) {
		if (e && !(*e)->hint)
			err_hint(e, "vxctl %s --help lists the options", c->name);
		return -1;
	}
	if (cli->help)
		return help_command(c);
	if (cli->n_args < c->args_min || cli->n_args > c->args_max)
		return bad_count(cli, e);
	return c->run(cli, e);
}

/* The words before the command, and the command: 1 when there is one to run. */
static int take_leading(struct cli *cli, const struct command *const *commands,
			int *argc, char ***argv, struct err **e)
{
	struct flag_group groups[] = {
		{ common_flags, COUNT(common_flags), cli },
		{ version_flag, COUNT(version_flag), cli },
	};

	if (flags_parse(groups, COUNT(groups), *argc, *argv, true, cli->args,
			&cli->n_args, e) < 0)
		return err_hint(e, "vxctl --help lists the options");
	if (cli->n_args == 0)
		return 0;
	*argv += *argc - (int)cli->n_args + 1;
	*argc = (int)cli->n_args - 1;
	cli->command = find(commands, cli->args[0]);
	if (!cli->command) {
		err_set(e, ERR_INVALID_PARAMS, "there is no command %s", cli->args[0]);
		return err_hint(e, "vxctl --help lists them");
	}
	cli->options = mem_alloc(MAX(cli->command->options_size, (size_t)1));
	return 1;
}

static int run_line(struct cli *cli, const struct command *const *commands, int argc,
		    char **argv, struct err **e)
{
	int rc = take_leading(cli, commands, &argc, &argv, e);

	if (rc < 0)
		return -1;
	if (rc == 1)
		return run_command(cli, argc, argv, e);
	if (cli->version)
		return output_line("vxctl " VX_VERSION);
	if (cli->help)
		return help_all(commands);
	err_set(e, ERR_INVALID_PARAMS, "which command?");
	return err_hint(e, "vxctl --help lists them");
}

static void cli_fini(struct cli *cli)
{
	if (cli->options && cli->command->fini)
		cli->command->fini(cli->options);
	free(cli->options);
	free(cli->args);
	free(cli->socket);
	free(cli->project);
	rpc_client_free(cli->client);
}

int cli_main(const struct command *const *commands, int argc, char **argv)
{
	struct cli cli = { .args = mem_array((size_t)MAX(argc, 1), sizeof(char *)) };
	struct err *e = NULL;
	int status = run_line(&cli, commands, argc - 1, argv + 1, &e);

	if (status < 0)
		status = error_report(e);
	cli_fini(&cli);
	return status;
}

int cli_connect(struct cli *cli, struct err **e)
{
	autofini(paths) paths = { 0 };
	const char *path = cli->socket ? cli->socket : getenv("VX_SOCKET");

	if (cli->client)
		return 0;
	if (!path) {
		if (paths_session(&paths, e) < 0)
			return -1;
		path = paths.socket;
	}
	cli->client = rpc_client_open(path, e);
	return cli->client ? 0 : -1;
}

char *cli_project(const struct cli *cli)
{
	static char project[] = PROJECT_DEFAULT;

	return cli->project ? cli->project : project;
}
