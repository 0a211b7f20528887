/*
 * daemon/instance.c - a VM's keeper and worker, from the start to their end
 *
 *   start:  spawn -> "ready" on the start socket -> connect, hello -> phase running
 *   end:    keeper's pidfd -> exit.json -> the VM's end, recorded, directory removed
 *   adopt:  pidfd of the recorded keeper, connect, hello; or nobody there: lost
 *
 * The link may break while the worker lives: then it is connected again, and meanwhile
 * the VM is unknown, never ended. A keeper may die while the worker lives: then the
 * worker itself is watched.
 */
#include "daemon/instance_internal.h"

#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/change.h"
#include "daemon/console_hub.h"
#include "daemon/ephemeral.h"
#include "daemon/planner.h"
#include "daemon/restart.h"
#include "schema/console_ring.h"
#include "schema/gen/worker_client.h"

#define SILENCE_MS 2000 /* a broken link may just be the beginning of an end */
#define RECONNECT_MS 1000
#define SAYS_AT_ONCE 20 /* notes that are recorded, and then one for each ... */
#define SAYS_EVERY_NS 1000000000ull

static const struct cause by_worker = { .actor = "worker" };
static const struct cause by_vxd = { .actor = "vxd" };
static const struct cause by_guest = { .actor = "guest" };

static void went_silent(struct instance *in, const char *detail);
static void link_lost(struct instance *in, uint64_t again_ms);

void instance_report(struct instance *in, const char *detail)
{
	const struct cause why = { .actor = "vxd", .detail = detail };
	struct event ev = event_about(in->vm, EVENT_TYPE_REPORTED, &why);

	log_warn("VM %s: %s", vm_name(in->vm), detail);
	fact_record(in->d, in->vm, &ev, NULL);
}

void instance_free(struct instance *in)
{
	if (!in)
		return;
	link_close(steal(in->link));
	fd_watch_free(in->start_watch);
	fd_watch_free(in->keeper_watch);
	fd_watch_free(in->worker_watch);
	timer_free(in->reconnect);
	timer_free(in->deadline);
	timer_free(in->patience);
	cleanup_close(&in->dir);
	cleanup_close(&in->start);
	cleanup_close(&in->keeper);
	cleanup_close(&in->worker);
	worker_ended_params_fini(&in->said);
	free(in);
}

/* -- what the worker says */

static void phase_seen(struct instance *in, enum worker_phase phase)
{
	bool button_is_pressed = in->vm->state == VM_STATE_STOPPING;

	if (button_is_pressed)
		return;
	if (phase == WORKER_PHASE_RUNNING && in->vm->state != VM_STATE_RUNNING)
		fact_state(in->d, in->vm, VM_INPUT_RUNS, &by_worker, NULL);
	else if (phase == WORKER_PHASE_PAUSED && in->vm->state != VM_STATE_PAUSED)
		fact_state(in->d, in->vm, VM_INPUT_PAUSES, &by_worker, NULL);
}

/* Each is recorded and told to all who follow the events: not more than a guest that
 * comes and goes has to say. */
static bool may_say(struct instance *in)
{
	uint64_t now = clock_mono_ns();

	in->said_until = MAX(in->said_until, now);
	if (in->said_until - now >= SAYS_AT_ONCE * SAYS_EVERY_NS)
		return false;
	in->said_until += SAYS_EVERY_NS;
	return true;
}

/* A change that was asked for costs the worker nothing. */
void instance_expect_change(struct instance *in)
{
	in->said_until -= MIN(in->said_until, SAYS_EVERY_NS);
}

static void note_phase(struct instance *in, const char *params)
{
	autofini(worker_phase_params) p = { 0 };
	enum vm_state state = in->vm->state;

	if (worker_phase_params_parse(params, strlen(params), DECODE_LENIENT, &p,
				      NULL) < 0)
		return;
	phase_seen(in, p.phase);
	if (in->vm->state != state && !may_say(in)) {
		went_silent(in, "its worker cannot decide whether its guest runs");
		link_lost(in, RECONNECT_MS * 10);
	}
}

static void note_guest_reset(struct instance *in, const char *params)
{
	autofini(worker_guest_reset_params) p = { 0 };
	struct cause why = by_guest;
	struct event ev;

	if (worker_guest_reset_params_parse(params, strlen(params), DECODE_LENIENT, &p,
					    NULL) < 0 ||
	    !may_say(in))
		return;
	why.reason = p.reason;
	ev = event_about(in->vm, EVENT_TYPE_GUEST_RESET, &why);
	fact_record(in->d, in->vm, &ev, NULL);
}

static void note_ended(struct instance *in, const char *params)
{
	struct worker_ended_params p;

	if (worker_ended_params_parse(params, strlen(params), DECODE_LENIENT, &p,
				      NULL) < 0)
		return;
	worker_ended_params_fini(&in->said);
	in->said = p;
	in->has_said = true;
}

