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
#include "daemon/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/change.h"
#include "daemon/console_hub.h"
#include "daemon/ephemeral.h"
#include "daemon/exit_record.h"
#include "daemon/keeper_id.h"
#include "daemon/planner.h"
#include "daemon/restart.h"
#include "rpc/link.h"
#include "schema/console_ring.h"
#include "schema/gen/worker_client.h"

#define EXIT_RECORD_MAX 65536
#define DETAIL_MAX 1024 /* bytes, as the schema has it */
#define SILENCE_MS 2000 /* a broken link may just be the beginning of an end */
#define RECONNECT_MS 1000
#define SEEK_NS 5000000000ull /* a worker that an earlier vxd just started may need */
#define SAYS_AT_ONCE 20	      /* notes that are recorded, and then one for each ... */
#define SAYS_EVERY_NS 1000000000ull
#define KILL_PATIENCE_MS 5000 /* then the keeper is not asked any more */

struct instance {
	struct vxd *d;
	struct managed_vm *vm;
	uint64_t number;
	int dir;	   /* owned */
	int start, keeper; /* owned, -1 when done with */
	int worker;	   /* owned: pidfd, once it is known */
	struct fd_watch *start_watch, *keeper_watch, *worker_watch;
	struct link *link; /* owned, NULL without a connection */
	bool greeted;	   /* the hello was answered */
	bool rebuffed;	   /* a connection broke before that */
	bool silent;	   /* and that was reported */
	bool keeper_gone;  /* without a record; the worker is watched instead */
	bool seeking;	   /* nobody is known to live: give up at seek_until */
	uint64_t seek_until;
	struct timer *reconnect, *deadline, *patience;
	bool stop_asked, then_kill, kill_asked;
	struct worker_ended_params said; /* the worker's own word, for want of better */
	bool has_said;
	uint64_t said_until; /* how far ahead it has used up what it may say */
};

static const struct cause by_worker = { .actor = "worker" };
static const struct cause by_vxd = { .actor = "vxd" };
static const struct cause by_guest = { .actor = "guest" };

static void try_connect(void *owner);
static void went_silent(struct instance *in, const char *detail);
static void link_lost(struct instance *in, uint64_t again_ms);

static void report(struct instance *in, const char *detail)
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

/* -- the end */

/* What the API shows of it. The strings move. */
static struct vm_end end_from_record(struct exit_record *rec)
{
	return (struct vm_end){ .reason = rec->reason,
				.status = rec->guest_status,
				.time_us = rec->time_us,
				.detail = steal(rec->detail),
				.last_words = steal(rec->last_words) };
}

/* The VM's instance ended. Consumes what `end` owns. `in` may be NULL. */
static void finish(struct vxd *d, struct managed_vm *vm, struct vm_end *end)
{
	struct instance *in = vm->live;
	struct instance_record *rec = vm->rec.instance;
	bool orderly;

	/* A guest that powers off while we press its button obeys. */
	if (in && in->stop_asked && end->reason == END_REASON_GUEST_POWEROFF)
		end->reason = END_REASON_STOP;
	str_tame(end->detail, DETAIL_MAX, "");
	orderly = end_reason_is_orderly(end->reason);
	if (!orderly)
		log_warn("VM %s: %s%s%s", vm_name(vm), end_reason_name(end->reason),
			 end->detail ? ": " : "", end->detail ? end->detail : "");

	const struct cause why = { .actor = orderly ? "guest" : "vxd",
				   .reason = end->reason,
				   .detail = end->detail };

	rec->end = mem_new(struct vm_end);
	*rec->end = *end;
	vm->live = NULL;
	instance_free(in);
	fact_state(d, vm, orderly ? VM_INPUT_ENDED : VM_INPUT_FAILED, &why, NULL);
	if (vm->console)
		console_hub_end(vm->console, rec->end);
	if (vm->rec.definition.ephemeral)
		ephemeral_ended(d, vm);
	restart_after_end(d, vm);
}

