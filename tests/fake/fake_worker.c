/*
 * tests/fake/fake_worker.c - a worker without KVM, guest and manners
 *
 * Stands in for vx-vmm where vxd and the keeper are tested: it takes the start message,
 * reports to the keeper, answers vxd and fills the console's ring like the real one, and
 * goes wrong exactly as the VM's command line says (fake_worker.h).
 *
 * It leaves by _exit(): there is nothing to clean up, and a worker may end anyhow.
 *
 * Not here: what the words are (script.c).
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/channel.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/link.h"
#include "schema/console_ring.h"
#include "schema/gen/worker.h"
#include "schema/gen/worker_table.h"
#include "tests/fake/fake_worker.h"

#define FD_VXD 3
#define FD_KEEPER 4
#define PROTOCOL 1
#define NOISE_MS 20
#define FLOOD_STEP 32768
#define OTHER_VM "01234567-89ab-7def-8123-456789abcdef"

struct fake {
	uv_loop_t loop;
	uv_poll_t listener;
	uv_timer_t plan, noise, flood;
	struct worker_start start;
	struct script script;
	int fds[CHANNEL_FDS_MAX]; /* as start.fds[] names them */
	struct console_ring *ring;
	enum worker_phase phase;
	enum end_reason end; /* what `plan` does */
	uint64_t status;
	uint64_t flooded, rounds;
	struct link *current; /* vxd */
};

struct controller {
	struct fake *f; /* borrowed */
	struct link *link;
};

/* A connection that is not served as it should be. */
struct raw_controller {
	uv_poll_t poll;
	struct fake *f; /* borrowed */
	int fd;
};

static void die_of(const struct err *e)
{
	fprintf(stderr, "fake worker: %s\n", e->message);
	_exit(99);
}

static int fd_of(const struct fake *f, enum fd_role role)
{
	for (size_t i = 0; i < f->start.n_fds; i++)
		if (f->start.fds[i].role == role)
			return f->fds[i];
	return -1;
}

/* -- ends */

/* Process 1 of a namespace is spared by signals that it sends itself; not by these. */
static void die_by_signal(int sig)
{
	struct sock_filter kill = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	struct sock_fprog program = { 1, &kill };

	signal(sig, SIG_DFL); /* a sanitizer's handler would exit */
	switch (sig) {
	case SIGILL:
		__asm__ volatile("ud2");
		break;
	case SIGTRAP:
		__asm__ volatile("int3");
		break;
	case SIGSEGV:
		__asm__ volatile("movl $0, 0");
		break;
	case SIGSYS:
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
		break;
	default:
		fprintf(stderr, "fake worker: cannot die of signal %d\n", sig);
	}
	_exit(98);
}

static void die_at(const struct fake *f, enum fake_moment moment)
{
	if (f->script.death == DEATH_NONE || f->script.when != moment)
		return;
	if (f->script.death == DEATH_SIGNAL)
		die_by_signal(f->script.death_value);
	_exit(f->script.death_value);
}

static void report(const struct worker_report *r)
{
	autofree char *text = worker_report_format(r);

	if (channel_send_now(FD_KEEPER, text, strlen(text), NULL, 0) < 0)
		fprintf(stderr, "fake worker: the keeper does not listen\n");
}

static void set_phase(struct fake *f, enum worker_phase phase)
{
	struct worker_report r = { .phase = phase, .reason = END_REASON_NONE };
	struct worker_phase_params note = { .phase = phase };

	f->phase = phase;
	report(&r);
	if (f->current)
		link_note_phase(f->current, &note);
}

static void plan_due(uv_timer_t *timer)
{
	struct fake *f = container_of(timer, struct fake, plan);
	struct worker_report r = { .phase = WORKER_PHASE_ENDING,
				   .reason = f->end,
				   .status = f->status };
	struct worker_ended_params note = { .reason = f->end, .status = f->status };

	die_at(f, MOMENT_RUNNING);
	report(&r);
	if (f->current)
		link_note_ended(f->current, &note);
	_exit(0);
}

