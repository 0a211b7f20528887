/*
 * tests/unit/test_base_jail.c - a jailed program has nothing but what it is handed
 *
 * jail_inmate tells what it sees. Where the host allows no user namespaces, all that
 * needs one is skipped. A sanitized program needs the host's files and environment: what
 * it sees of these is not looked at.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/jail.h"
#include "base/mem.h"
#include "base/str.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* Beside this program lies the one to jail. */
static int open_inmate(void)
{
	char self[4096] = "";
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int folder = n > 0 ? (int)(strrchr(self, '/') - self) : 0;
	autofree char *path = mem_printf("%.*s/jail_inmate", folder, self);
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		t_fail(__FILE__, __LINE__, "there is no %s", path);
	return fd;
}

static int spawn(const struct jail *j, pid_t *pid, int *pidfd, struct err **e)
{
	int rc = spawn_jailed(j, pid, pidfd, e);

	if (rc < 0 && e && *e && (*e)->code == ERR_UNSUPPORTED)
		t_skip("%s", (*e)->message);
	return rc;
}

static int status_of(pid_t pid)
{
	int status = -1;

	T_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

/* All that comes through a pipe until its other end is closed. */
static char *read_all(int fd)
{
	autofini(str) text = { 0 };
	char buf[512];

	for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0;)
		str_add_bytes(&text, buf, (size_t)n);
	return str_steal(&text);
}

static int file_saying(const char *text)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	T_EQ(fd_write_all(fd, text, strlen(text)), 0);
	return fd;
}

/* What the inmate tells, after it has ended. */
static char *tale(void)
{
	static const char *const argv[] = { "one", "two words", NULL };
	autofd int exe = open_inmate(), file = file_saying("hello");
	autoptr(err) e = NULL;
	int out[2], fds[2], pidfd = -1;
	pid_t pid;

	T_EQ(pipe2(out, O_CLOEXEC), 0);
	fds[0] = file;
	fds[1] = out[1];
	if (spawn(&(struct jail){ exe, argv, fds, 2 }, &pid, &pidfd, &e) < 0)
		t_fail(__FILE__, __LINE__, "%s", e->message);
	close(out[1]);

	char *text = read_all(out[0]);
	int status = status_of(pid);

	close(out[0]);
	close(pidfd);
	T_HAS(text, "\nend\n");
	T_OK(WIFEXITED(status));
	T_EQ(WEXITSTATUS(status), 7);
	return text;
}

static void it_is_process_1_and_nobody_in_particular(void)
{
	bool root = geteuid() == 0;
	unsigned int uid = root ? JAIL_UID : geteuid(),
		     gid = root ? JAIL_GID : getegid();
	autofree char *text = tale();
	autofree char *who = mem_printf("\nuid=%u,%u\ngid=%u,%u\n", uid, uid, gid, gid);

	T_HAS(text, "pid=1\nppid=0\n");
	T_HAS(text, who);
	if (root)
		T_HAS(text, "\ngroups=0\n");
}

static void it_has_no_capability_and_no_way_to_one(void)
{
	autofree char *text = tale();

	T_HAS(text, "\ncaps=0\nbounding=0\nno_new_privs=1\n");
}

static void it_sees_an_empty_root_that_it_cannot_fill(void)
{
	autofree char *text = NULL;

	if (SANITIZED)
		t_skip("a sanitized program needs the host's files");
	text = tale();
	T_HAS(text, "\nentries=0\ncwd=/\n");
	T_HAS(text, "\nmkdir=EROFS\n");
}

static void it_has_its_descriptors_and_no_others(void)
{
	autofd int not_cloexec =
		open("/dev/null", O_RDONLY); /* NOLINT: to be inherited */
	autofree char *text = tale();

	T_OK(not_cloexec >= 0);
	T_HAS(text, "\nfds=0,1,\nread=hello\n");
}

static void it_has_its_arguments_and_no_environment(void)
{
	autofree char *text = NULL;

	setenv("SECRET", "x", 1);
	text = tale();
	T_HAS(text, "\nargs=one,two words,\n");
	if (!SANITIZED)
		T_HAS(text, "\nenv=0\n");
}

static void it_is_limited(void)
{
	autofree char *text = tale();

	T_HAS(text, "\ncore=0,0\n");
	T_HAS(text, "\nfiles=1024,1024\n");
}

static void it_does_not_inherit_how_signals_are_treated(void)
{
	autofree char *text = NULL;
	sigset_t all;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigemptyset(&all);
	sigaddset(&all, SIGUSR1);
	sigaddset(&all, SIGCHLD);
	sigprocmask(SIG_SETMASK, &all, NULL);
	text = tale();
	T_HAS(text, "\nblocked=0\nignored=0\n");
}

static void it_has_no_network(void)
{
	autofree char *text = tale();

	T_HAS(text, "\naddresses=0\n");
}

