/*
 * cli/power.h - wait for a start, for whatever began one
 */
#ifndef VX_CLI_POWER_H
#define VX_CLI_POWER_H

#include "cli/command.h"
#include "schema/gen/types.h"

/*
 * Wait until `vm`, as the call answered that started it, runs or has failed, and
 * report it: the exit status. watch_begin() came before that call.
 */
int power_wait_running(struct cli *cli, struct vm *vm);

#endif
