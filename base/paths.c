/*
 * base/paths.c - where a session's vxd keeps its things
 */
#include "base/paths.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

/* A relative path in these variables is to be ignored (XDG base directories). */
static const char *absolute_env(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

static char *state_dir(struct err **e)
{
	const char *xdg = absolute_env("XDG_STATE_HOME");
	const char *home = absolute_env("HOME");
	const struct passwd *user = xdg || home ? NULL : getpwuid(geteuid());

	if (xdg)
		return mem_printf("%s/vx", xdg);
	if (!home && user)
		home = user->pw_dir;
	if (home)
		return mem_printf("%s/.local/state/vx", home);
	err_set(e, ERR_NOT_FOUND, "user %u has no home directory", geteuid());
	err_hint(e, "set HOME or XDG_STATE_HOME");
	return NULL;
}

static char *runtime_dir(const char *state)
{
	const char *xdg = absolute_env("XDG_RUNTIME_DIR");
	autofree char *user = mem_printf("/run/user/%u", geteuid());

	if (xdg)
		return mem_printf("%s/vx", xdg);
	if (access(user, W_OK) == 0)
		return mem_printf("%s/vx", user);
	if (geteuid() == 0)
		return mem_printf("/run/vx-%u", geteuid());
	return mem_printf("%s/run", state);
}

int paths_session(struct paths *out, struct err **e)
{
	char *state = state_dir(e);

	if (!state)
		return -1;
	out->state = state;
	out->runtime = runtime_dir(state);
	out->socket = mem_printf("%s/vxd.sock", out->runtime);
	return 0;
}

void paths_fini(struct paths *p)
{
	free(p->state);
	free(p->runtime);
	free(p->socket);
	*p = (struct paths){ 0 };
}
