/*
 * cli/terminal.c - a terminal in raw mode, given back on every way out
 *
 * Signals come through a descriptor, so no handler runs and every way out is an
 * ordinary return or exit(), which on_exit(3) sees.
 */
#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "base/mem.h"

struct terminal {
	int fd; /* borrowed */
	struct termios before;
	bool raw;
};

void terminal_restore(struct terminal *t)
{
	if (!t || !t->raw)
		return;
	t->raw = false;
	/* At once: output that nobody takes must not keep us. */
	tcsetattr(t->fd, TCSANOW, &t->before);
}

static void restore_at_exit(int status, void *terminal)
{
	terminal_restore(terminal);
	free(terminal);
}

struct terminal *terminal_raw(int fd, struct err **e)
{
	struct terminal *t = mem_new(struct terminal);
	struct termios raw;

	t->fd = fd;
	if (tcgetattr(fd, &t->before) < 0) {
		err_sys(e, errno, "read the terminal's mode");
		free(t);
		return NULL;
	}
	if (on_exit(restore_at_exit, t) != 0) {
		err_set(e, ERR_INTERNAL,
			"the terminal could not be given back at exit");
		free(t);
		return NULL;
	}
	raw = t->before;
	cfmakeraw(&raw);
	t->raw = true;
	if (tcsetattr(fd, TCSADRAIN, &raw) < 0) {
		err_sys(e, errno, "set the terminal's mode");
		return NULL;
	}
	return t;
}

static void watched(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
}

int signals_open(struct err **e)
{
	sigset_t set;
	int fd;

	watched(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(e, errno, "block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_sys(e, errno, "open a signal descriptor") : fd;
}

int signals_take(int fd)
{
	struct signalfd_siginfo info;
	ssize_t n = read(fd, &info, sizeof(info));

	return n == (ssize_t)sizeof(info) ? (int)info.ssi_signo : SIGTERM;
}

void signals_die(int signal_number)
{
	sigset_t set;

	signal(signal_number, SIG_DFL);
	raise(signal_number);
	watched(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	exit(128 + signal_number); /* it was ignored by whoever started us */
}