/* With a later turn of the loop: the answer to who asks for it leaves first. */
static void end_soon(struct fake *f, enum end_reason reason, uint64_t status,
		     uint64_t ms)
{
	f->end = reason;
	f->status = status;
	uv_timer_start(&f->plan, plan_due, ms, 0);
}

/* -- the console */

static void print(struct fake *f, const void *data, size_t len)
{
	uint64_t one = 1;

	console_ring_write(f->ring, data, len);
	/* A full counter still wakes the reader. */
	ssize_t n UNUSED = write(fd_of(f, FD_ROLE_CONSOLE_KICK), &one, sizeof(one));
}

/* Lines of 16 bytes with their number, so that a reader sees what it misses. */
static void flood_more(uv_timer_t *timer)
{
	struct fake *f = container_of(timer, struct fake, flood);
	uint64_t all = f->script.flood * 1024;
	char chunk[FLOOD_STEP + 1];
	size_t n = 0;

	for (; n < FLOOD_STEP && f->flooded < all; n += 16, f->flooded += 16)
		snprintf(chunk + n, 17, "flood %09u\n",
			 (unsigned)(f->flooded / 16 % 1000000000));
	print(f, chunk, n);
	if (f->flooded >= all)
		uv_timer_stop(timer);
}

static void move_head(uv_timer_t *timer)
{
	static const uint64_t places[] = { UINT64_MAX, 0,	   1ull << 53,
					   1ull << 63, 1ull << 40, 17 };
	struct fake *f = container_of(timer, struct fake, noise);
	uint64_t one = 1;

	atomic_store(&f->ring->head, places[f->rounds++ % COUNT(places)]);
	ssize_t n UNUSED = write(fd_of(f, FD_ROLE_CONSOLE_KICK), &one, sizeof(one));
}

/* -- what vxd asks */

static int pipe_end(void)
{
	int fds[2] = { -1, -1 };

	return pipe(fds) < 0 ? -1 : fds[0];
}

int worker_hello(struct call *call, const struct worker_hello_params *p,
		 struct worker_hello_result *out, struct err **e)
{
	struct controller *c = call_app(call);
	struct fake *f = c->f;
	int fds[] = { fd_of(f, FD_ROLE_CONSOLE_RING), fd_of(f, FD_ROLE_CONSOLE_KICK) };
	bool obeys =
		str_eq(p->db_id, f->start.db_id) && p->db_epoch >= f->start.db_epoch;

	if (f->script.mute) {
		call_hold(call); /* for ever */
		return 0;
	}
	if (f->script.refuse)
		return err_set(e, ERR_UNAVAILABLE, "it is gone");
	if (!obeys)
		return err_set(e, ERR_PERMISSION_DENIED, "it obeys another database");
	f->start.db_epoch = p->db_epoch;
	f->current = c->link;
	out->protocol = PROTOCOL;
	out->build = mem_strdup("fake");
	vm_definition_copy(&f->start.vm, &out->vm);
	if (f->script.liar) {
		free(out->vm.id);
		out->vm.id = mem_strdup(OTHER_VM);
	}
	out->instance = f->start.instance;
	out->phase = f->phase;
	if (f->script.badfds)
		fds[0] = fds[1];
	if (f->script.badkick)
		fds[1] = pipe_end();
	call_reply_fds(call, fds, COUNT(fds));
	return 0;
}

static struct fake *fake_of(struct call *call)
{
	struct controller *c = call_app(call);

	return c->f;
}

int worker_power_button(struct call *call, const struct worker_power_button_params *p,
			struct worker_power_button_result *out, struct err **e)
{
	struct fake *f = fake_of(call);

	if (!f->script.deaf)
		end_soon(f, END_REASON_GUEST_POWEROFF, 0, 0);
	return 0;
}

