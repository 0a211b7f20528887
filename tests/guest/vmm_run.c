/*
 * tests/guest/vmm_run.c - run vx-vmm directly, without vxd and keeper
 *
 * Plays both of them for one VM: makes the start message and its descriptors, starts
 * the worker, says hello, copies the console to standard output and standard input to
 * the guest, and prints how the guest ended on standard error: "ended REASON STATUS".
 * With --pause-ms the guest is paused once for a while. Exit status: 0 when the worker
 * reported an end, 1 when it did not, 2 for wrong usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <uv.h>

#include "base/channel.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/mem.h"
#include "rpc/link.h"
#include "schema/console_ring.h"
#include "schema/gen/types.h"
#include "schema/gen/worker_client.h"

#define INPUT_CHUNK 1024
#define BUTTON_SIGNAL SIGUSR1 /* presses the guest's power button */

struct run {
	uv_loop_t loop;
	uv_poll_t kick, keeper, input;
	uv_signal_t button;
	uv_timer_t pause;
	struct worker_start start;
	const char *worker;
	uint64_t pause_ms;
	bool paused;
	int fds[CHANNEL_FDS_MAX];
	int control, console_kick; /* of fds[] */
	struct console_ring *ring;
	uint64_t pos;
	struct link *link;
	char dir[32];
	bool reported;
};

static void die(const char *what, const struct err *e)
{
	fprintf(stderr, "vmm_run: %s: %s\n", what, e ? e->message : strerror(errno));
	exit(1);
}

static void add_fd(struct run *r, enum fd_role role, int fd)
{
	struct worker_start *s = &r->start;

	if (fd < 0)
		die(fd_role_name(role), NULL);
	s->fds = mem_grow(s->fds, s->n_fds + 1, sizeof(*s->fds));
	s->fds[s->n_fds] = (struct worker_fd){ .role = role };
	r->fds[s->n_fds++] = fd;
}

static void add_file(struct run *r, enum fd_role role, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path, NULL);
	add_fd(r, role, fd);
}

static int control_socket(struct run *r)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(r->dir, "/tmp/vmm_run.XXXXXX");
	if (fd < 0 || !mkdtemp(r->dir))
		return -1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/control.sock", r->dir);
	return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -1 : fd;
}

static void add_own_fds(struct run *r)
{
	int ring = fd_memfd_sealed("console-ring", CONSOLE_RING_BYTES);

	r->control = control_socket(r);
	r->console_kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	add_fd(r, FD_ROLE_KVM, open("/dev/kvm", O_RDWR | O_CLOEXEC));
	add_fd(r, FD_ROLE_CONTROL, r->control);
	add_fd(r, FD_ROLE_CONSOLE_RING, ring);
	add_fd(r, FD_ROLE_CONSOLE_KICK, r->console_kick);
	r->ring = console_ring_map(ring, 0);
	if (!r->ring)
		die("console ring", NULL);
}

static void fill_definition(struct run *r)
{
	struct vm_definition *d = &r->start.vm;
	char id[UUID_TEXT];

	uuid_v7(id);
	r->start.protocol = 1;
	r->start.instance = 1;
	r->start.db_epoch = 1;
	r->start.db_id = mem_strdup(id);
	d->schema_version = 1;
	d->revision = 1;
	d->id = mem_strdup(id);
	d->uuid = mem_strdup(id);
	d->project = mem_strdup("default");
	d->name = mem_strdup("vmm-run");
	d->cpus = 1;
	d->memory = 128 * 1024 * 1024;
	d->on_reboot = ON_REBOOT_STOP;
}

static const char usage[] =
	"usage: vmm_run [--worker FILE] --kernel FILE [--initrd FILE] [--module "
	"FILE]...\n"
	"	[--cmdline TEXT] [--protocol NAME] [--cpus N] [--memory MIB]\n"
	"	[--debug-exit] [--on-reboot restart|stop] [--pause-ms N]\n"
	"SIGUSR1 presses the power button.\n";

static void bad_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

static void add_module(struct run *r, const char *path)
{
	struct boot *b = &r->start.vm.boot;

	b->modules = mem_grow(b->modules, b->n_modules + 1, sizeof(*b->modules));
	b->modules[b->n_modules++] = mem_strdup(path);
	add_file(r, FD_ROLE_MODULE, path);
}

