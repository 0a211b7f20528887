/*
 * vmm-worker/worker.c - the process around the machine
 */
#include "vmm-worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "schema/console_ring.h"
#include "vmm-worker/seal.h"

#define DETAIL_MAX 1024 /* bytes, of WorkerReport and worker.ended */
/* A guest that resets itself sooner must wait: each restart is work for vxd, too. */
#define LIFE_MIN_MS 250

static bool is_kvm(int fd, const struct stat *st)
{
	return S_ISCHR(st->st_mode);
}

static bool is_packet_socket(int fd, const struct stat *st)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_SEQPACKET;
}

static bool is_ring(int fd, const struct stat *st)
{
	return fd_is_memfd_sealed(fd, CONSOLE_RING_BYTES);
}

/* An anonymous inode, which an eventfd is, has no file type. */
static bool is_event(int fd, const struct stat *st)
{
	return (st->st_mode & S_IFMT) == 0 &&
	       (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR;
}

static bool is_readable_file(int fd, const struct stat *st)
{
	return S_ISREG(st->st_mode) && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY;
}

/* What comes with the start message, how many of it, and how it is known. */
static const struct {
	size_t min, max;
	bool (*is)(int fd, const struct stat *st);
} roles[FD_ROLE_COUNT] = {
	[FD_ROLE_KVM] = { 1, 1, is_kvm },
	[FD_ROLE_CONTROL] = { 1, 1, is_packet_socket },
	[FD_ROLE_CONSOLE_RING] = { 1, 1, is_ring },
	[FD_ROLE_CONSOLE_KICK] = { 1, 1, is_event },
	[FD_ROLE_KERNEL] = { 1, 1, is_readable_file },
	[FD_ROLE_INITRD] = { 0, 1, is_readable_file },
	[FD_ROLE_MODULE] = { 0, BOOT_MODULES_MAX - 1, is_readable_file },
};

int worker_fd_of(const struct worker *w, enum fd_role role, size_t nth)
{
	for (size_t i = 0; i < w->start.n_fds; i++)
		if (w->start.fds[i].role == role && nth-- == 0)
			return w->fds[i];
	return -1;
}

static int check_fds(const struct worker *w, struct err **e)
{
	size_t count[FD_ROLE_COUNT] = { 0 };

	for (size_t i = 0; i < w->start.n_fds; i++) {
		enum fd_role role = w->start.fds[i].role;
		struct stat st;

		count[role]++;
		if (fstat(w->fds[i], &st) < 0 || !roles[role].is(w->fds[i], &st))
			return err_set(e, ERR_INVALID_PARAMS,
				       "the descriptor for %s is of another kind",
				       fd_role_name(role));
	}
	for (int role = 0; role < FD_ROLE_COUNT; role++)
		if (count[role] < roles[role].min || count[role] > roles[role].max)
			return err_set(e, ERR_INVALID_PARAMS, "%zu descriptors for %s",
				       count[role], fd_role_name((enum fd_role)role));
	return 0;
}

static int receive_start(struct worker *w, struct err **e)
{
	autofini(channel_message) m = { 0 };
	int rc = channel_recv_now(w->to_vxd, &m);

	if (rc < 0)
		return err_sys(e, rc, "receive the start message");
	if (worker_start_parse(m.data, m.len, DECODE_LENIENT, &w->start, e) < 0)
		return err_wrap(e, "start message");
	if (w->start.protocol != WORKER_PROTOCOL)
		return err_set(e, ERR_UNSUPPORTED,
			       "vxd starts with protocol %u, not %u",
			       (unsigned)w->start.protocol, WORKER_PROTOCOL);
	if (w->start.n_fds != m.n_fds)
		return err_set(e, ERR_INVALID_PARAMS,
			       "start message: %zu descriptors came for %zu roles",
			       m.n_fds, w->start.n_fds);
	for (size_t i = 0; i < m.n_fds; i++)
		w->fds[i] = steal_fd(&m.fds[i]);
	return check_fds(w, e);
}

static void report(const struct worker *w, const struct worker_report *r)
{
	autofree char *text = worker_report_format(r);
	int rc = channel_send_now(w->to_keeper, text, strlen(text), NULL, 0);

	if (rc < 0)
		log_warn("report to the keeper: %s", strerror(-rc));
}

void worker_set_phase(struct worker *w, enum worker_phase phase)
{
	struct worker_report r = { .phase = phase, .reason = END_REASON_NONE };
	struct worker_phase_params note = { .phase = phase };

	w->phase = phase;
	report(w, &r);
	if (w->current)
		link_note_phase(w->current->link, &note);
}

/* Kernel, initrd and modules from their descriptors, for the first boot and each
 * restart. */
static int boot(struct worker *w, struct err **e)
{
	const struct boot *b = &w->start.vm.boot;
	struct boot_request r = {
		.protocol = b->protocol,
		.kernel_fd = worker_fd_of(w, FD_ROLE_KERNEL, 0),
		.cmdline = b->cmdline ? b->cmdline : "",
	};
	int initrd = worker_fd_of(w, FD_ROLE_INITRD, 0);

	if (initrd >= 0)
		r.modules[r.n_modules++].fd = initrd;
	for (size_t i = 0; worker_fd_of(w, FD_ROLE_MODULE, i) >= 0; i++)
		r.modules[r.n_modules++] = (struct boot_module){
			.fd = worker_fd_of(w, FD_ROLE_MODULE, i),
			.cmdline = i < b->n_modules ? b->modules[i] : NULL,
		};
	w->booted = clock_mono_ns();
	return machine_boot(w->machine, &r, e);
}

/* From any thread. */
static void guest_ended(void *owner)
{
	struct worker *w = owner;

	uv_async_send(&w->guest_ended);
}

/* A sentence as a report may carry it. */
static char *presentable(const char *detail)
{
	char *text = detail && *detail ? mem_strdup(detail) : NULL;

	str_tame(text, DETAIL_MAX, "");
	return text;
}

/* Tell keeper and vxd, and let the loop end. */
static void finish(struct worker *w, enum end_reason reason, uint8_t status,
		   const char *detail)
{
	autofree char *text = presentable(detail);
	struct worker_report r = { .phase = WORKER_PHASE_ENDING,
				   .reason = reason,
				   .status = status,
				   .detail = text };
	struct worker_ended_params note = { .reason = reason,
					    .status = status,
					    .detail = text };

	w->phase = WORKER_PHASE_ENDING;
	report(w, &r);
	if (w->current)
		link_note_ended(w->current->link, &note);
	if (text)
		log_error("%s", text);
	uv_stop(&w->loop);
}

static bool restarts(const struct worker *w, const struct machine_end *end)
{
	if (w->start.vm.on_reboot != ON_REBOOT_RESTART)
		return false;
	return end->reason == END_REASON_GUEST_RESET ||
	       (end->reason == END_REASON_TRIPLE_FAULT && end->on_purpose);
}

static void restart(struct worker *w, enum end_reason reason)
{
	struct worker_guest_reset_params note = { .reason = reason };
	autoptr(err) e = NULL;

	if (w->current)
		link_note_guest_reset(w->current->link, &note);
	worker_set_phase(w, WORKER_PHASE_LOADING);
	if (machine_reset(w->machine, &e) < 0 || boot(w, &e) < 0 ||
	    machine_go(w->machine, &e) < 0) {
		err_wrap(&e, "restart the guest");
		finish(w, END_REASON_CRASH, 0, e->message);
		return;
	}
	worker_set_phase(w, WORKER_PHASE_RUNNING);
}

static void restart_is_due(uv_timer_t *timer);

/* After a life too short for another restart: true, and the rest of it is waited for. */
static bool wait_with_restart(struct worker *w)
{
	uint64_t lived = (clock_mono_ns() - w->booted) / 1000000;

	if (lived >= LIFE_MIN_MS)
		return false;
	uv_update_time(&w->loop);
	uv_timer_start(&w->restart, restart_is_due, LIFE_MIN_MS - lived, 0);
	return true;
}

static void look_at_end(struct worker *w)
{
	if (w->phase == WORKER_PHASE_ENDING)
		return;
	machine_hold(w->machine);

	struct machine_end end = machine_end_get(w->machine);

	if (end.reason == END_REASON_NONE)
		return;
	if (!restarts(w, &end))
		finish(w, end.reason, end.status, end.detail);
	else if (w->quitting)
		finish(w, END_REASON_KILL, 0, NULL);
	else if (!wait_with_restart(w))
		restart(w, end.reason);
}

static void restart_is_due(uv_timer_t *timer)
{
	look_at_end(container_of(timer, struct worker, restart));
}

static void handle_guest_end(uv_async_t *async)
{
	look_at_end(container_of(async, struct worker, guest_ended));
}

static int build(struct worker *w, struct err **e)
{
	struct machine_config config = {
		.definition = &w->start.vm,
		.kvm = worker_fd_of(w, FD_ROLE_KVM, 0),
		.console = &w->console,
		.ended = guest_ended,
		.owner = w,
	};

	w->ring = console_ring_map(worker_fd_of(w, FD_ROLE_CONSOLE_RING, 0), 1);
	if (!w->ring)
		return err_sys(e, errno, "map the console ring");
	console_init(&w->console, w->ring, worker_fd_of(w, FD_ROLE_CONSOLE_KICK, 0));
	w->machine = machine_new(&config, e);
	if (!w->machine)
		return -1;
	worker_set_phase(w, WORKER_PHASE_LOADING);
	return boot(w, e);
}

/* Until it listens, nobody but its keeper can find a worker: till then it does not
 * outlive it. */
static int follow_keeper(const struct worker *w, struct err **e)
{
	struct pollfd p = { .fd = w->to_keeper };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(e, errno, "ask to end with the keeper");
	if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP))
		return err_set(e, ERR_UNAVAILABLE, "the keeper is gone");
	return 0;
}

