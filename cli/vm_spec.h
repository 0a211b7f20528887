/*
 * cli/vm_spec.h - the options that describe a VM, as create and run have them
 */
#ifndef VX_CLI_VM_SPEC_H
#define VX_CLI_VM_SPEC_H

#include "cli/flags.h"
#include "schema/gen/types.h"

/* Their `into` is a struct vm_spec that vm_spec_init() made. */
#define VM_SPEC_FLAGS 14
extern const struct flag vm_spec_flags[VM_SPEC_FLAGS];

/* The schema's defaults; no kernel yet. */
int vm_spec_init(struct vm_spec *spec, struct err **e);
/* What cannot be left out is there. */
int vm_spec_check(const struct vm_spec *spec, struct err **e);
/* `path` as the daemon needs it: behind the working directory unless absolute. */
char *path_absolute(const char *path, struct err **e) NODISCARD;
/* The same in place of what `at` owned. */
int path_set(char **at, const char *value, struct err **e);
/* "KEY=VALUE" into a sorted map; a key that is there gets the new value. */
int label_add(struct kv **labels, size_t *n, const char *value, struct err **e);

#endif
