/*
 * base/jail.c - start a program that has nothing but what it is handed
 *
 * A user namespace is always used, by root too: it is the one way that leaves
 * root and an ordinary user with the same result, a process whose capabilities,
 * while it still had them, were never good for anything outside.
 *
 *   parent                         child
 *   clone3(all namespaces)         wait for "go"
 *   write the id maps, say "go"    be that user; empty root; rlimits; no
 *   read: what failed, or          capabilities; fds in place; execveat
 *   end of file = it runs
 *
 * The map has one line that maps a user to itself, so no process in the jail is
 * ever uid 0, not even inside. An ordinary user's supplementary groups cannot be
 * dropped without privilege; they open nothing, since there is nothing to open.
 *
 * A sanitized program is linked dynamically and reads /proc, so that build keeps
 * the host's files in sight and gets a /proc of its own instead of an empty root.
 *
 * Not here: seccomp and Landlock (the worker seals itself), cgroups.
 */
#include "base/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fd.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define NAMESPACES                                                                  \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | \
	 CLONE_NEWUTS | CLONE_NEWCGROUP)
#define OPEN_FILES 1024

/* What the child tells when it cannot become the program. */
struct failure {
	int32_t step;
	int32_t error;
};

struct ids {
	uid_t uid;
	gid_t gid;
	bool root; /* the caller is: it may drop supplementary groups */
};

static struct ids jail_ids(void)
{
	if (geteuid() == 0)
		return (struct ids){ JAIL_UID, JAIL_GID, true };
	return (struct ids){ geteuid(), getegid(), false };
}

/*
 * The child, between clone and exec: system calls only, nothing that locks.
 * Its steps return 0 or -errno.
 */
struct inmate {
	const struct jail *jail;
	const struct ids *ids;
	int gate; /* the parent is on its other side */
	int exe;
};

static int become_user(struct inmate *in)
{
	const struct ids *ids = in->ids;

	if (ids->root && setgroups(0, NULL) < 0)
		return -errno;
	if (setresgid(ids->gid, ids->gid, ids->gid) < 0 ||
	    setresuid(ids->uid, ids->uid, ids->uid) < 0)
		return -errno;
	return 0;
}

static int empty_root(struct inmate *in UNUSED)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	if (SANITIZED)
		return mount("proc", "/proc", "proc", flags, NULL) < 0 ? -errno : 0;

	/* /proc stands for any directory that surely exists. */
	if (mount("none", "/proc", "tmpfs", flags | MS_RDONLY,
		  "size=4096,nr_inodes=2,mode=0555") < 0 ||
	    chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static int limit_resources(struct inmate *in UNUSED)
{
	const struct rlimit core = { 0, 0 };
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	files.rlim_max = MIN(files.rlim_max, OPEN_FILES);
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_CORE, &core) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	return 0;
}

static int drop_capabilities(struct inmate *in UNUSED)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	if (syscall(SYS_capset, &head, none) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* All to 0, 1, ...; gate and exe behind them, the rest of the table closed. */
static int place_fds(struct inmate *in)
{
	const struct jail *j = in->jail;
	int n = (int)j->n_fds, high[JAIL_FDS_MAX + 2];

	for (int i = 0; i < n + 2; i++) {
		int from = i < n ? j->fds[i] : i == n ? in->gate : in->exe;

		high[i] = fcntl(from, F_DUPFD_CLOEXEC, n + 2);
		if (high[i] < 0)
			return -errno;
	}
	for (int i = 0; i < n + 2; i++)
		if (dup3(high[i], i, i < n ? 0 : O_CLOEXEC) < 0)
			return -errno;
	in->gate = n;
	in->exe = n + 1;
	return syscall(SYS_close_range, n + 2, ~0u, 0) < 0 ? -errno : 0;
}

static int reset_signals(struct inmate *in UNUSED)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL); /* refused for some, which have no handler */
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int execute(struct inmate *in)
{
	char *const none[] = { NULL };

	syscall(SYS_execveat, in->exe, "", in->jail->argv, SANITIZED ? environ : none,
		AT_EMPTY_PATH);
	return -errno;
}

