/*
 * daemon/api_update.c - the method vm.update
 *
 * The new definition is made beside the old one and takes its place when all is checked;
 * if the commit fails, they change places again.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "daemon/definition.h"
#include "daemon/restart.h"
#include "daemon/start.h"
#include "schema/gen/api.h"

static void replace_text(char **at, const char *value)
{
	if (!value)
		return;
	free(*at);
	*at = mem_strdup(value);
}

static void change_boot(struct boot *b, const struct boot_change *c)
{
	replace_text(&b->kernel, c->kernel);
	replace_text(&b->initrd, c->initrd);
	replace_text(&b->cmdline, c->cmdline);
	if (c->has_protocol)
		b->protocol = c->protocol;
}

static void apply(struct vm_definition *d, const struct vm_change *c)
{
	replace_text(&d->name, c->name);
	for (size_t i = 0; i < c->n_labels; i++)
		kv_set(&d->labels, &d->n_labels, c->labels[i].key, c->labels[i].value);
	if (c->has_protect)
		d->protect = c->protect;
	if (c->has_restart)
		d->restart = c->restart;
	if (c->has_autostart)
		d->autostart = c->autostart;
	if (c->has_cpus)
		d->cpus = c->cpus;
	if (c->has_memory)
		d->memory = c->memory;
	if (c->boot)
		change_boot(&d->boot, c->boot);
	if (c->has_debug_exit)
		d->debug_exit = c->debug_exit;
	if (c->has_on_reboot)
		d->on_reboot = c->on_reboot;
	d->revision++;
	d->updated_us = clock_wall_us();
}

/* Not while it runs: what runs would no longer be what is defined. */
static bool concerns_machine(const struct vm_change *c)
{
	return c->has_cpus || c->has_memory || c->boot || c->has_debug_exit ||
	       c->has_on_reboot;
}

static int check_vm(const struct vxd *d, const struct managed_vm *vm,
		    const struct vm_update_params *p, struct err **e)
{
	uint64_t revision = vm->rec.definition.revision;
	const char *name = p->change.name;

	if (p->has_revision && p->revision != revision) {
		err_set(e, ERR_CONFLICT,
			"VM \"%s\" was changed meanwhile: its revision is %llu, not "
			"%llu",
			vm_name(vm), (unsigned long long)revision,
			(unsigned long long)p->revision);
		err_object(e, vm_name(vm));
		return err_hint(e, "look at it again");
	}
	if (concerns_machine(&p->change) && vm_state_is_live(vm->state)) {
		refuse_state(vm, "changed so", e);
		return err_hint(e, "stop it first");
	}
	if (name && strcmp(name, vm_name(vm)) != 0)
		return definition_check_name(d, p->project, name, e);
	return 0;
}

static void update_granted(struct wish *w UNUSED, struct managed_vm *vm)
{
	if (vm->restart_us && !restart_wanted(&vm->rec))
		restart_cancel(vm);
}

/* The definition alone: what happened to the VM meanwhile has happened. */
static void update_refused(struct wish *w, struct managed_vm *vm)
{
	vm_set_swap(&w->d->vms, vm, &w->before.definition);
}

int api_vm_update(struct call *call, const struct vm_update_params *p,
		  struct vm_update_result *out, struct err **e)
{
	struct vxd *d = call_app(call);
	struct managed_vm *vm = vm_find(&d->vms, p->project, p->vm, e);
	const struct cause why = cause_of(call);
	autofini(vm_definition) def = { 0 };
	struct store_batch *batch;
	struct event ev;
	struct wish *w;

	if (!vm || wish_allowed(vm, e) < 0 || check_vm(d, vm, p, e) < 0)
		return -1;
	vm_definition_copy(&vm->rec.definition, &def);
	apply(&def, &p->change);
	if (definition_check(&def, "change", e) < 0 || admit_some_day(&def, e) < 0)
		return -1;
	w = wish_new(d, call);
	w->granted = update_granted;
	w->refused = update_refused;
	vm_set_swap(&d->vms, vm, &def);
	w->before.definition = def; /* the old one: taken */
	def = (struct vm_definition){ 0 };
	ev = event_about(vm, EVENT_TYPE_UPDATED, &why);
	batch = store_batch_new();
	store_batch_put_vm(batch, &vm->rec);
	store_batch_event(batch, &ev);
	vm_describe(vm, &out->vm);
	wish_commit(w, vm, batch, "vm.update");
	return 0;
}
