/*
 * daemon/definition.c - what a definition must be beyond its shape
 */
#include "daemon/definition.h"

#include <string.h>

#define PAGE_SIZE 4096
#define LABELS_MAX 64		   /* as the schema has it */
#define DEFINITION_MAX (48 * 1024) /* of the 64 KiB of a message */

static int check_memory(const struct vm_definition *d, const char *from, struct err **e)
{
	if (d->memory % PAGE_SIZE == 0)
		return 0;
	err_set(e, ERR_INVALID_PARAMS,
		"%s.memory must be a multiple of %d bytes, not %llu", from, PAGE_SIZE,
		(unsigned long long)d->memory);
	return err_path(e, "%s.memory", from);
}

static int check_restart(const struct vm_definition *d, const char *from,
			 struct err **e)
{
	if (!d->ephemeral || d->restart == RESTART_POLICY_NEVER)
		return 0;
	err_set(e, ERR_INVALID_PARAMS,
		"%s.restart must be never for an ephemeral VM: it goes when it ends",
		from);
	return err_path(e, "%s.restart", from);
}

/* Two sets that were allowed each may be too many together. */
static int check_labels(const struct vm_definition *d, const char *from, struct err **e)
{
	if (d->n_labels <= LABELS_MAX)
		return 0;
	err_set(e, ERR_INVALID_PARAMS,
		"%s.labels would be %zu together; at most %d are possible", from,
		d->n_labels, LABELS_MAX);
	return err_path(e, "%s.labels", from);
}

/* A worker gets its definition in one message, and says it back in another. */
static int check_size(const struct vm_definition *d, struct err **e)
{
	autofree char *text = vm_definition_format(d);

	if (strlen(text) <= DEFINITION_MAX)
		return 0;
	err_set(e, ERR_INVALID_PARAMS,
		"the definition has %zu bytes; at most %d are possible", strlen(text),
		DEFINITION_MAX);
	err_object(e, d->name);
	return err_hint(e, "use shorter paths, or pack modules into the initrd");
}

int definition_check(const struct vm_definition *d, const char *from, struct err **e)
{
	if (check_memory(d, from, e) < 0 || check_restart(d, from, e) < 0 ||
	    check_labels(d, from, e) < 0)
		return -1;
	return check_size(d, e);
}

int definition_check_name(const struct vxd *d, const char *project, const char *name,
			  struct err **e)
{
	if (!vm_by_name(&d->vms, project, name))
		return 0;
	err_set(e, ERR_ALREADY_EXISTS, "there is a VM \"%s\" already in project \"%s\"",
		name, project);
	return err_object(e, name);
}
