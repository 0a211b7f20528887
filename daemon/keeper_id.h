/*
 * daemon/keeper_id.h - who an instance's keeper is, said by itself
 */
#ifndef VX_DAEMON_KEEPER_ID_H
#define VX_DAEMON_KEEPER_ID_H

#include <stdbool.h>
#include <stdint.h>

#define KEEPER_ID_NAME "keeper" /* in the instance's directory */

/* For the keeper: this process. 0 or -errno. */
int keeper_id_write(int dir);
/* False when it has not said so (yet). */
bool keeper_id_read(int dir, uint64_t *out_pid, uint64_t *out_start);

#endif
