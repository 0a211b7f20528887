/*
 * daemon/restart.h - VMs that are to run again, and those that run from the beginning
 *
 * After an end that its policy names, and that nobody asked for, a VM is started again:
 * at once after a second, then ever later while it keeps ending. An explicit stop or
 * kill ends that. With vxd's first start after the host's, VMs with autostart follow.
 */
#ifndef VX_DAEMON_RESTART_H
#define VX_DAEMON_RESTART_H

#include <stdbool.h>

#include "daemon/vxd.h"

/* Pure: is `rec`, whose instance has ended, to run again by its policy? */
bool restart_wanted(const struct vm_record *rec);
/* Pure: milliseconds to wait, after `before` restarts in a row. */
uint64_t restart_delay_ms(unsigned before);

/* An instance of `vm` ended, or vxd found it so. */
void restart_after_end(struct managed_vm *vm);
/* A start came to nothing: it is tried again, later. */
void restart_later(struct managed_vm *vm);
/* Somebody stopped it: true when it was about to be started again, and no longer is. */
bool restart_cancel(struct managed_vm *vm);
/* Start what is to run from the beginning and has not run in this boot of the host. */
void autostart_all(struct vxd *d);

#endif
