/*
 * daemon/instance_internal.h - what the files of an instance share
 *
 *   instance.c        start, adoption, the link and what the worker says by it
 *   instance_end.c    the keeper, and how an instance ends
 *   instance_calls.c  what an API call asks of it
 */
#ifndef VX_DAEMON_INSTANCE_INTERNAL_H
#define VX_DAEMON_INSTANCE_INTERNAL_H

#include "base/loop.h"
#include "daemon/instance.h"
#include "rpc/link.h"
#include "schema/gen/worker.h"

#define SEEK_NS 5000000000ull /* a worker that an earlier vxd just started may need */

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

/* Record and log a finding about its VM. */
void instance_report(struct instance *in, const char *detail);
/* Connect to the worker, if not done; else try again later. For timers, too. */
void instance_connect(void *owner);
/* A change of phase that was asked for is not the worker's whim. */
void instance_expect_change(struct instance *in);

/* instance_end.c; all but _watch_, _open_ and _seek_ end, and so free, the instance. */

/* The end that nobody recorded: `reason` and a sentence. */
void instance_finish_unrecorded(struct vxd *d, struct managed_vm *vm,
				enum end_reason reason, const char *detail);
/* The end as its keeper recorded it; false, and nothing done, without a record. */
bool instance_finish_by_record(struct vxd *d, struct managed_vm *vm);
/* The keeper's record, if it is there and this instance's. */
bool instance_read_exit(struct vxd *d, struct managed_vm *vm, struct exit_record *out);
/* Hear of the keeper's end. 0 or -1. */
int instance_watch_keeper(struct instance *in);
/* The keeper as a pidfd: the one recorded, else the one that says so itself. -1 when
 * that very process is gone, or nobody is known. */
int instance_open_keeper(int dir, struct instance_record *rec);
/* Nobody is known to live: seek for a while, then it counts as lost. */
void instance_seek(struct instance *in);
/* Who was not there when we came may turn up late. */
void instance_seek_keeper(struct instance *in);
/* For a worker's pidfd, once its keeper is gone. */
void instance_worker_ended(void *owner);

#endif