static void finish_without_record(struct vxd *d, struct managed_vm *vm,
				  enum end_reason reason, const char *detail)
{
	struct vm_end end = { .reason = reason,
			      .time_us = clock_wall_us(),
			      .detail = mem_strdup(detail) };

	finish(d, vm, &end);
}

/* The keeper's record, if it is there and this instance's. */
static bool read_exit_record(struct vxd *d, struct managed_vm *vm,
			     struct exit_record *out)
{
	uint64_t number = vm->rec.instance->number;
	autofd int dir = instance_dir_open(d, vm_id(vm), number);
	autofree char *text = NULL;
	autoptr(err) e = NULL;
	size_t len;

	if (dir < 0 ||
	    fd_read_file(dir, EXIT_RECORD_NAME, EXIT_RECORD_MAX, &text, &len) < 0)
		return false;
	if (exit_record_parse(text, len, DECODE_LENIENT, out, &e) < 0) {
		log_err(e, "VM %s: its keeper's record", vm_name(vm));
		return false;
	}
	if (str_eq(out->vm, vm_id(vm)) && out->instance == number)
		return true;
	exit_record_fini(out);
	return false;
}

static bool finish_by_record(struct vxd *d, struct managed_vm *vm)
{
	autofini(exit_record) rec = { 0 };
	struct vm_end end;

	if (!read_exit_record(d, vm, &rec))
		return false;
	end = end_from_record(&rec);
	finish(d, vm, &end);
	return true;
}

static void finish_unseen(struct instance *in)
{
	if (in->has_said)
		finish_without_record(in->d, in->vm, in->said.reason, in->said.detail);
	else
		finish_without_record(
			in->d, in->vm,
			in->kill_asked ? END_REASON_KILL : END_REASON_LOST,
			"its keeper was gone, so that nobody saw how it ended");
}

static void worker_ended(void *owner)
{
	struct instance *in = owner;

	if (!finish_by_record(in->d, in->vm))
		finish_unseen(in);
}

/* For a while. */
static void seek(struct instance *in)
{
	in->seeking = true;
	in->seek_until = clock_mono_ns() + SEEK_NS;
}

/* The keeper died without a record. Does the worker live? */
static void outlive_keeper(struct instance *in)
{
	in->keeper_gone = true;
	if (in->worker >= 0) {
		in->worker_watch =
			fd_watch_new(&in->d->loop, in->worker, worker_ended, in);
		report(in, "its keeper was killed; the worker goes on without it");
		return;
	}
	seek(in);
	try_connect(in);
}

static void keeper_ended(void *owner)
{
	struct instance *in = owner;
	siginfo_t info;

	/* ECHILD for one that an earlier vxd started. */
	waitid(P_PIDFD, (id_t)in->keeper, &info, WEXITED | WNOHANG);
	fd_watch_free(steal(in->keeper_watch));
	if (!finish_by_record(in->d, in->vm))
		outlive_keeper(in);
}

static int watch_keeper(struct instance *in)
{
	in->keeper_watch = fd_watch_new(&in->d->loop, in->keeper, keeper_ended, in);
	return in->keeper_watch ? 0 : -1;
}

/* The keeper as a pidfd: the one recorded, else the one that says so itself. -1 when
 * that very process is gone, or nobody is known. */
static int open_keeper(int dir, struct instance_record *rec)
{
	if (!rec->keeper_pid)
		keeper_id_read(dir, &rec->keeper_pid, &rec->keeper_start);

	autofd int fd = rec->keeper_pid ? pidfd_open((pid_t)rec->keeper_pid, 0) : -1;
	uint64_t start;

	/* Asked after the pidfd was opened: what it names cannot change any more. */
	if (fd < 0 || process_start_time((pid_t)rec->keeper_pid, &start) < 0 ||
	    start != rec->keeper_start)
		return -1;
	return steal_fd(&fd);
}

