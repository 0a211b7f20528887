/*
 * daemon/admission.c - may this VM run on this host?
 */
#include "daemon/admission.h"

#define MIB (1024.0 * 1024.0)

int admit_vm(const struct admission_host *host, const struct vm_definition *vm,
	     struct err **e)
{
	if (vm->memory > host->memory) {
		err_set(e, ERR_NO_CAPACITY,
			"VM \"%s\" needs %.0f MiB of memory, this host has %.0f MiB",
			vm->name, (double)vm->memory / MIB, (double)host->memory / MIB);
		err_hint(e, "give it less memory");
	} else if (vm->memory >
		   host->memory - MIN(host->memory_running, host->memory)) {
		err_set(e, ERR_NO_CAPACITY,
			"VM \"%s\" needs %.0f MiB of memory; of this host's %.0f MiB, "
			"%.0f MiB are promised to %llu running VMs",
			vm->name, (double)vm->memory / MIB, (double)host->memory / MIB,
			(double)host->memory_running / MIB,
			(unsigned long long)host->vms_running);
		err_hint(e, "stop another VM or give this one less memory");
	} else {
		return 0;
	}
	return err_object(e, vm->name);
}
