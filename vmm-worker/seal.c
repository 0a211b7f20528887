/*
 * vmm-worker/seal.c - take the system calls away that a thread does not need
 */
#include "vmm-worker/seal.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm-worker/seal_filters.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define EXIT_VIOLATION 98

static const struct sock_fprog programs[SEAL_KIND_COUNT] = {
	[SEAL_CONTROL] = { COUNT(filter_control),
			   (struct sock_filter *)filter_control },
	[SEAL_VCPU] = { COUNT(filter_vcpu), (struct sock_filter *)filter_vcpu },
};

static int report_fd = -1;
static __thread const char *thread_name = "?";

/* -- the report of a violation: in a signal handler, so by hand */

struct line {
	char text[256];
	size_t len;
};

static void add(struct line *l, const char *text)
{
	size_t n = MIN(strlen(text), sizeof(l->text) - l->len);

	memcpy(l->text + l->len, text, n);
	l->len += n;
}

static void add_number(struct line *l, unsigned n)
{
	char digits[12], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do
		*--at = (char)('0' + n % 10);
	while (n /= 10);
	add(l, at);
}

static void add_sentence(struct line *l, unsigned number)
{
	add(l, "thread ");
	add(l, thread_name);
	add(l, " made the system call ");
	add_number(l, number);
	add(l, ", which it must not make");
}

static void violated(int sig UNUSED, siginfo_t *info, void *context UNUSED)
{
	unsigned number = (unsigned)info->si_syscall;
	struct line report = { .len = 0 }, words = { .len = 0 };

	add(&report, "{\"phase\":\"ending\",\"reason\":\"seccomp\",\"syscall\":");
	add_number(&report, number);
	add(&report, ",\"detail\":\"");
	add_sentence(&report, number);
	add(&report, "\"}");
	add(&words, "error: ");
	add_sentence(&words, number);
	add(&words, "\n");
	/* Nothing can be done about a failure. */
	if (write(report_fd, report.text, report.len) < 0 ||
	    write(STDERR_FILENO, words.text, words.len) < 0)
		_exit(EXIT_VIOLATION);
	_exit(EXIT_VIOLATION);
}

/* -- sealing */

/* No file at all, even if there were one in sight. Where the kernel has it. */
static int landlock(void)
{
	const struct landlock_ruleset_attr all = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1,
	};
	autofd int rules =
		(int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	return syscall(SYS_landlock_restrict_self, rules, 0) < 0 ? -errno : 0;
}

int seal_begin(int keeper_fd, struct err **e)
{
	struct sigaction action = { .sa_sigaction = violated, .sa_flags = SA_SIGINFO };
	int rc;

	if (SANITIZED)
		return 0;
	report_fd = keeper_fd;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    sigaction(SIGSYS, &action, NULL) < 0)
		return err_sys(e, errno, "prepare to be sealed");
	rc = landlock();
	return rc < 0 ? err_sys(e, rc, "restrict the file system") : 0;
}

int seal_thread(enum seal_kind kind, const char *name, struct err **e)
{
	if (report_fd < 0)
		return 0;
	thread_name = name;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &programs[kind]) < 0)
		return err_sys(e, errno, "seal the thread %s", name);
	return 0;
}
