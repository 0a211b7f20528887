/*
 * daemon/keeper.c - vx-keeper: parent of one worker
 *
 * Started by vxd as `vx-keeper VM INSTANCE WORKER` with descriptor 3, the worker's
 * start socket, and 4, the instance's directory. It starts the worker in its jail, keeps
 * the end of what it writes to standard error, waits for it and leaves exit.json, which
 * vxd reads whenever it comes back. SIGTERM means: end the worker now.
 *
 * Nothing here allocates much or waits for anybody else: a keeper must outlive all
 * that can go wrong around it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/jail.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/exit_record.h"
#include "daemon/keeper_id.h"

#define FD_START 3
#define FD_DIR 4
#define LAST_WORDS 4096
#define WRITE_TRIES 60 /* seconds that a full disk may last */

#ifdef __SANITIZE_ADDRESS__
/* LeakSanitizer's helper process is a child of ours; whoever kills our children would
 * leave us waiting for it for ever. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

struct keeper {
	const char *vm, *instance, *worker_path;
	pid_t pid;
	int pidfd, signals, output, reports;
	uint64_t oom_before;
	bool told_to;
	struct worker_report report;
	bool reported;
	char words[LAST_WORDS + 1]; /* the newest at the end */
	size_t n_words;
};

/* Processes that the kernel killed for want of memory, since boot. */
static uint64_t host_oom_kills(void)
{
	autofree char *text = NULL;
	const char *at;

	if (fd_read_file(AT_FDCWD, "/proc/vmstat", 1024 * 1024, &text, NULL) < 0)
		return 0;
	at = strstr(text, "\noom_kill ");
	return at ? strtoull(at + strlen("\noom_kill "), NULL, 10) : 0;
}

static int write_record(struct keeper *k, struct exit_record *rec)
{
	autofree char *text = NULL;
	int rc = -1;

	rec->vm = mem_strdup(k->vm);
	rec->instance = strtoull(k->instance, NULL, 10);
	rec->time_us = clock_wall_us();
	text = exit_record_format(rec);
	for (int i = 0; i < WRITE_TRIES && rc < 0; i++) {
		rc = fd_replace_file(FD_DIR, EXIT_RECORD_NAME, text, strlen(text),
				     0600);
		if (rc == -ENOENT)
			break; /* the directory is gone: nobody wants to know */
		if (rc < 0)
			sleep(1);
	}
	return rc < 0 ? 1 : 0;
}

static char *presentable_words(const struct keeper *k)
{
	char *text = mem_strndup(k->words, k->n_words);

	str_tame(text, LAST_WORDS, "\n\t");
	return text;
}

static int start_worker(struct keeper *k, struct err **e)
{
	const char *const argv[] = { "vx-vmm", NULL };
	int output[2], reports[2];
	autofd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	autofd int exe = open(k->worker_path, O_RDONLY | O_CLOEXEC);

	if (exe < 0)
		return err_sys(e, errno, "open %s", k->worker_path);
	if (null < 0 || pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(e, errno, "make a pipe");
	autofd int output_end = output[1];

	k->output = output[0];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, reports) < 0)
		return err_sys(e, errno, "make a socket pair");
	autofd int reports_end = reports[1];
	int fds[] = { null, output_end, output_end, FD_START, reports_end };
	struct jail jail = { exe, argv, fds, COUNT(fds) };

	k->reports = reports[0];
	return spawn_jailed(&jail, &k->pid, &k->pidfd, e);
}

/* A worker that never stops talking does not keep its keeper from anything else; what it
 * can leave behind when it is dead is less than this. */
#define READS_PER_TURN 1024

static void read_words(struct keeper *k)
{
	char chunk[LAST_WORDS];
	ssize_t n;

	for (int i = 0; i < READS_PER_TURN; i++) {
		n = read(k->output, chunk, sizeof(chunk));
		if (n <= 0)
			return;

		size_t len = (size_t)n;
		size_t keep = MIN(k->n_words, LAST_WORDS - len);

		memmove(k->words, k->words + k->n_words - keep, keep);
		memcpy(k->words + keep, chunk, len);
		k->n_words = keep + len;
	}
}

