/*
 * daemon/start.h - starting a VM, by whoever wants it
 */
#ifndef VX_DAEMON_START_H
#define VX_DAEMON_START_H

#include "daemon/change.h"
#include "daemon/spawn.h"

/* Who asks, for events. Borrows from the call; vxd itself for NULL. */
struct cause cause_of(const struct call *call);
/* ERR_CONFLICT: in its present state it cannot be `verb`. */
int refuse_state(const struct managed_vm *vm, const char *verb, struct err **e);

/* Does it fit: now, beside what runs (`vm` itself does not count, may be NULL), or some
 * day, when nothing else runs? */
int admit_now(const struct vxd *d, const struct managed_vm *vm,
	      const struct vm_definition *definition, struct err **e);
int admit_some_day(const struct vm_definition *definition, struct err **e);

/*
 * Commit a start and then do it. With `call` its reply is held; NULL: by policy. -1 and
 * *e when it is refused at once.
 */
int vm_start(struct vxd *d, struct managed_vm *vm, struct call *call, struct err **e);

/* The parts of it, for a start within a create. */
void start_prepare(struct vxd *d, struct managed_vm *vm);
void start_granted(struct wish *w, struct managed_vm *vm);

#endif
