/*
 * daemon/instance_end.c - the keeper, and how an instance ends
 *
 * An end is believed from the keeper's record. Only where the keeper itself is gone is
 * the worker's own word taken, and without any the instance is lost.
 */
#include "daemon/instance_internal.h"

#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/change.h"
#include "daemon/console_hub.h"
#include "daemon/ephemeral.h"
#include "daemon/exit_record.h"
#include "daemon/keeper_id.h"
#include "daemon/restart.h"

#define EXIT_RECORD_MAX 65536
#define DETAIL_MAX 1024 /* bytes, as the schema has it */

/* What the API shows of it. The strings move. */
static struct vm_end end_from_record(struct exit_record *rec)
{
	return (struct vm_end){ .reason = rec->reason,
				.status = rec->guest_status,
				.time_us = rec->time_us,
				.detail = steal(rec->detail),
				.last_words = steal(rec->last_words) };
}

static const char *actor_of(enum end_reason r)
{
	switch (r) {
	case END_REASON_GUEST_POWEROFF:
	case END_REASON_GUEST_RESET:
	case END_REASON_TRIPLE_FAULT:
	case END_REASON_PANIC:
	case END_REASON_STOP: /* it obeyed */
	case END_REASON_DEBUG_EXIT:
		return "guest";
	default:
		return "vxd";
	}
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

	const struct cause why = { .actor = actor_of(end->reason),
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
		ephemeral_ended(vm);
	restart_after_end(vm);
}

void instance_finish_unrecorded(struct vxd *d, struct managed_vm *vm,
				enum end_reason reason, const char *detail)
{
	struct vm_end end = { .reason = reason,
			      .time_us = clock_wall_us(),
			      .detail = mem_strdup(detail) };

	finish(d, vm, &end);
}

bool instance_read_exit(struct vxd *d, struct managed_vm *vm, struct exit_record *out)
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

bool instance_finish_by_record(struct vxd *d, struct managed_vm *vm)
{
	autofini(exit_record) rec = { 0 };
	struct vm_end end;

	if (!instance_read_exit(d, vm, &rec))
		return false;
	end = end_from_record(&rec);
	finish(d, vm, &end);
	return true;
}

static void finish_unseen(struct instance *in)
{
	if (in->has_said)
		instance_finish_unrecorded(in->d, in->vm, in->said.reason,
					   in->said.detail);
	else
		instance_finish_unrecorded(
			in->d, in->vm,
			in->kill_asked ? END_REASON_KILL : END_REASON_LOST,
			"its keeper was gone, so that nobody saw how it ended");
}

void instance_worker_ended(void *owner)
{
	struct instance *in = owner;

	if (!instance_finish_by_record(in->d, in->vm))
		finish_unseen(in);
}

void instance_seek(struct instance *in)
{
	in->seeking = true;
	in->seek_until = clock_mono_ns() + SEEK_NS;
}

/* The keeper died without a record. Does the worker live? */
static void outlive_keeper(struct instance *in)
{
	in->keeper_gone = true;
	if (in->worker >= 0) {
		in->worker_watch = fd_watch_new(&in->d->loop, in->worker,
						instance_worker_ended, in);
		instance_report(in,
				"its keeper was killed; the worker goes on without it");
		return;
	}
	instance_seek(in);
	instance_connect(in);
}

static void keeper_ended(void *owner)
{
	struct instance *in = owner;
	siginfo_t info;

	/* ECHILD for one that an earlier vxd started. */
	waitid(P_PIDFD, (id_t)in->keeper, &info, WEXITED | WNOHANG);
	fd_watch_free(steal(in->keeper_watch));
	if (!instance_finish_by_record(in->d, in->vm))
		outlive_keeper(in);
}

int instance_watch_keeper(struct instance *in)
{
	in->keeper_watch = fd_watch_new(&in->d->loop, in->keeper, keeper_ended, in);
	return in->keeper_watch ? 0 : -1;
}

int instance_open_keeper(int dir, struct instance_record *rec)
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

void instance_seek_keeper(struct instance *in)
{
	in->keeper = instance_open_keeper(in->dir, in->vm->rec.instance);
	if (in->keeper >= 0 && instance_watch_keeper(in) == 0)
		in->keeper_gone = in->seeking = false;
}