static void link_note_seen(void *app, const char *method, const char *params)
{
	static const struct {
		const char *method;
		void (*seen)(struct instance *in, const char *params);
	} notes[] = {
		{ "worker.phase", note_phase },
		{ "worker.guest_reset", note_guest_reset },
		{ "worker.ended", note_ended },
	};
	struct instance *in = app;

	if (!in->greeted)
		return;
	for (size_t i = 0; i < COUNT(notes); i++)
		if (str_eq(method, notes[i].method))
			notes[i].seen(in, params);
}

/* -- the link */

/* Something is there, but it does not answer as a worker does. Told once. */
static void went_silent(struct instance *in, const char *detail)
{
	if (in->silent)
		return;
	in->silent = true;
	fact_state(in->d, in->vm, VM_INPUT_SILENT, &by_vxd, NULL);
	instance_report(in, detail);
}

static void link_lost(struct instance *in, uint64_t again_ms)
{
	in->greeted = false;
	link_close(steal(in->link));
	timer_set(in->reconnect, again_ms);
}

static void link_hung_up(void *app, const struct err *why)
{
	struct instance *in = app;

	/* Once, not every two seconds. */
	if (why && !in->rebuffed)
		log_err(why, "VM %s: its worker", vm_name(in->vm));
	in->rebuffed = !in->greeted;
	link_lost(in, SILENCE_MS);
}

/* An adopting vxd gets the console from the worker; the one that started it has it. */
static void take_console(struct instance *in, int *fds, size_t n)
{
	struct managed_vm *vm = in->vm;
	autoptr(err) e = NULL;

	if (vm->console)
		return;
	if (n != 2 || !fd_is_memfd_sealed(fds[0], CONSOLE_RING_BYTES) ||
	    !fd_is_eventfd(fds[1])) {
		instance_report(in, "its worker does not hand out the console");
		return;
	}
	vm->console =
		console_hub_new(in->d, vm, steal_fd(&fds[0]), steal_fd(&fds[1]), &e);
	if (!vm->console)
		log_err(e, "VM %s", vm_name(vm));
}

static void hello_answered(void *owner, struct worker_hello_result *r, int *fds,
			   size_t n, struct err *e)
{
	struct instance *in = owner;

	if (e && e->code == ERR_UNAVAILABLE) {
		/* The link is gone, which is seen elsewhere, or the worker says so. */
		if (in->link)
			timer_set(in->reconnect, SILENCE_MS);
		return;
	}
	if (e || !str_eq(r->vm.id, vm_id(in->vm)) || r->instance != in->number) {
		went_silent(in, e ? e->message : "its worker claims to be another one");
		link_lost(in, RECONNECT_MS * 10);
		return;
	}
	in->greeted = true;
	in->rebuffed = in->silent = in->seeking = false;
	take_console(in, fds, n);
	phase_seen(in, r->phase);
}

static int greet(struct instance *in, int fd, struct err **e)
{
	struct link_config config = { .app = in,
				      .note = link_note_seen,
				      .hangup = link_hung_up };
	struct worker_hello_params p = { .protocol_min = WORKER_PROTOCOL,
					 .protocol_max = WORKER_PROTOCOL,
					 .db_id = in->d->identity.db_id,
					 .db_epoch = in->d->identity.db_epoch };

	in->link = link_new(&in->d->loop, fd, &config, e);
	if (!in->link)
		return -1;
	return link_worker_hello(in->link, &p, hello_answered, in, e);
}

static void not_connected(struct instance *in)
{
	bool late = clock_mono_ns() >= in->seek_until;

	if (in->keeper_gone && in->worker < 0 && !in->seeking) {
		instance_seek(in); /* it ended before it could be watched */
		late = false;
	}
	if (in->seeking && instance_finish_by_record(in->d, in->vm))
		return;
	if (in->seeking && late) {
		instance_finish_unrecorded(
			in->d, in->vm, END_REASON_LOST,
			"neither its keeper nor its worker is there");
		return;
	}
	if (late)
		went_silent(in, "its worker does not answer");
	timer_set(in->reconnect, RECONNECT_MS);
}

void instance_connect(void *owner)
{
	struct instance *in = owner;
	autoptr(err) e = NULL;
	pid_t pid;
	int fd;

	if (in->link && in->greeted)
		return;
	if (in->link) /* it answered, but nothing of use */
		in->rebuffed = true;
	link_close(steal(in->link));
	if (in->seeking && in->keeper < 0)
		instance_seek_keeper(in);
	fd = control_connect(in->dir, &pid);
	if (fd == -EAGAIN) {
		/* Somebody is there who lets others wait. */
		went_silent(in, "its worker takes no connection");
		timer_set(in->reconnect, RECONNECT_MS);
		return;
	}
	if (fd < 0) {
		not_connected(in);
		return;
	}
	if (in->rebuffed)
		went_silent(in, "its worker lives, but breaks off every connection");
	if (!in->worker_watch) {
		cleanup_close(&in->worker);
		in->worker = pidfd_open(pid, 0);
	}
	if (in->keeper_gone && in->worker >= 0 && !in->worker_watch)
		in->worker_watch = fd_watch_new(&in->d->loop, in->worker,
						instance_worker_ended, in);
	if (in->worker_watch)
		in->seeking = false; /* it is there, whatever it says */
	if (greet(in, fd, &e) < 0) {
		log_err(e, "VM %s: greet its worker", vm_name(in->vm));
		link_lost(in, RECONNECT_MS);
	}
}

