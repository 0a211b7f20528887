/*
 * daemon/api_other.c - the methods system.* and console.*
 */
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "daemon/client.h"
#include "daemon/console_hub.h"
#include "daemon/instance.h"
#include "daemon/vm_state.h"
#include "schema/gen/api.h"

int api_system_version(struct call *call, const struct system_version_params *p,
		       struct system_version_result *out, struct err **e)
{
	const struct vxd *d = call_app(call);

	out->version = mem_strdup(VX_VERSION);
	out->mode = mem_strdup("session");
	out->has_pid = true;
	out->pid = (uint64_t)getpid();
	out->db_id = mem_strdup(d->identity.db_id);
	out->has_db_epoch = true;
	out->db_epoch = d->identity.db_epoch;
	return 0;
}

/* Nothing was printed, or by an instance that an earlier vxd has seen to its end. */
static struct console_hub *empty_console(struct vxd *d, struct managed_vm *vm,
					 struct err **e)
{
	struct console_hub *h = console_hub_new(d, vm, -1, -1, e);

	if (h && vm->rec.instance)
		console_hub_end(h, vm->rec.instance->end);
	return h;
}

int api_console_attach(struct call *call, const struct console_attach_params *p,
		       struct console_attach_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	struct managed_vm *vm = vm_find(&d->vms, p->project, p->vm, e);

	if (!vm)
		return -1;
	if (!vm->console && vm_state_is_live(vm->state)) {
		err_set(e, ERR_CONFLICT,
			"VM \"%s\" is %s: its console is not there yet", vm_name(vm),
			vm_state_name(vm->state));
		err_object(e, vm_name(vm));
		return err_hint(e, "try again");
	}
	if (!vm->console)
		vm->console = empty_console(d, vm, e);
	if (!vm->console ||
	    console_hub_attach(vm->console, client_of(d, call_conn(call)), p->history,
			       e) < 0)
		return -1;
	out->id = mem_strdup(vm_id(vm));
	return 0;
}

static struct managed_vm *vm_of_id(struct vxd *d, const char *id, struct err **e)
{
	struct managed_vm *vm = vm_by_id(&d->vms, id);

	if (!vm)
		err_set(e, ERR_NOT_FOUND, "there is no VM with the id %s", id);
	return vm;
}

int api_console_detach(struct call *call, const struct console_detach_params *p,
		       struct console_detach_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	struct managed_vm *vm = vm_of_id(d, p->id, e);

	if (!vm)
		return -1;
	if (!vm->console ||
	    !console_hub_detach(vm->console, client_of(d, call_conn(call))))
		return err_set(
			e, ERR_NOT_FOUND,
			"this connection does not follow the console of VM \"%s\"",
			vm_name(vm));
	return 0;
}

int api_console_write(struct call *call, const struct console_write_params *p,
		      struct console_write_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	struct managed_vm *vm = vm_of_id(d, p->id, e);

	if (!vm)
		return -1;
	if (!vm->live) {
		err_set(e, ERR_CONFLICT, "VM \"%s\" is %s", vm_name(vm),
			vm_state_name(vm->state));
		return err_object(e, vm_name(vm));
	}
	return instance_console_write(vm->live, call, p->data, e);
}
