/*
 * cli/watch.h - events of vxd, as they come
 */
#ifndef VX_CLI_WATCH_H
#define VX_CLI_WATCH_H

#include "cli/command.h"
#include "schema/gen/api.h"

/*
 * Have events sent from now on. Subscribe before the call whose effect is waited for:
 * then no event of it can be missed.
 */
int watch_begin(struct cli *cli, struct err **e);
/*
 * The next event: 1 and *out (then the caller's), 0 when none came within `timeout_ms`
 * (-1: wait), -1 and *e when the connection is gone or fell behind (ERR_LOST). Other
 * notifications are dropped.
 */
int watch_next(struct cli *cli, int timeout_ms, struct event *out, struct err **e);

/* Milliseconds until monotonic time `deadline_ns`, for poll; 0 when it has passed. */
int watch_left_ms(uint64_t deadline_ns);

#endif