/* -- start */

static void start_answered(void *owner)
{
	struct instance *in = owner;
	autofini(channel_message) m = { 0 };
	bool ready = channel_recv_now(in->start, &m) == 0 && str_eq(m.data, "ready");

	fd_watch_free(steal(in->start_watch));
	close(steal_fd(&in->start));
	/* Else the start failed, and the keeper's record says how. */
	if (ready) {
		/* Refused for a while, it may just be ending: its keeper will tell. */
		in->seek_until = clock_mono_ns() + SEEK_NS;
		instance_connect(in);
	}
}

static struct instance *instance_new(struct vxd *d, struct managed_vm *vm)
{
	struct instance *in = mem_new(struct instance);

	in->d = d;
	in->vm = vm;
	in->number = vm->rec.instance->number;
	in->dir = in->start = in->keeper = in->worker = -1;
	in->reconnect = timer_new(&d->loop, instance_connect, in);
	vm->live = in;
	return in;
}

static int take_spawned(struct instance *in, struct spawned *s, struct err **e)
{
	struct instance_record *rec = in->vm->rec.instance;

	in->dir = steal_fd(&s->dir);
	in->start = steal_fd(&s->start);
	in->keeper = steal_fd(&s->keeper);
	rec->keeper_pid = (uint64_t)s->keeper_pid;
	if (process_start_time(s->keeper_pid, &rec->keeper_start) < 0)
		rec->keeper_start = 0; /* it has ended already: its record says how */
	in->vm->console = console_hub_new(in->d, in->vm, steal_fd(&s->ring),
					  steal_fd(&s->kick), e);
	in->start_watch = fd_watch_new(&in->d->loop, in->start, start_answered, in);
	if (instance_watch_keeper(in) < 0 || !in->start_watch)
		return err_set(e, ERR_NO_CAPACITY, "the loop cannot watch the keeper");
	return in->vm->console ? 0 : -1;
}

void instance_start(struct vxd *d, struct managed_vm *vm,
		    const struct boot_files *files)
{
	autofini(spawned) s = { -1, -1, -1, -1, -1, 0 };
	struct instance *in = instance_new(d, vm);
	autoptr(err) e = NULL;

	/* Also of a start that fails: what is there is another instance's. */
	console_hub_free(steal(vm->console));
	if (spawn_instance(d, vm, files, &s, &e) < 0 || take_spawned(in, &s, &e) < 0) {
		autofree char *detail =
			mem_printf("%s%s%s", e->message, e->hint ? "; " : "",
				   e->hint ? e->hint : "");

		if (in->keeper >= 0)
			pidfd_send_signal(in->keeper, SIGTERM, NULL, 0);
		instance_finish_unrecorded(d, vm, END_REASON_START_FAILED, detail);
	}
}

/* -- adoption */

static void adopt_live(struct vxd *d, struct managed_vm *vm, int dir, int keeper)
{
	struct instance *in = instance_new(d, vm);

	in->keeper = keeper;
	in->dir = dir;
	in->seek_until = clock_mono_ns() + SEEK_NS;
	if (keeper < 0 || instance_watch_keeper(in) < 0)
		in->keeper_gone = in->seeking = true;
	instance_connect(in);
}

void instance_adopt(struct vxd *d, struct managed_vm *vm)
{
	struct instance_record *rec = vm->rec.instance;
	autofd int dir = -1, keeper = -1;
	autofini(exit_record) ended = { 0 };
	struct plan_observation seen = { 0 };

	if (!rec)
		return; /* never started */
	if (!rec->end) {
		dir = instance_dir_open(d, vm_id(vm), rec->number);
		seen.same_boot = str_eq(rec->boot_id, d->boot_id);
		keeper = seen.same_boot ? instance_open_keeper(dir, rec) : -1;
		seen.keeper_alive = keeper >= 0;
		seen.exit_record = instance_read_exit(d, vm, &ended);
	}
	/* One that was killed when it had recorded an end had no time to do it. */
	instance_dirs_tidy(d, vm_id(vm), rec->end ? 0 : rec->number);
	switch (plan_adoption(&vm->rec, &seen)) {
	case PLAN_NOTHING:
		if (vm->rec.definition.ephemeral)
			ephemeral_ended(vm);
		restart_after_end(vm);
		break;
	case PLAN_RECORD_EXIT:
		instance_finish_by_record(d, vm);
		break;
	case PLAN_HOST_BOOT:
		instance_finish_unrecorded(d, vm, END_REASON_HOST_BOOT,
					   "the host was booted meanwhile");
		break;
	case PLAN_ADOPT:
	case PLAN_SEEK:
		adopt_live(d, vm, steal_fd(&dir), steal_fd(&keeper));
		break;
	}
}
