/*
 * daemon/vxd.h - the daemon: what its parts share
 *
 * One loop, one thread; the store has a second one of its own. The model (vm.h) is
 * changed by API calls (change.h) and by what happens to workers (instance.h); every
 * change is committed with its event.
 */
#ifndef VX_DAEMON_VXD_H
#define VX_DAEMON_VXD_H

#include <sys/queue.h>
#include <uv.h>

#include "base/paths.h"
#include "daemon/store.h"
#include "daemon/vm.h"
#include "rpc/server.h"

#define WORKER_PROTOCOL 1
#define PROJECT_DEFAULT "default"

struct client;
struct unrecorded;

struct vxd {
	uv_loop_t loop;
	struct paths paths;
	char *keeper, *worker; /* owned: paths of the programs */
	int vms_dir;	       /* owned: RUNTIME/vms */
	char boot_id[37];
	struct database_identity identity;
	struct store *store; /* owned */
	struct rpc_server *server;
	struct vm_set vms;
	uint64_t published; /* number of the newest event that was sent to clients */
	LIST_HEAD(, client) clients;
	/* Facts whose commit failed, and those behind them, in order. */
	TAILQ_HEAD(unrecorded_list, unrecorded) unrecorded;
	struct timer *retry; /* tries them again */
	uint64_t facts;	     /* counted */
	size_t trying;	     /* so many of them, in one commit */
	bool try_one;	     /* one of several was refused: find out which */
};

#endif
