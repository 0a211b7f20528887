/*
 * tests/hostbox/hbrun.c - run QEMU with the box in it, hand out what it says
 *
 *   hbrun DIR SECONDS QEMU ARG...
 *
 * QEMU's standard input is ours, its standard output carries hbinit's frames:
 * the command's output goes to our standard output and error, its exit status
 * becomes ours. QEMU never outlives us, and we never outlive our caller.
 *
 * DIR/result says what an exit status cannot: "exited" (the command), "deadline"
 * (SECONDS have passed), or "died: REASON" (the box itself, status 125). A box in
 * which the command has not started after BOOT_SECONDS has died too. DIR/qemu.log is
 * QEMU's standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"

#define BOOT_SECONDS 60
#define STATUS_DEADLINE 124
#define STATUS_DIED 125
#define QEMU_END_SECONDS 5

struct box {
	pid_t qemu;
	int frames; /* owned: read end of QEMU's standard output */
	bool started;
	bool exited;
	int status; /* of the command */
	int64_t boot_until_ms;
	int64_t run_until_ms;
	char died[128]; /* why, if it did */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void die_with_parent(pid_t parent, int sig)
{
	prctl(PR_SET_PDEATHSIG, sig);
	if (getppid() != parent)
		_exit(STATUS_DIED);
}

static int start_qemu(struct box *box, int log, char **argv)
{
	const pid_t self = getpid();
	int ends[2];

	if (log < 0 || pipe2(ends, O_CLOEXEC))
		return -errno;
	box->qemu = fork();
	if (box->qemu < 0)
		return -errno;
	if (!box->qemu) {
		die_with_parent(self, SIGTERM);
		dup2(ends[1], STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
		execvp(argv[0], argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	box->frames = ends[0];
	return 0;
}

/*
 * Wait for QEMU to end, after `sig` (0: by itself), or make it. SIGTERM lets it put
 * back the flags of the standard input that it shares with us.
 */
static int end_qemu(struct box *box, int sig)
{
	const int64_t until = now_ms() + QEMU_END_SECONDS * 1000;
	int status = 0;

	kill(box->qemu, sig);
	while (waitpid(box->qemu, &status, WNOHANG) == 0) {
		if (now_ms() > until)
			kill(box->qemu, SIGKILL);
		usleep(2000);
	}
	close(box->frames);
	return status;
}

static int write_all(int fd, const uint8_t *data, size_t bytes)
{
	while (bytes) {
		const ssize_t n = write(fd, data, bytes);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n < 0) {
			struct pollfd room = { .fd = fd, .events = POLLOUT };

			poll(&room, 1, -1);
			continue;
		}
		data += n;
		bytes -= (size_t)n;
	}
	return 0;
}

/* Read exactly `bytes`: 0, -ETIME at the deadline, -ENODATA when QEMU is gone. */
static int read_all(struct box *box, void *out, size_t bytes)
{
	uint8_t *at = out;

	while (bytes) {
		const int64_t until =
			box->started ? box->run_until_ms : box->boot_until_ms;
		const int64_t left = until - now_ms();
		struct pollfd data = { .fd = box->frames, .events = POLLIN };
		ssize_t n;

		if (left <= 0 || poll(&data, 1, (int)left) == 0)
			return -ETIME;
		n = read(box->frames, at, bytes);
		if (n == 0 || (n < 0 && errno != EINTR))
			return -ENODATA;
		if (n < 0)
			continue;
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int take_frame(struct box *box, struct frame *f)
{
	int rc = read_all(box, f, FRAME_HEAD_BYTES);

	if (rc)
		return rc;
	if (f->kind >= FRAME_KIND_COUNT || f->bytes > FRAME_PAYLOAD_MAX)
		return -EPROTO;
	rc = read_all(box, f->payload, f->bytes);
	if (rc)
		return rc;
	switch ((enum frame_kind)f->kind) {
	case FRAME_STARTED:
		box->started = true;
		return 0;
	case FRAME_STDOUT:
		return write_all(STDOUT_FILENO, f->payload, f->bytes);
	case FRAME_STDERR:
		return write_all(STDERR_FILENO, f->payload, f->bytes);
	case FRAME_EXITED:
		box->exited = true;
		box->status = f->payload[0];
		return 0;
	case FRAME_KIND_COUNT:
		break;
	}
	return -EPROTO;
}

/* Turn the end of a box whose command did not exit into words. */
static void say_why_died(struct box *box, int rc, int qemu_status)
{
	if (rc == -ETIME)
		snprintf(box->died, sizeof(box->died), "it did not boot in time");
	else if (rc != -ENODATA)
		snprintf(box->died, sizeof(box->died),
			 "what it said could not be passed on (%s)", strerror(-rc));
	else if (WIFSIGNALED(qemu_status))
		snprintf(box->died, sizeof(box->died), "QEMU was ended by signal %d",
			 WTERMSIG(qemu_status));
	else
		snprintf(box->died, sizeof(box->died), "QEMU ended with status %d",
			 WEXITSTATUS(qemu_status));
}

static int run_box(struct box *box, int result)
{
	struct frame *f = malloc(sizeof(*f));
	int rc = f ? 0 : -ENOMEM;
	int qemu_status;

	while (!rc && !box->exited)
		rc = take_frame(box, f);
	free(f);
	/* One that is gone already must tell how it went, not that we ended it. */
	qemu_status = end_qemu(box, rc == -ENODATA ? 0 : SIGTERM);
	if (box->exited) {
		dprintf(result, "exited\n");
		return box->status;
	}
	if (rc == -ETIME && box->started) {
		dprintf(result, "deadline\n");
		return STATUS_DEADLINE;
	}
	say_why_died(box, rc, qemu_status);
	dprintf(result, "died: %s\n", box->died);
	return STATUS_DIED;
}

/* Read by our caller only when we have ended: it need not be atomic. */
static int create_in(int dir, const char *name)
{
	return openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

int main(int argc, char **argv)
{
	struct box box = { 0 };
	int dir, result, rc;
	long seconds;

	if (argc < 4 || (seconds = strtol(argv[2], NULL, 10)) <= 0) {
		fputs("usage: hbrun DIR SECONDS QEMU ARG...\n", stderr);
		return STATUS_DIED;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	result = create_in(dir, "result");
	rc = result < 0 ? -errno
			: start_qemu(&box, create_in(dir, "qemu.log"), argv + 3);
	if (rc) {
		fprintf(stderr, "hbrun: cannot start the box: %s\n", strerror(-rc));
		return STATUS_DIED;
	}
	box.boot_until_ms = now_ms() + BOOT_SECONDS * 1000;
	box.run_until_ms = now_ms() + seconds * 1000;
	if (box.run_until_ms < box.boot_until_ms)
		box.boot_until_ms = box.run_until_ms;
	return run_box(&box, result);
}
