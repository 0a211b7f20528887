/*
 * cli/admin.c - admin recover: hand over to vxd, which must not be running
 *
 * Recovery is the daemon's own work on its files, so this only finds the program that
 * belongs to this vxctl and becomes it.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "base/str.h"

struct recover_options {
	char *state, *runtime; /* owned; NULL: vxd's default */
};

static void recover_fini(void *options)
{
	struct recover_options *o = options;

	free(o->state);
	free(o->runtime);
}

static int set_state(void *into, const char *value, struct err **e)
{
	struct recover_options *o = into;

	free(o->state);
	o->state = mem_strdup(value);
	return 0;
}

static int set_runtime(void *into, const char *value, struct err **e)
{
	struct recover_options *o = into;

	free(o->runtime);
	o->runtime = mem_strdup(value);
	return 0;
}

/* clang-format off */
static const struct flag recover_flags[] = {
	{ "state", 0, "DIR", "State directory, as vxd has it.", set_state },
	{ "runtime", 0, "DIR", "Runtime directory, as vxd has it.", set_runtime },
};
/* clang-format on */

/* `name` in the directory of this program; NULL when that cannot be told. */
static char *beside_us(const char *name)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return NULL;
	return mem_printf("%.*s/%s", (int)(slash - path), path, name);
}

/* Beside vxctl, above $VX_LIBEXECDIR, else the bare name for PATH. */
static char *find_vxd(void)
{
	const char *libexec = getenv("VX_LIBEXECDIR");
	char *path = beside_us("vxd");

	if (path && access(path, X_OK) == 0)
		return path;
	free(path);
	if (libexec) {
		path = mem_printf("%s/../vxd", libexec);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return mem_strdup("vxd");
}

static int run_admin(struct cli *cli, struct err **e)
{
	const struct recover_options *o = cli->options;
	autofree char *vxd = find_vxd();
	char *argv[7] = { "vxd", "--recover" };
	size_t n = 2;

	if (!str_eq(cli->args[0], "recover")) {
		err_set(e, ERR_INVALID_PARAMS, "there is no command admin %s",
			cli->args[0]);
		return err_hint(e, "vxctl admin recover");
	}
	if (o->state) {
		argv[n++] = "--state";
		argv[n++] = o->state;
	}
	if (o->runtime) {
		argv[n++] = "--runtime";
		argv[n++] = o->runtime;
	}
	execvp(vxd, argv);
	return err_sys(e, errno, "run %s", vxd);
}

const struct command command_admin = {
	.name = "admin",
	.summary = "admin recover: rebuild a damaged database",
	.usage = "recover [OPTION]...",
	.about = "Put a damaged or newer database aside and rebuild one from the "
		 "definition\n"
		 "files and the living VMs. vxd must not be running.\n",
	.flags = { { recover_flags, COUNT(recover_flags) } },
	.options_size = sizeof(struct recover_options),
	.fini = recover_fini,
	.args_min = 1,
	.args_max = 1,
	.run = run_admin,
};
