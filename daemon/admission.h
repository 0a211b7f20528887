/*
 * daemon/admission.h - may this VM run on this host? Pure.
 */
#ifndef VX_DAEMON_ADMISSION_H
#define VX_DAEMON_ADMISSION_H

#include "base/err.h"
#include "schema/gen/types.h"

struct admission_host {
	uint64_t memory;	 /* bytes of RAM */
	uint64_t memory_running; /* promised to the VMs that run */
	uint64_t vms_running;
};

/*
 * Guest RAM is promised once: all that runs fits into the host's memory, so that no
 * guest is ended for want of it. ERR_NO_CAPACITY says what is there.
 */
int admit_vm(const struct admission_host *host, const struct vm_definition *vm,
	     struct err **e);

#endif
