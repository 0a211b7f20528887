/*
 * daemon/change.h - changes on their way to disk
 *
 * Two kinds. A fact has happened (a guest ended): it is recorded as soon as the disk
 * allows, tried again until then, in order. A wish (create, start, delete) takes place
 * only if its commit does; otherwise the model goes back to what it was. While facts about
 * a VM cannot be recorded, it takes no wishes.
 */
#ifndef VX_DAEMON_CHANGE_H
#define VX_DAEMON_CHANGE_H

#include "daemon/vm_state.h"
#include "daemon/vxd.h"

/* Who and why, for an event. All borrowed. */
struct cause {
	const char *actor;	/* "uid:1000", "guest", "worker", "vxd" */
	const char *request_id; /* may be NULL */
	enum end_reason reason;
	const char *detail; /* may be NULL */
};

/* An event about `vm`; its strings stay the VM's and the cause's. */
struct event event_about(const struct managed_vm *vm, enum event_type type,
			 const struct cause *why);

/* Record the VM as it is now, with an event. `call` may be NULL; else its reply waits. */
void fact_record(struct vxd *d, const struct managed_vm *vm, const struct event *ev,
		 struct call *call);
/* Into the state that follows from `in`, recorded with its event. False, and nothing
 * done, when the table of states has no such step. */
bool fact_state(struct vxd *d, struct managed_vm *vm, enum vm_input in,
		const struct cause *why, struct call *call);
/* Could a fact about this VM not be recorded so far? */
bool facts_wait(const struct managed_vm *vm);
/* Free what could not be recorded when vxd ends. */
void facts_fini(struct vxd *d);

struct wish {
	struct vxd *d;
	struct call *call; /* its reply is held; NULL: vxd's own wish */
	char *id;	   /* owned: of the VM */
	/* After the commit, before the reply. May be NULL. */
	void (*granted)(struct wish *w, struct managed_vm *vm);
	/* The commit failed: put the model back. May be NULL: nothing was changed. */
	void (*refused)(struct wish *w, struct managed_vm *vm);
	struct vm_record before; /* for `refused` */
	enum vm_state state_before;
	struct boot_files *files; /* owned: what a start will need */
};

struct wish *wish_new(struct vxd *d, struct call *call) NODISCARD;
/* Commit `batch` (consumed) for `w` (consumed), a change of `vm`; a call's change with
 * its audit record. */
void wish_commit(struct wish *w, struct managed_vm *vm, struct store_batch *batch,
		 const char *method);
/* Commit that `vm` is deleted, for `w` (consumed); granted, it is gone. `refused` may be
 * NULL. */
void wish_delete(struct wish *w, struct managed_vm *vm, const struct cause *why);
/* ERR_CONFLICT while a wish about this VM is on its way. */
int change_allowed(const struct managed_vm *vm, struct err **e);
/* The same, and ERR_UNAVAILABLE while facts about it wait: what is wished would be
 * recorded before what happened. */
int wish_allowed(const struct managed_vm *vm, struct err **e);

#endif
