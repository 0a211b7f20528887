/*
 * vmm-worker/seal.h - what the threads of a worker may still do
 *
 * The jail leaves a worker nothing but its descriptors; a seal takes away the system
 * calls that it does not need. Each kind of thread has an allow-list, seal_calls.h,
 * which is compiled when vx is built. A forbidden call ends the VM with a report of
 * call and thread.
 *
 * A sanitized build is not sealed: its runtime makes calls of its own.
 */
#ifndef VX_VMM_SEAL_H
#define VX_VMM_SEAL_H

#include "base/err.h"

enum seal_kind {
	SEAL_CONTROL, /* the main thread, once the machine is built */
	SEAL_VCPU,
	SEAL_KIND_COUNT
};

/* Before any thread is sealed. Reports go to `keeper_fd` (borrowed), a packet socket. */
int seal_begin(int keeper_fd, struct err **e);
/* Seal the calling thread, which has no way back. `name` is borrowed for ever. Does
 * nothing, with 0, where seal_begin() was not called: a machine in a test. */
int seal_thread(enum seal_kind kind, const char *name, struct err **e);

#endif
