/*
 * tests/unit/test_base_paths.c - where a session's vxd keeps its things
 */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/paths.h"

static void forget_all(void)
{
	unsetenv("XDG_STATE_HOME");
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("HOME");
}

static void the_xdg_directories_come_first(void)
{
	autofini(paths) p = { 0 };
	autoptr(err) e = NULL;

	setenv("XDG_STATE_HOME", "/s", 1);
	setenv("XDG_RUNTIME_DIR", "/r", 1);
	setenv("HOME", "/h", 1);
	T_EQ(paths_session(&p, &e), 0);
	T_STR(p.state, "/s/vx");
	T_STR(p.runtime, "/r/vx");
	T_STR(p.socket, "/r/vx/vxd.sock");
}

static void the_state_is_below_home_without_them(void)
{
	autofini(paths) p = { 0 };

	forget_all();
	setenv("HOME", "/h", 1);
	setenv("XDG_RUNTIME_DIR", "/r", 1);
	T_EQ(paths_session(&p, NULL), 0);
	T_STR(p.state, "/h/.local/state/vx");
}

static void relative_ones_are_ignored(void)
{
	autofini(paths) p = { 0 };

	setenv("XDG_STATE_HOME", "s", 1);
	setenv("XDG_RUNTIME_DIR", "", 1);
	setenv("HOME", "/h", 1);
	T_EQ(paths_session(&p, NULL), 0);
	T_STR(p.state, "/h/.local/state/vx");
	T_OK(p.runtime[0] == '/');
	T_NE(p.runtime[1], '\0');
}

/* What the runtime directory is when no variable says so depends on the host. */
static void the_runtime_directory_falls_back_in_order(void)
{
	autofree char *user = mem_printf("/run/user/%u", geteuid());
	autofree char *want = NULL, *socket = NULL;
	autofini(paths) p = { 0 };

	forget_all();
	setenv("HOME", "/h", 1);
	T_EQ(paths_session(&p, NULL), 0);
	if (access(user, W_OK) == 0)
		want = mem_printf("%s/vx", user);
	else if (geteuid() == 0)
		want = mem_strdup("/run/vx-0");
	else
		want = mem_strdup("/h/.local/state/vx/run");
	socket = mem_printf("%s/vxd.sock", want);
	T_STR(p.runtime, want);
	T_STR(p.socket, socket);
}

static void without_any_variable_the_user_database_is_asked(void)
{
	autofini(paths) p = { 0 };
	autoptr(err) e = NULL;

	forget_all();
	if (paths_session(&p, &e) == 0) {
		T_HAS(p.state, "/.local/state/vx");
		T_OK(p.state[0] == '/');
	} else {
		T_EQ(e->code, ERR_NOT_FOUND);
		T_HAS(e->hint, "XDG_STATE_HOME");
	}
}

static void freeing_twice_is_harmless(void)
{
	struct paths p = { 0 };

	T_EQ(paths_session(&p, NULL), 0);
	paths_fini(&p);
	paths_fini(&p);
	T_OK(!p.state && !p.runtime && !p.socket);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(the_xdg_directories_come_first),
		T_CASE(the_state_is_below_home_without_them),
		T_CASE(relative_ones_are_ignored),
		T_CASE(the_runtime_directory_falls_back_in_order),
		T_CASE(without_any_variable_the_user_database_is_asked),
		T_CASE(freeing_twice_is_harmless),
	};

	return T_RUN(cases);
}
