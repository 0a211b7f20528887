/*
 * vmm-worker/worker.h - the process around the machine
 *
 * Reads the start message, builds the machine, answers vxd, restarts the guest when
 * it resets, and tells the keeper how it ended. All on one thread with one loop.
 *
 *   STARTING -> LOADING -> RUNNING <-> PAUSED
 *                  ^          |          |
 *                  +- reset --+          |
 *                             +----------+--> ENDING
 */
#ifndef VX_VMM_WORKER_H
#define VX_VMM_WORKER_H

#include <uv.h>

#include "rpc/link.h"
#include "schema/gen/types.h"
#include "schema/gen/worker.h"
#include "vmm-worker/console.h"
#include "vmm-worker/machine.h"

#define WORKER_PROTOCOL 1

struct console_ring;

/* A connection from vxd, or from somebody who has not yet said hello. */
struct controller {
	struct worker *worker; /* borrowed */
	struct link *link;     /* owned */
};

struct worker {
	uv_loop_t loop;
	uv_async_t guest_ended; /* from vCPU threads */
	uv_timer_t restart;	/* of a guest that reset itself too soon */
	uint64_t booted;	/* CLOCK_MONOTONIC */
	uv_poll_t listener;	/* of the control socket */
	struct worker_start start;
	int fds[CHANNEL_FDS_MAX];  /* owned, as start.fds[] names them */
	int to_vxd, to_keeper;	   /* borrowed: descriptors 3 and 4 */
	struct console_ring *ring; /* owned mapping */
	struct console console;
	struct machine *machine; /* owned */
	enum worker_phase phase;
	bool quitting;		     /* vxd said quit: no restart any more */
	struct controller *current;  /* owned: vxd */
	struct controller *newcomer; /* owned: connected, no hello yet */
};

/* Run the VM that the message on `to_vxd` describes, to its end. Exit status. */
int worker_run(int to_vxd, int to_keeper);

/* The descriptor of `role`, the `nth` of them; -1 when there is none. Borrowed. */
int worker_fd_of(const struct worker *w, enum fd_role role, size_t nth);

/* control.c: take connections on the `control` descriptor. */
int control_listen(struct worker *w, struct err **e);
void control_close(struct worker *w);
/* The new phase, to the keeper and to vxd if it is connected. */
void worker_set_phase(struct worker *w, enum worker_phase phase);

#endif