static void take_option(struct run *r, int option, const char *value)
{
	struct vm_definition *d = &r->start.vm;

	switch (option) {
	case 'w':
		r->worker = value;
		break;
	case 'k':
		d->boot.kernel = mem_strdup(value);
		add_file(r, FD_ROLE_KERNEL, value);
		break;
	case 'i':
		d->boot.initrd = mem_strdup(value);
		add_file(r, FD_ROLE_INITRD, value);
		break;
	case 'M':
		add_module(r, value);
		break;
	case 'a':
		d->boot.cmdline = mem_strdup(value);
		break;
	case 'p':
		if (!boot_protocol_from_name(value, &d->boot.protocol))
			bad_usage();
		break;
	case 'c':
		d->cpus = strtoul(value, NULL, 10);
		break;
	case 'm':
		d->memory = strtoull(value, NULL, 10) * 1024 * 1024;
		break;
	case 'd':
		d->debug_exit = true;
		break;
	case 'r':
		if (!on_reboot_from_name(value, &d->on_reboot))
			bad_usage();
		break;
	case 'P':
		r->pause_ms = strtoull(value, NULL, 10);
		break;
	default:
		bad_usage();
	}
}

static void parse_options(struct run *r, int argc, char **argv)
{
	static const struct option options[] = {
		{ "worker", required_argument, NULL, 'w' },
		{ "kernel", required_argument, NULL, 'k' },
		{ "initrd", required_argument, NULL, 'i' },
		{ "module", required_argument, NULL, 'M' },
		{ "cmdline", required_argument, NULL, 'a' },
		{ "protocol", required_argument, NULL, 'p' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "memory", required_argument, NULL, 'm' },
		{ "debug-exit", no_argument, NULL, 'd' },
		{ "on-reboot", required_argument, NULL, 'r' },
		{ "pause-ms", required_argument, NULL, 'P' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(r, option, optarg);
	if (optind != argc || !r->start.vm.boot.kernel)
		bad_usage();
}

/* The worker's descriptors 3 and 4; the rest of ours is close-on-exec. */
static pid_t spawn(struct run *r, int start, int keeper)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	/* Out of the way first: either may be 3 or 4 itself. */
	start = fcntl(start, F_DUPFD, 10);
	keeper = fcntl(keeper, F_DUPFD, 10);
	dup2(start, 3);
	dup2(keeper, 4);
	close(start);
	close(keeper);
	execl(r->worker, "vx-vmm", (char *)NULL);
	fprintf(stderr, "vmm_run: %s: %s\n", r->worker, strerror(errno));
	_exit(127);
}

static void copy_output(struct run *r)
{
	char bytes[4096];
	uint64_t lost = 0;
	size_t n;

	while ((n = console_ring_read(r->ring, &r->pos, bytes, sizeof(bytes), &lost)))
		if (fd_write_all(STDOUT_FILENO, bytes, n) < 0)
			die("standard output", NULL);
}

static void kicked(uv_poll_t *poll, int status, int events)
{
	struct run *r = container_of(poll, struct run, kick);
	uint64_t count;
	ssize_t n UNUSED = read(r->console_kick, &count, sizeof(count));

	copy_output(r);
}

static void report_ready(uv_poll_t *poll, int status, int events)
{
	struct run *r = container_of(poll, struct run, keeper);
	autofini(channel_message) m = { 0 };
	autofini(worker_report) report = { 0 };
	int fd = -1;

	uv_fileno((uv_handle_t *)poll, &fd);
	if (channel_recv_now(fd, &m) < 0) {
		uv_stop(&r->loop);
		return;
	}
	if (worker_report_parse(m.data, m.len, DECODE_LENIENT, &report, NULL) < 0 ||
	    report.phase != WORKER_PHASE_ENDING)
		return;
	copy_output(r);
	fprintf(stderr, "ended %s %u%s%s\n", end_reason_name(report.reason),
		(unsigned)report.status, report.detail ? " " : "",
		report.detail ? report.detail : "");
	r->reported = true;
	uv_stop(&r->loop);
}

static void console_written(void *owner, struct worker_console_write_result *result,
			    struct err *e)
{
	if (e)
		fprintf(stderr, "vmm_run: console: %s\n", e->message);
}

static void input_ready(uv_poll_t *poll, int status, int events)
{
	struct run *r = container_of(poll, struct run, input);
	char bytes[INPUT_CHUNK];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n <= 0) {
		uv_poll_stop(poll);
		return;
	}

	autofree char *text = base64_encode(bytes, (size_t)n);
	struct worker_console_write_params p = { .data = text };

	link_worker_console_write(r->link, &p, console_written, r, NULL);
}

