/*
 * daemon/ephemeral.h - VMs that go when they end
 *
 * Whoever runs one wants its output and its end: the definition is deleted once all who
 * are attached have read both, or after a few seconds when nobody came.
 */
#ifndef VX_DAEMON_EPHEMERAL_H
#define VX_DAEMON_EPHEMERAL_H

#include "daemon/vxd.h"

/* An ephemeral VM ended. */
void ephemeral_ended(struct managed_vm *vm);
/* All who were attached have read its console to the end. */
void ephemeral_read(struct managed_vm *vm);

#endif