static const struct {
	const char *name;
	int (*run)(struct inmate *in);
	bool needs_namespace; /* a refusal means that its capabilities are void */
} steps[] = {
	{ "change to its user", become_user, true },
	{ "empty its root directory", empty_root, true },
	{ "limit its resources", limit_resources, false },
	{ "drop its capabilities", drop_capabilities, false },
	{ "reset its signals", reset_signals, false },
	{ "place its descriptors", place_fds, false },
	{ "execute its program", execute, false },
};

static void child(struct inmate *in)
{
	struct failure f = { 0 };
	char go;

	if (read(in->gate, &go, 1) != 1)
		_exit(1);
	for (; f.error == 0 && f.step < (int)COUNT(steps); f.step++)
		f.error = -steps[f.step].run(in);
	f.step--;

	ssize_t n UNUSED = write(in->gate, &f, sizeof(f));

	_exit(1);
}

/* The parent. */

static int write_proc(pid_t pid, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	autofd int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

static int map_ids(pid_t pid, const struct ids *ids)
{
	char uids[64], gids[64];

	snprintf(uids, sizeof(uids), "%u %u 1", ids->uid, ids->uid);
	snprintf(gids, sizeof(gids), "%u %u 1", ids->gid, ids->gid);
	int rc = write_proc(pid, "uid_map", uids);

	/* Whoever is not root must give up setgroups(2) before mapping a group. */
	if (rc == 0 && !ids->root)
		rc = write_proc(pid, "setgroups", "deny");
	return rc < 0 ? rc : write_proc(pid, "gid_map", gids);
}

static int no_namespaces(int errnum, struct err **e)
{
	err_set(e, ERR_UNSUPPORTED,
		"this host does not let uid %u make user namespaces, without which "
		"no process can be sealed off: %s",
		geteuid(), strerror(errnum));
	return err_hint(e, "allow them: sysctl user.max_user_namespaces, "
			   "kernel.unprivileged_userns_clone or "
			   "kernel.apparmor_restrict_unprivileged_userns");
}

static int clone_child(int *out_pidfd, pid_t *out_pid, struct err **e)
{
	int pidfd = -1;
	struct clone_args args = { .flags = NAMESPACES | CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&pidfd,
				   .exit_signal = SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	/* ENOSPC is how a limit of zero namespaces looks. */
	if (pid < 0 && (errno == EPERM || errno == ENOSPC || errno == EINVAL))
		return no_namespaces(errno, e);
	if (pid < 0)
		return err_sys(e, errno, "clone a process into new namespaces");
	*out_pid = pid;
	*out_pidfd = pidfd;
	return 0;
}

/* Let the child go and wait until it runs its program. */
static int see_it_run(pid_t pid, const struct ids *ids, int gate, struct err **e)
{
	struct failure f;
	int rc = map_ids(pid, ids);

	if (rc == 0)
		rc = fd_write_all(gate, "g", 1);
	if (rc < 0)
		return no_namespaces(-rc, e);

	ssize_t n = read(gate, &f, sizeof(f));

	if (n == 0)
		return 0;
	if (n != sizeof(f))
		return err_set(e, ERR_INTERNAL, "the process ended before it began");
	if (steps[f.step].needs_namespace && (f.error == EPERM || f.error == EACCES))
		return no_namespaces(f.error, e);
	return err_sys(e, f.error, "%s", steps[f.step].name);
}

int spawn_jailed(const struct jail *j, pid_t *out_pid, int *out_pidfd, struct err **e)
{
	const struct ids ids = jail_ids();
	autofd int pidfd = -1;
	int gate[2];
	pid_t pid = -1;

	if (j->n_fds > JAIL_FDS_MAX)
		return err_set(e, ERR_INTERNAL, "too many descriptors for a jail");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, gate) < 0)
		return err_sys(e, errno, "make a socket pair");
	autofd int ours = gate[0], theirs = gate[1];

	if (clone_child(&pidfd, &pid, e) < 0)
		return -1;
	if (pid == 0) {
		close(ours);
		child(&(struct inmate){ j, &ids, theirs, j->exe });
	}
	close(steal_fd(&theirs));
	if (see_it_run(pid, &ids, ours, e) < 0) {
		kill(pid, SIGKILL); /* ours and not reaped: the pid is no other's */
		waitpid(pid, NULL, 0);
		return -1;
	}
	*out_pid = pid;
	*out_pidfd = steal_fd(&pidfd);
	return 0;
}