int worker_console_write(struct call *call, const struct worker_console_write_params *p,
			 struct worker_console_write_result *out, struct err **e)
{
	struct fake *f = fake_of(call);
	autofree void *data = NULL;
	size_t len = 0;

	if (base64_decode(p->data, &data, &len) < 0)
		return err_set(e, ERR_INVALID_PARAMS, "data is not base64");
	if (f->script.echo)
		print(f, data, len);
	return 0;
}

int worker_pause(struct call *call, const struct worker_pause_params *p,
		 struct worker_pause_result *out, struct err **e)
{
	set_phase(fake_of(call), WORKER_PHASE_PAUSED);
	return 0;
}

int worker_resume(struct call *call, const struct worker_resume_params *p,
		  struct worker_resume_result *out, struct err **e)
{
	set_phase(fake_of(call), WORKER_PHASE_RUNNING);
	return 0;
}

int worker_quit(struct call *call, const struct worker_quit_params *p,
		struct worker_quit_result *out, struct err **e)
{
	end_soon(fake_of(call), END_REASON_KILL, 0, 0);
	return 0;
}

/* -- connections */

static void controller_gone(void *app, const struct err *why)
{
	struct controller *c = app;

	if (c->f->current == c->link)
		c->f->current = NULL;
	link_close(c->link);
	free(c);
}

static void serve(struct fake *f, int fd)
{
	struct controller *c = mem_new(struct controller);
	struct link_config config = {
		.table = { worker_methods, worker_methods_count, NULL },
		.app = c,
		.hangup = controller_gone,
	};

	c->f = f;
	c->link = link_new(&f->loop, fd, &config, NULL);
	if (!c->link)
		free(c);
}

static char *repeated(const char *text, size_t times)
{
	autofini(str) s = { 0 };

	while (times--)
		str_add(&s, text);
	return str_steal(&s);
}

static char *garbage_text(enum fake_garbage kind)
{
	switch (kind) {
	case GARBAGE_ARRAY:
		return mem_strdup("[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}]");
	case GARBAGE_HUGE:
		return repeated("x", CHANNEL_MESSAGE_MAX + 1);
	case GARBAGE_TYPES:
		return mem_strdup("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":"
				  "{\"protocol\":\"one\",\"build\":[],\"vm\":7}}");
	case GARBAGE_DEEP:
		return repeated("[", CHANNEL_MESSAGE_MAX / 2);
	default:
		return mem_strdup("\x01\xff not JSON at all {\"jsonrpc\":");
	}
}

/* It asks: answer with what is no answer. */
static void raw_ready(uv_poll_t *poll, int status, int events)
{
	struct raw_controller *c = container_of(poll, struct raw_controller, poll);
	autofini(channel_message) m = { 0 };
	autofree char *text = garbage_text(c->f->script.garbage);

	/* Its end is left open: vxd is to hang up by itself. */
	if (channel_recv_now(c->fd, &m) < 0)
		uv_poll_stop(poll);
	else if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		uv_poll_stop(poll);
}

static void serve_raw(struct fake *f, int fd)
{
	struct raw_controller *c = mem_new(struct raw_controller);

	c->f = f;
	c->fd = fd;
	uv_poll_init(&f->loop, &c->poll, fd);
	uv_poll_start(&c->poll, UV_READABLE, raw_ready);
}