/* Descriptors of every number go where they belong, whatever was there before. */
static void descriptors_may_lie_in_each_others_places(void)
{
	static const char *const argv[] = { "inmate", NULL };
	autofd int exe = open_inmate(), file = file_saying("swapped");
	autoptr(err) e = NULL;
	autofree char *text = NULL;
	int out[2], fds[JAIL_FDS_MAX], pidfd = -1;
	pid_t pid;

	T_EQ(pipe2(out, O_CLOEXEC), 0);
	T_OK(dup2(file, 1) == 1 && dup2(out[1], 0) == 0);
	fds[0] = 1;
	fds[1] = 0;
	for (size_t i = 2; i < JAIL_FDS_MAX; i++)
		fds[i] = i % 2 ? 0 : exe;
	T_EQ(spawn(&(struct jail){ exe, argv, fds, JAIL_FDS_MAX }, &pid, &pidfd, &e),
	     0);
	close(out[1]);
	close(0);
	text = read_all(out[0]);
	T_OK(WIFEXITED(status_of(pid)));
	T_HAS(text, "\nfds=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,\nread=swapped\n");
	close(out[0]);
	close(pidfd);
}

static void its_pidfd_is_closed_on_exec_and_tells_the_end(void)
{
	static const char *const argv[] = { "inmate", NULL };
	autofd int exe = open_inmate(), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int fds[] = { null, null };
	autoptr(err) e = NULL;
	siginfo_t info = { 0 };
	int pidfd = -1;
	pid_t pid;

	T_EQ(spawn(&(struct jail){ exe, argv, fds, 2 }, &pid, &pidfd, &e), 0);
	T_EQ(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	T_EQ(poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, 30000), 1);
	T_EQ(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), 0);
	T_EQ(info.si_pid, pid);
	T_EQ(info.si_code, CLD_EXITED);
	T_EQ(info.si_status, 7);
	close(pidfd);
}

/* A start that fails must leave neither a process nor its outputs behind. */
static void expect_failure(const struct jail *j, enum err_code code, const char *says)
{
	autoptr(err) e = NULL;
	pid_t pid = 77;
	int pidfd = 77, highest = dup(0);

	close(highest);
	T_EQ(spawn(j, &pid, &pidfd, &e), -1);
	T_EQ(e->code, code);
	T_HAS(e->message, says);
	T_OK(pid == 77 && pidfd == 77);
	T_EQ(waitpid(-1, NULL, WNOHANG), -1);
	T_EQ(errno, ECHILD);

	int again = dup(0);

	T_EQ(again, highest);
	close(again);
}

static void what_cannot_be_executed_is_reported(void)
{
	static const char *const argv[] = { "x", NULL };
	autofd int not_a_program = file_saying("this is no program");
	autofd int no_right = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	struct jail j = { not_a_program, argv, NULL, 0 };

	T_EQ(fchmod(not_a_program, 0755), 0);
	expect_failure(&j, ERR_INTERNAL, "execute its program: Exec format error");
	j.exe = no_right;
	expect_failure(&j, ERR_PERMISSION_DENIED, "execute its program");
	j.exe = -1;
	expect_failure(&j, ERR_INTERNAL, "place its descriptors: Bad file descriptor");
}

static void descriptors_that_are_not_open_or_too_many_are_refused(void)
{
	static const char *const argv[] = { "x", NULL };
	static const int closed[] = { 1023 }, many[JAIL_FDS_MAX + 1] = { 0 };
	autofd int exe = open_inmate();

	expect_failure(&(struct jail){ exe, argv, closed, 1 }, ERR_INTERNAL,
		       "place its descriptors: Bad file descriptor");
	expect_failure(&(struct jail){ exe, argv, many, JAIL_FDS_MAX + 1 },
		       ERR_INTERNAL, "too many descriptors");
}

static void who_does_not_care_for_the_reason_passes_null(void)
{
	static const char *const argv[] = { "x", NULL };
	const struct jail j = { -1, argv, NULL, 0 };
	pid_t pid;
	int pidfd;

	T_EQ(spawn_jailed(&j, &pid, &pidfd, NULL), -1);
}

static void it_goes_on_when_its_parent_ends(void)
{
	static const char *const argv[] = { "x", NULL };
	autofd int exe = open_inmate(), file = file_saying("orphan");
	autofree char *text = NULL;
	int out[2];

	T_EQ(pipe2(out, O_CLOEXEC), 0);
	pid_t parent = fork();

	if (parent == 0) {
		const int fds[] = { file, out[1] };
		autoptr(err) e = NULL;
		pid_t pid;
		int pidfd;
		int rc = spawn_jailed(&(struct jail){ exe, argv, fds, 2 }, &pid, &pidfd,
				      &e);

		_exit(rc == 0 ? 0 : e->code == ERR_UNSUPPORTED ? 77 : 1);
	}
	close(out[1]);

	int status = status_of(parent);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		t_skip("this host allows no user namespaces");
	T_EQ(status, 0);
	text = read_all(out[0]);
	T_HAS(text, "\nend\n");
	close(out[0]);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(it_is_process_1_and_nobody_in_particular),
		T_CASE(it_has_no_capability_and_no_way_to_one),
		T_CASE(it_sees_an_empty_root_that_it_cannot_fill),
		T_CASE(it_has_its_descriptors_and_no_others),
		T_CASE(it_has_its_arguments_and_no_environment),
		T_CASE(it_is_limited),
		T_CASE(it_does_not_inherit_how_signals_are_treated),
		T_CASE(it_has_no_network),
		T_CASE(descriptors_may_lie_in_each_others_places),
		T_CASE(its_pidfd_is_closed_on_exec_and_tells_the_end),
		T_CASE(what_cannot_be_executed_is_reported),
		T_CASE(descriptors_that_are_not_open_or_too_many_are_refused),
		T_CASE(who_does_not_care_for_the_reason_passes_null),
		T_CASE(it_goes_on_when_its_parent_ends),
	};

	return T_RUN(cases);
}
