/*
 * cli/run.h - what the end of a VM makes of `vxctl run`
 */
#ifndef VX_CLI_RUN_H
#define VX_CLI_RUN_H

#include "schema/gen/types.h"

/* Exit status; a failure is reported to standard error. */
int run_end_status(const char *name, const struct vm_end *end);

#endif
