/*
 * daemon/spawn.h - what a start needs, and the keeper that it makes
 */
#ifndef VX_DAEMON_SPAWN_H
#define VX_DAEMON_SPAWN_H

#include <sys/types.h>

#include "daemon/vxd.h"

/* The files that a guest boots from, opened. */
struct boot_files {
	int kernel, initrd; /* owned, initrd may be -1 */
	int *modules;	    /* owned */
	size_t n_modules;
};

/* Open them, so that a start that cannot work is refused before it is committed. NULL
 * and an error that names the file. */
struct boot_files *boot_files_open(const struct vm_definition *vm,
				   struct err **e) NODISCARD;
void boot_files_free(struct boot_files *f);

/* What vxd holds of an instance that has just been started. */
struct spawned {
	int dir;	/* owned: the instance's directory */
	int start;	/* owned: says "ready", or closes when the start failed */
	int keeper;	/* owned: pidfd */
	int ring, kick; /* owned: the console */
	pid_t keeper_pid;
};
void spawned_fini(struct spawned *s);
AUTOFINI(spawned, spawned_fini);

/* Make the directory of the instance that vm's record names and start its keeper. */
int spawn_instance(struct vxd *d, const struct managed_vm *vm,
		   const struct boot_files *files, struct spawned *out, struct err **e);

/* Directory of an instance: a descriptor, or -errno. */
int instance_dir_open(struct vxd *d, const char *vm, uint64_t number);
/* Remove it with all that vx put there. */
void instance_dir_remove(struct vxd *d, const char *vm, uint64_t number);
/* Remove those of all instances of a VM but `keep`, 0: of all. What lives is left. */
void instance_dirs_tidy(struct vxd *d, const char *vm, uint64_t keep);
/* The same for VMs that are no more. */
void instance_dirs_sweep(struct vxd *d);
/* Connect to the worker's control socket in `dir`, checked to be one of ours: a
 * descriptor and the worker's pid, or -errno. */
int control_connect(int dir, pid_t *out_worker);

#endif
