/*
 * tests/unit/test.c - run a list of tests, each in a process of its own
 *
 * A forked test that crashes, leaks or hangs fails alone; the line that is
 * printed says how. Its temporary directory goes with it.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#define T_SECONDS 60
#define EXIT_SKIP 77
#define EXIT_FAILED 3

static int verdict_fd = -1; /* why a test failed or was skipped, to the parent */

static void tell(const char *fmt, va_list args)
{
	autofree char *text = mem_vprintf(fmt, args);
	ssize_t n UNUSED = write(verdict_fd, text, strlen(text));
}

static void tellf(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell(fmt, args);
	va_end(args);
}

void t_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	tellf("%s:%d: ", file, line);
	va_start(args, fmt);
	tell(fmt, args);
	va_end(args);
	_exit(EXIT_FAILED);
}

void t_skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell(fmt, args);
	va_end(args);
	_exit(EXIT_SKIP);
}

void t_eq(const char *file, int line, const char *what, intmax_t got, intmax_t want)
{
	if (got != want)
		t_fail(file, line, "%s is %jd, not %jd", what, got, want);
}

void t_ne(const char *file, int line, const char *what, intmax_t got, intmax_t other)
{
	if (got == other)
		t_fail(file, line, "%s is %jd", what, got);
}

void t_str(const char *file, int line, const char *what, const char *got,
	   const char *want)
{
	if (!got || !want ? got != want : strcmp(got, want) != 0)
		t_fail(file, line, "%s is \"%s\", not \"%s\"", what,
		       got ? got : "(null)", want ? want : "(null)");
}

void t_has(const char *file, int line, const char *what, const char *got,
	   const char *part)
{
	if (!got || !strstr(got, part))
		t_fail(file, line, "%s is \"%s\", without \"%s\"", what,
		       got ? got : "(null)", part);
}

static char test_dir[256];

const char *t_dir(void)
{
	return test_dir;
}

static int remove_entry(const char *path, const struct stat *st UNUSED, int flag UNUSED,
			struct FTW *ftw UNUSED)
{
	return remove(path);
}

static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(test_dir, sizeof(test_dir), "%s/vx-test.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(test_dir)) {
		perror(test_dir);
		exit(1);
	}
}

static void run_child(const struct t_case *c, int fd)
{
	verdict_fd = fd;
	alarm(T_SECONDS);
	c->run();
	exit(0); /* and not _exit(): LeakSanitizer reports here */
}

static void report(const struct t_case *c, int status, const char *why)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		printf("ok %s\n", c->name);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP)
		printf("skip %s: %s\n", c->name, why);
	else if (WIFSIGNALED(status))
		printf("FAIL %s: ended by signal %d (%s)\n", c->name, WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	else
		printf("FAIL %s: %s\n", c->name, *why ? why : "exited with an error");
	fflush(stdout);
}

static int run_one(const struct t_case *c)
{
	int fds[2], status;
	char why[1024] = "";

	make_dir();
	if (pipe2(fds, O_CLOEXEC) < 0)
		return 1;
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		close(fds[0]);
		run_child(c, fds[1]);
	}
	close(fds[1]);
	size_t len = 0;

	for (ssize_t n; len < sizeof(why) - 1; len += (size_t)n) {
		n = read(fds[0], why + len, sizeof(why) - 1 - len);
		if (n <= 0)
			break;
	}
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	nftw(test_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	report(c, status, why);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP)
		return EXIT_SKIP;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

int t_run(const struct t_case *cases, size_t n)
{
	size_t failed = 0, skipped = 0;

	for (size_t i = 0; i < n; i++) {
		int rc = run_one(&cases[i]);

		failed += rc == 1;
		skipped += rc == EXIT_SKIP;
	}
	if (failed)
		return 1;
	return n && skipped == n ? EXIT_SKIP : 0;
}
