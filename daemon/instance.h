/*
 * daemon/instance.h - a VM's keeper and worker, from the start to their end
 *
 * Watches the keeper, talks with the worker, and turns what it sees into states and
 * events of the VM. What a worker says is checked, and its end is believed only from
 * its keeper's record.
 */
#ifndef VX_DAEMON_INSTANCE_H
#define VX_DAEMON_INSTANCE_H

#include "daemon/spawn.h"
#include "daemon/vxd.h"

/* Start the worker of `vm`, whose record, with its new instance, is committed. What goes
 * wrong becomes the VM's end. */
void instance_start(struct vxd *d, struct managed_vm *vm,
		    const struct boot_files *files);
/* Find out what became of the instance in the VM's record, which an earlier vxd left. */
void instance_adopt(struct vxd *d, struct managed_vm *vm);
/* Forget it: keeper and worker go on. NULL is allowed. */
void instance_free(struct instance *in);

/* Press the guest's power button; after `deadline_s` the stop counts as not obeyed, or
 * the VM is killed. -1 and *e when the worker cannot be told. */
int instance_stop(struct instance *in, uint64_t deadline_s, bool then_kill,
		  struct err **e);
/* End it now. -1 and *e when there is no process that could be told. */
int instance_kill(struct instance *in, struct err **e);
/* Stop and start the vCPUs; the call's reply waits for the worker's. */
int instance_pause(struct instance *in, struct call *call, struct err **e);
int instance_resume(struct instance *in, struct call *call, struct err **e);
/* Type `data` (base64) into the console; the call's reply waits for the worker's. */
int instance_console_write(struct instance *in, struct call *call, const char *data,
			   struct err **e);

#endif
