/*
 * daemon/vm.h - one VM as vxd knows it, and all of them
 *
 * The record is what the database has or will have once the commit under way is done;
 * state and instance are what is observed.
 */
#ifndef VX_DAEMON_VM_H
#define VX_DAEMON_VM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "schema/gen/types.h"

struct console_hub;
struct instance;
struct timer;
struct vxd;

struct managed_vm {
	struct vxd *d; /* borrowed */
	struct vm_record rec;
	enum vm_state state;
	uint64_t since_us;
	bool changing;		     /* an API call's commit is under way */
	struct instance *live;	     /* owned, NULL without a worker */
	struct console_hub *console; /* owned, NULL when nothing was printed yet */
	struct timer *restart;	     /* owned: starts it again, restart.h */
	uint64_t restart_us;	     /* when; 0: it is not to be started again */
	unsigned restarts;	     /* in a row */
	struct timer *linger; /* owned: an ended ephemeral VM waits for a reader */
};

struct vm_set {
	struct vxd *d;		     /* borrowed */
	struct managed_vm **by_name; /* sorted by project and name; owns them */
	struct managed_vm **by_id;   /* sorted by id; the same */
	size_t n, room;
};

void vm_set_fini(struct vm_set *set);
/* A VM with a copy of `rec`. Its name and id must be new. The set's. */
struct managed_vm *vm_set_add(struct vm_set *set, const struct vm_record *rec);
/* Let `vm` and `d` change definitions. Id and project are the same; the name may differ
 * and must be new then. */
void vm_set_swap(struct vm_set *set, struct managed_vm *vm, struct vm_definition *d);
void vm_set_remove(struct vm_set *set, struct managed_vm *vm);
/* NULL when there is none. */
struct managed_vm *vm_by_id(const struct vm_set *set, const char *id);
struct managed_vm *vm_by_name(const struct vm_set *set, const char *project,
			      const char *name);
/* Place in by_name of the first VM behind `name` in `project`. */
size_t vm_set_behind(const struct vm_set *set, const char *project, const char *name);

/* By name or id, in `project`. NULL and ERR_NOT_FOUND. */
struct managed_vm *vm_find(const struct vm_set *set, const char *project,
			   const char *ref, struct err **e);

const char *vm_id(const struct managed_vm *vm);
const char *vm_name(const struct managed_vm *vm);
/* The state that follows from the record alone, for a VM without a worker. */
enum vm_state vm_resting_state(const struct vm_record *rec);

void vm_describe(const struct managed_vm *vm, struct vm *out);
void vm_summarize(const struct managed_vm *vm, struct vm_summary *out);

#endif