/* Who was not there when we came may turn up late. */
static void seek_keeper(struct instance *in)
{
	in->keeper = open_keeper(in->dir, in->vm->rec.instance);
	if (in->keeper >= 0 && watch_keeper(in) == 0)
		in->keeper_gone = in->seeking = false;
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
	report(in, detail);
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
		report(in, "its worker does not hand out the console");
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
		seek(in); /* it ended before it could be watched */
		late = false;
	}
	if (in->seeking && finish_by_record(in->d, in->vm))
		return;
	if (in->seeking && late) {
		finish_without_record(in->d, in->vm, END_REASON_LOST,
				      "neither its keeper nor its worker is there");
		return;
	}
	if (late)
		went_silent(in, "its worker does not answer");
	timer_set(in->reconnect, RECONNECT_MS);
}

static void try_connect(void *owner)
{
	struct instance *in = owner;
	autoptr(err) e = NULL;
	pid_t pid;
	int fd;

	if (in->link && in->greeted)
		return;
	link_close(steal(in->link));
	if (in->seeking && in->keeper < 0)
		seek_keeper(in);
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
		in->worker_watch =
			fd_watch_new(&in->d->loop, in->worker, worker_ended, in);
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
	if (ready)
		try_connect(in);
}

static struct instance *instance_new(struct vxd *d, struct managed_vm *vm)
{
	struct instance *in = mem_new(struct instance);

	in->d = d;
	in->vm = vm;
	in->number = vm->rec.instance->number;
	in->dir = in->start = in->keeper = in->worker = -1;
	in->reconnect = timer_new(&d->loop, try_connect, in);
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
	if (watch_keeper(in) < 0 || !in->start_watch)
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
		finish_without_record(d, vm, END_REASON_START_FAILED, detail);
	}
}

/* -- adoption */

static void adopt_live(struct vxd *d, struct managed_vm *vm, int dir, int keeper)
{
	struct instance *in = instance_new(d, vm);

	in->keeper = keeper;
	in->dir = dir;
	in->seek_until = clock_mono_ns() + SEEK_NS;
	if (keeper < 0 || watch_keeper(in) < 0)
		in->keeper_gone = in->seeking = true;
	try_connect(in);
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
		keeper = seen.same_boot ? open_keeper(dir, rec) : -1;
		seen.keeper_alive = keeper >= 0;
		seen.exit_record = read_exit_record(d, vm, &ended);
	}
	/* One that was killed when it had recorded an end had no time to do it. */
	instance_dirs_tidy(d, vm_id(vm), rec->end ? 0 : rec->number);
	switch (plan_adoption(&vm->rec, &seen)) {
	case PLAN_NOTHING:
		if (vm->rec.definition.ephemeral)
			ephemeral_ended(d, vm);
		restart_after_end(d, vm);
		break;
	case PLAN_RECORD_EXIT:
		finish_by_record(d, vm);
		break;
	case PLAN_HOST_BOOT:
		finish_without_record(d, vm, END_REASON_HOST_BOOT,
				      "the host was booted meanwhile");
		break;
	case PLAN_ADOPT:
	case PLAN_SEEK:
		adopt_live(d, vm, steal_fd(&dir), steal_fd(&keeper));
		break;
	}
}

static int check_greeted(const struct instance *in, struct err **e)
{
	if (in->greeted)
		return 0;
	err_set(e, ERR_UNAVAILABLE, "the worker of VM \"%s\" does not answer",
		vm_name(in->vm));
	return err_object(e, vm_name(in->vm));
}

/* -- stop and kill */

static void stop_expired(void *owner)
{
	static const struct cause why = { .actor = "vxd",
					  .detail = "the guest did not obey the power "
						    "button in time" };
	struct instance *in = owner;
	autoptr(err) e = NULL;

	if (in->then_kill) {
		if (instance_kill(in, &e) < 0)
			log_err(e, "VM %s: kill it", vm_name(in->vm));
		return;
	}
	in->stop_asked = false;
	fact_state(in->d, in->vm, VM_INPUT_STOP_EXPIRED, &why, NULL);
}