/* All until the guest runs. */
static int start(struct worker *w, struct err **e)
{
	int rc;

	if (follow_keeper(w, e) < 0 || receive_start(w, e) < 0 ||
	    seal_begin(w->to_keeper, e) < 0 || build(w, e) < 0 ||
	    control_listen(w, e) < 0)
		return -1;
	prctl(PR_SET_PDEATHSIG, 0); /* cannot fail */
	rc = channel_send_now(w->to_vxd, "ready", strlen("ready"), NULL, 0);
	if (rc < 0)
		/* A vxd that went away meanwhile finds us later all the same. */
		log_warn("tell vxd that we are ready: %s", strerror(-rc));
	close(w->to_vxd);
	if (seal_thread(SEAL_CONTROL, "control", e) < 0)
		return -1;
	return machine_go(w->machine, e);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void worker_fini(struct worker *w)
{
	control_close(w);
	machine_free(w->machine);
	if (w->ring)
		console_fini(&w->console);
	console_ring_unmap(w->ring);
	/* The links close their own handles; ours have no memory to free. No event is
	 * handled any more: what it would be for is gone. */
	uv_walk(&w->loop, close_handle, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	uv_loop_close(&w->loop);
	for (size_t i = 0; i < w->start.n_fds; i++)
		cleanup_close(&w->fds[i]);
	worker_start_fini(&w->start);
}

int worker_run(int to_vxd, int to_keeper)
{
	struct worker w = { .to_vxd = to_vxd, .to_keeper = to_keeper };
	autoptr(err) e = NULL;
	int status = 0;

	memset(w.fds, 0xff, sizeof(w.fds));
	uv_loop_init(&w.loop);
	uv_async_init(&w.loop, &w.guest_ended, handle_guest_end);
	uv_timer_init(&w.loop, &w.restart);
	if (start(&w, &e) < 0) {
		autofree char *text = presentable(e->message);
		struct worker_report r = { .phase = WORKER_PHASE_ENDING,
					   .reason = END_REASON_START_FAILED,
					   .detail = text };

		report(&w, &r);
		log_err(e, "start the VM");
		status = 1;
	} else {
		worker_set_phase(&w, WORKER_PHASE_RUNNING);
		uv_run(&w.loop, UV_RUN_DEFAULT);
	}
	worker_fini(&w);
	return status;
}