static void listener_ready(uv_poll_t *poll, int status, int events)
{
	struct fake *f = container_of(poll, struct fake, listener);
	int fd = accept4(fd_of(f, FD_ROLE_CONTROL), NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (f->script.garbage == GARBAGE_NONE)
		serve(f, fd);
	else
		serve_raw(f, fd);
}

/* -- noise */

static void say_something(uv_timer_t *timer)
{
	static const char *const notes[] = {
		"{\"jsonrpc\":\"2.0\",\"method\":\"worker.unheard_of\",\"params\":{}}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"worker.phase\",\"params\":{}}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"worker.phase\","
		"\"params\":{\"phase\":\"flying\"}}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"worker.ended\",\"params\":{"
		"\"reason\":7}}",
		"{\"jsonrpc\":\"2.0\",\"id\":4711,\"result\":{}}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"worker.phase\","
		"\"params\":{\"phase\":\"running\"}}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"worker.guest_reset\","
		"\"params\":{\"reason\":\"guest-reset\"}}",
	};
	struct fake *f = container_of(timer, struct fake, noise);
	const char *text = notes[f->rounds++ % COUNT(notes)];

	if (f->current) {
		ssize_t n UNUSED = send(link_fd(f->current), text, strlen(text),
					MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void change_mind(uv_timer_t *timer)
{
	struct fake *f = container_of(timer, struct fake, noise);
	struct worker_phase_params note = { .phase = f->rounds++ % 2
							     ? WORKER_PHASE_RUNNING
							     : WORKER_PHASE_PAUSED };

	if (f->current)
		link_note_phase(f->current, &note);
}

/* -- the whole */

static void receive_start(struct fake *f)
{
	autofini(channel_message) m = { 0 };
	struct err *e = NULL;
	int rc = channel_recv_now(FD_VXD, &m);

	if (rc < 0)
		err_sys(&e, rc, "receive the start message");
	else if (worker_start_parse(m.data, m.len, DECODE_STRICT, &f->start, &e) == 0)
		script_parse(f->start.vm.boot.cmdline, &f->script, &e);
	if (e)
		die_of(e);
	for (size_t i = 0; i < m.n_fds; i++)
		f->fds[i] = steal_fd(&m.fds[i]);
	f->ring = console_ring_map(fd_of(f, FD_ROLE_CONSOLE_RING), 1);
	if (!f->ring || m.n_fds != f->start.n_fds) {
		err_set(&e, ERR_INVALID_PARAMS, "the descriptors are not those named");
		die_of(e);
	}
}

static void be_ready(struct fake *f)
{
	if (listen(fd_of(f, FD_ROLE_CONTROL), 4) < 0)
		_exit(97);
	prctl(PR_SET_PDEATHSIG, 0);
	uv_poll_init(&f->loop, &f->listener, fd_of(f, FD_ROLE_CONTROL));
	uv_poll_start(&f->listener, UV_READABLE, listener_ready);
	/* A vxd that went away meanwhile finds us later all the same. */
	ssize_t n UNUSED = send(FD_VXD, "ready", strlen("ready"), MSG_NOSIGNAL);
	close(FD_VXD);
	set_phase(f, WORKER_PHASE_RUNNING);
}

static void begin_plans(struct fake *f)
{
	const struct script *s = &f->script;

	if (s->print)
		print(f, s->print, strlen(s->print));
	if (s->flood)
		uv_timer_start(&f->flood, flood_more, 0, 1);
	if (s->noisy)
		uv_timer_start(&f->noise, say_something, NOISE_MS, NOISE_MS);
	if (s->fickle)
		uv_timer_start(&f->noise, change_mind, 0, 1);
	if (s->wild)
		uv_timer_start(&f->noise, move_head, NOISE_MS, NOISE_MS);
	if (s->ends || (s->death && s->when == MOMENT_RUNNING))
		end_soon(f, s->end, s->status, s->after_ms);
}

int main(int argc, char **argv)
{
	static struct fake f;

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* until it listens, like the real one */
	uv_loop_init(&f.loop);
	uv_timer_init(&f.loop, &f.plan);
	uv_timer_init(&f.loop, &f.noise);
	uv_timer_init(&f.loop, &f.flood);
	receive_start(&f);
	if (f.script.words)
		fputs(f.script.words, stderr);
	die_at(&f, MOMENT_START);
	set_phase(&f, WORKER_PHASE_LOADING);
	die_at(&f, MOMENT_LOADING);
	while (f.script.hang)
		pause();
	be_ready(&f);
	begin_plans(&f);
	uv_run(&f.loop, UV_RUN_DEFAULT);
	_exit(96);
}
