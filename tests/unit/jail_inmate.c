/*
 * tests/unit/jail_inmate.c - tell what a jailed program sees
 *
 * Started by test_base_jail.c with a file as descriptor 0 and a pipe as 1. Static, as
 * the worker is, so that it needs nothing but itself. Not here: what is expected.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FD_FILE 0
#define FD_OUT 1

static void tell_identity(void)
{
	dprintf(FD_OUT, "pid=%d\nppid=%d\nuid=%u,%u\ngid=%u,%u\ngroups=%d\n", getpid(),
		getppid(), getuid(), geteuid(), getgid(), getegid(),
		getgroups(0, NULL));
}

static void tell_privileges(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };
	unsigned int any = 0, bounding = 0;

	if (syscall(SYS_capget, &head, caps) < 0)
		any = ~0u;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		any |= caps[i].effective | caps[i].permitted | caps[i].inheritable;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		bounding += prctl(PR_CAPBSET_READ, cap, 0, 0, 0) > 0;
	dprintf(FD_OUT, "caps=%x\nbounding=%u\nno_new_privs=%d\n", any, bounding,
		prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void tell_files(void)
{
	int entries = 0;
	char cwd[64] = "?", start[8] = "";
	DIR *root = opendir("/");

	for (struct dirent *d; root && (d = readdir(root));)
		entries += strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
	if (root)
		closedir(root);
	dprintf(FD_OUT, "entries=%d\ncwd=%s\n", entries,
		getcwd(cwd, sizeof(cwd)) ? cwd : "?");
	dprintf(FD_OUT, "mkdir=%s\n",
		mkdir("/x", 0700) < 0 ? strerrorname_np(errno) : "");
	dprintf(FD_OUT, "fds=");
	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			dprintf(FD_OUT, "%d,", fd);
	dprintf(FD_OUT, "\nread=%s\n",
		pread(FD_FILE, start, sizeof(start) - 1, 0) >= 0 ? start : "?");
}

static void tell_limits(void)
{
	struct rlimit core = { 1, 1 }, files = { 1, 1 };

	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_NOFILE, &files);
	dprintf(FD_OUT, "core=%llu,%llu\nfiles=%llu,%llu\n",
		(unsigned long long)core.rlim_cur, (unsigned long long)core.rlim_max,
		(unsigned long long)files.rlim_cur, (unsigned long long)files.rlim_max);
}

static void tell_signals(void)
{
	int odd = 0, blocked = 0;
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int sig = 1; sig < 32; sig++) {
		struct sigaction sa;

		blocked += sigismember(&mask, sig) == 1;
		/* A sanitizer takes some for itself. */
		if (sigaction(sig, NULL, &sa) == 0)
			odd += sa.sa_handler == SIG_IGN;
	}
	dprintf(FD_OUT, "blocked=%d\nignored=%d\n", blocked, odd);
}

static void tell_network(void)
{
	struct ifconf conf = { 0 }; /* a length of 0 asks for the room it takes */
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFCONF, &conf) < 0)
		conf.ifc_len = -1;
	if (fd >= 0)
		close(fd);
	dprintf(FD_OUT, "addresses=%d\n", conf.ifc_len);
}

int main(int argc, char **argv)
{
	int n = 0;

	while (environ && environ[n])
		n++;
	tell_identity();
	tell_privileges();
	tell_files();
	tell_limits();
	tell_signals();
	tell_network();
	dprintf(FD_OUT, "env=%d\nargs=", n);
	for (int i = 0; i < argc; i++)
		dprintf(FD_OUT, "%s,", argv[i]);
	dprintf(FD_OUT, "\nend\n");
	_exit(7);
}
