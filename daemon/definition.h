/*
 * daemon/definition.h - what a definition must be beyond its shape
 */
#ifndef VX_DAEMON_DEFINITION_H
#define VX_DAEMON_DEFINITION_H

#include "daemon/vxd.h"

/* Fields that must fit one another; `from` is the parameter that they came in: "vm". */
int definition_check(const struct vm_definition *d, const char *from, struct err **e);
/* ERR_ALREADY_EXISTS when a VM of `project` has that name. */
int definition_check_name(const struct vxd *d, const char *project, const char *name,
			  struct err **e);

#endif