static void read_reports(struct keeper *k)
{
	struct pollfd p = { .fd = k->reports, .events = POLLIN };

	for (int i = 0; i < READS_PER_TURN; i++) {
		if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLIN))
			return;

		autofini(channel_message) m = { 0 };
		struct worker_report r;

		if (channel_recv_now(k->reports, &m) < 0)
			return;
		if (worker_report_parse(m.data, m.len, DECODE_LENIENT, &r, NULL) < 0)
			continue;
		worker_report_fini(&k->report);
		k->report = r;
		k->reported = true;
	}
}

static void read_signals(struct keeper *k)
{
	struct signalfd_siginfo info;

	while (read(k->signals, &info, sizeof(info)) == sizeof(info)) {
		k->told_to = true;
		pidfd_send_signal(k->pidfd, SIGKILL, NULL, 0);
	}
}

/* Until the worker is gone: its wait(2) status. */
static int watch_worker(struct keeper *k)
{
	struct pollfd fds[] = {
		{ .fd = k->pidfd, .events = POLLIN },
		{ .fd = k->signals, .events = POLLIN },
		{ .fd = k->output, .events = POLLIN },
		{ .fd = k->reports, .events = POLLIN },
	};
	int status = 0;

	for (;;) {
		if (poll(fds, COUNT(fds), -1) < 0 && errno != EINTR)
			sleep(1); /* only for want of memory */
		read_words(k);
		read_reports(k);
		read_signals(k);
		if ((fds[0].revents & POLLIN) &&
		    waitpid(k->pid, &status, WNOHANG) == k->pid)
			break;
		for (size_t i = 2; i < COUNT(fds); i++)
			if (fds[i].revents & (POLLHUP | POLLERR))
				fds[i].fd =
					-1; /* closed by the worker: no more to come */
	}
	read_words(k);
	read_reports(k);
	return status;
}

static int keep(struct keeper *k)
{
	autofini(exit_record) rec = { 0 };
	autoptr(err) e = NULL;

	/* Needed only if vxd dies just now; that it cannot be written stops nobody. */
	int rc UNUSED = keeper_id_write(FD_DIR);

	if (start_worker(k, &e) < 0) {
		rec.reason = END_REASON_START_FAILED;
		rec.detail = mem_printf("start the worker: %s%s%s", e->message,
					e->hint ? "; " : "", e->hint ? e->hint : "");
		return write_record(k, &rec);
	}
	close(FD_START); /* vxd is to see the worker's end close, and no other */
	k->oom_before = host_oom_kills(); /* takes a while: not before the start */

	struct exit_evidence ev = { .status = watch_worker(k) };
	autofree char *words = presentable_words(k);

	ev.told_to = k->told_to;
	ev.host_oom = host_oom_kills() > k->oom_before;
	ev.report = k->reported ? &k->report : NULL;
	ev.last_words = words;
	exit_record_judge(&ev, &rec);
	return write_record(k, &rec);
}

/* SIGTERM comes by descriptor, the others a terminal or a user may send do nothing. */
static int take_signals(void)
{
	sigset_t taken, ignored;

	sigfillset(&ignored);
	sigprocmask(SIG_BLOCK, &ignored, NULL);
	sigemptyset(&taken);
	sigaddset(&taken, SIGTERM);
	return signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char **argv)
{
	struct keeper k = { .pid = -1, .pidfd = -1, .output = -1, .reports = -1 };

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("vx-keeper " VX_VERSION);
		return 0;
	}
	if (argc != 4) {
		fputs("usage: vx-keeper VM INSTANCE WORKER\n"
		      "Parent of one worker. It is started by vxd.\n",
		      stderr);
		return 2;
	}
	k.vm = argv[1];
	k.instance = argv[2];
	k.worker_path = argv[3];
	if (fd_set_cloexec(FD_START, true) < 0 || fd_set_cloexec(FD_DIR, true) < 0) {
		fputs("vx-keeper: descriptors 3 and 4 must be open\n", stderr);
		return 2;
	}
	k.signals = take_signals();
	if (k.signals < 0 || chdir("/") < 0)
		return 1;
	return keep(&k);
}