static void button_answered(void *owner, struct worker_power_button_result *r,
			    struct err *e)
{
	/* The deadline decides; this only says why it will. */
	if (e)
		log_err(e, "press a power button");
}

int instance_stop(struct instance *in, uint64_t deadline_s, bool then_kill,
		  struct err **e)
{
	const struct worker_power_button_params p = { 0 };

	if (check_greeted(in, e) < 0)
		return -1;
	if (link_worker_power_button(in->link, &p, button_answered, NULL, e) < 0)
		return -1;
	in->stop_asked = true;
	in->then_kill = then_kill;
	if (!in->deadline)
		in->deadline = timer_new(&in->d->loop, stop_expired, in);
	timer_set(in->deadline, deadline_s * 1000);
	return 0;
}

/* The keeper was told and does not end: stopped, or out of its senses. */
static void patience_ended(void *owner)
{
	struct instance *in = owner;

	report(in, "its keeper does not obey; it is killed with the worker");
	if (in->worker >= 0)
		pidfd_send_signal(in->worker, SIGKILL, NULL, 0);
	if (in->keeper >= 0)
		pidfd_send_signal(in->keeper, SIGKILL, NULL, 0);
}

int instance_kill(struct instance *in, struct err **e)
{
	bool told = false;

	if (in->keeper >= 0 && !in->keeper_gone)
		told = pidfd_send_signal(in->keeper, SIGTERM, NULL, 0) == 0;
	if (!told && in->worker >= 0)
		told = pidfd_send_signal(in->worker, SIGKILL, NULL, 0) == 0;
	if (!told) {
		err_set(e, ERR_UNAVAILABLE, "no process of VM \"%s\" can be found",
			vm_name(in->vm));
		err_object(e, vm_name(in->vm));
		return err_hint(e, "it counts as lost in a few seconds, unless one "
				   "turns up");
	}
	in->kill_asked = true;
	if (in->deadline)
		timer_clear(in->deadline);
	if (!in->patience)
		in->patience = timer_new(&in->d->loop, patience_ended, in);
	timer_set(in->patience, KILL_PATIENCE_MS);
	return 0;
}

/* -- calls that are handed on to the worker, whose answer is theirs */

static void release(struct call *call, const struct err *e)
{
	call_release(call, e ? err_dup(e) : NULL);
}

static void pause_answered(void *owner, struct worker_pause_result *r, struct err *e)
{
	release(owner, e);
}

static void resume_answered(void *owner, struct worker_resume_result *r, struct err *e)
{
	release(owner, e);
}

static void write_answered(void *owner, struct worker_console_write_result *r,
			   struct err *e)
{
	release(owner, e);
}

int instance_pause(struct instance *in, struct call *call, struct err **e)
{
	const struct worker_pause_params p = { 0 };

	if (check_greeted(in, e) < 0 ||
	    link_worker_pause(in->link, &p, pause_answered, call, e) < 0)
		return -1;
	call_hold(call);
	return 0;
}

int instance_resume(struct instance *in, struct call *call, struct err **e)
{
	const struct worker_resume_params p = { 0 };

	if (check_greeted(in, e) < 0 ||
	    link_worker_resume(in->link, &p, resume_answered, call, e) < 0)
		return -1;
	call_hold(call);
	return 0;
}

int instance_console_write(struct instance *in, struct call *call, const char *data,
			   struct err **e)
{
	const struct worker_console_write_params p = { .data = (char *)data };

	if (check_greeted(in, e) < 0 ||
	    link_worker_console_write(in->link, &p, write_answered, call, e) < 0)
		return -1;
	call_hold(call);
	return 0;
}