static void button_pressed(void *owner, struct worker_power_button_result *result,
			   struct err *e)
{
	if (e)
		fprintf(stderr, "vmm_run: power button: %s\n", e->message);
}

static void button_signal(uv_signal_t *handle, int signum)
{
	struct run *r = container_of(handle, struct run, button);
	struct worker_power_button_params p = { 0 };

	link_worker_power_button(r->link, &p, button_pressed, r, NULL);
}

static void resumed(void *owner, struct worker_resume_result *result, struct err *e)
{
	fprintf(stderr, "%s\n", e ? e->message : "resumed");
}

static void paused(void *owner, struct worker_pause_result *result, struct err *e)
{
	fprintf(stderr, "%s\n", e ? e->message : "paused");
}

static void pause_timer(uv_timer_t *timer)
{
	struct run *r = container_of(timer, struct run, pause);
	struct worker_pause_params pause = { 0 };
	struct worker_resume_params resume = { 0 };

	if (!r->paused) {
		link_worker_pause(r->link, &pause, paused, r, NULL);
		r->paused = true;
		return;
	}
	link_worker_resume(r->link, &resume, resumed, r, NULL);
	uv_timer_stop(timer);
}

static void greeted(void *owner, struct worker_hello_result *result, int *fds,
		    size_t n_fds, struct err *e)
{
	struct run *r = owner;

	if (e)
		die("worker.hello", e);
	/* A regular file cannot be waited for; there is nothing to type then. */
	if (uv_poll_init(&r->loop, &r->input, STDIN_FILENO) == 0)
		uv_poll_start(&r->input, UV_READABLE, input_ready);
	uv_signal_init(&r->loop, &r->button);
	uv_signal_start(&r->button, button_signal, BUTTON_SIGNAL);
	uv_timer_init(&r->loop, &r->pause);
	if (r->pause_ms)
		uv_timer_start(&r->pause, pause_timer, r->pause_ms, r->pause_ms);
}

static void link_gone(void *app, const struct err *why)
{
	struct run *r = app;

	link_close(r->link);
	r->link = NULL;
}

static void connect_control(struct run *r)
{
	static const struct link_config base = { .hangup = link_gone };
	struct link_config config = base;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct worker_hello_params hello = { .protocol_min = 1,
					     .protocol_max = 1,
					     .db_id = r->start.db_id,
					     .db_epoch = r->start.db_epoch };
	struct err *e = NULL;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/control.sock", r->dir);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("control socket", NULL);
	config.app = r;
	r->link = link_new(&r->loop, fd, &config, &e);
	if (!r->link || link_worker_hello(r->link, &hello, greeted, r, &e) < 0)
		die("control link", e);
}

static void send_start(struct run *r, int fd)
{
	autofree char *text = worker_start_format(&r->start);
	int rc = channel_send_now(fd, text, strlen(text), r->fds, r->start.n_fds);

	if (rc < 0) {
		errno = -rc;
		die("start message", NULL);
	}
}

/* Nobody else is to find it. */
static void remove_control(const struct run *r)
{
	char path[sizeof(r->dir) + 16];

	snprintf(path, sizeof(path), "%s/control.sock", r->dir);
	unlink(path);
	rmdir(r->dir);
}

/* Wait for "ready"; false when the worker is gone instead. */
static bool wait_ready(int fd)
{
	autofini(channel_message) m = { 0 };

	return channel_recv_now(fd, &m) == 0;
}

int main(int argc, char **argv)
{
	static struct run r = { .worker = VX_PKGLIBEXECDIR "/vx-vmm" };
	int start[2], keeper[2], status = 0;
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	fill_definition(&r);
	parse_options(&r, argc, argv);
	add_own_fds(&r);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, start) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keeper) < 0)
		die("socketpair", NULL);
	send_start(&r, start[0]);
	pid = spawn(&r, start[1], keeper[1]);
	close(start[1]);
	close(keeper[1]);

	uv_loop_init(&r.loop);
	uv_poll_init(&r.loop, &r.kick, r.console_kick);
	uv_poll_start(&r.kick, UV_READABLE, kicked);
	uv_poll_init(&r.loop, &r.keeper, keeper[0]);
	uv_poll_start(&r.keeper, UV_READABLE, report_ready);
	if (wait_ready(start[0]))
		connect_control(&r);
	remove_control(&r);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	waitpid(pid, &status, 0);
	copy_output(&r);
	if (!r.reported)
		fprintf(stderr,
			"vmm_run: the worker ended without a report, status %x\n",
			(unsigned)status);
	return r.reported ? 0 : 1;
}
