/*
 * cli/vm_text.h - VMs and what happens to them, as text for people
 *
 * Pure.
 */
#ifndef VX_CLI_VM_TEXT_H
#define VX_CLI_VM_TEXT_H

#include "base/str.h"
#include "schema/gen/types.h"

/* The table of `vxctl list`, with its head. */
void vm_list_text(const struct vm_summary *vms, size_t n, uint64_t now_us,
		  struct str *out);
/* `vxctl show`: a line "key: value" for each thing that is known. */
void vm_text(const struct vm *vm, uint64_t now_us, struct str *out);
/* One line for an event. */
void event_text(const struct event *ev, struct str *out);

/* Did it end in the way somebody meant it to? */
bool vm_end_is_good(enum end_reason reason);
/* "web: crash: <detail>" and the worker's last words as an error: -1. */
int vm_end_error(const char *name, const struct vm_end *end, struct err **e);

#endif
