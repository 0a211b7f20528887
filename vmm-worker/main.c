/*
 * vmm-worker/main.c - vx-vmm, the virtual machine monitor
 *
 * Started by its keeper with descriptor 3 to vxd and 4 to the keeper; nothing comes
 * by arguments or environment.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "vmm-worker/worker.h"

#define FD_VXD 3
#define FD_KEEPER 4

static const char usage[] =
	"usage: vx-vmm [--version]\n"
	"Runs one VM. It is started by vx-keeper, with descriptor 3 to vxd and 4 to\n"
	"the keeper; use vxctl to run a VM.\n";

/* The process shall stay as small as it can and leave nothing behind. */
static void restrict_self(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	mallopt(M_ARENA_MAX, 1);
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("vx-vmm " VX_VERSION);
		return 0;
	}
	if (argc != 1) {
		fputs(usage, stderr);
		return 2;
	}
	restrict_self();
	return worker_run(FD_VXD, FD_KEEPER);
}
