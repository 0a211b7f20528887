/*
 * daemon/recover.h - vxd --recover: a new database from what can still be known
 */
#ifndef VX_DAEMON_RECOVER_H
#define VX_DAEMON_RECOVER_H

#include "daemon/vxd.h"

/* Ask the living workers, rebuild the store (store_recover), print the report. Needs the
 * directories of `d` alone; no vxd may be running. */
int recover(struct vxd *d, struct err **e);

#endif
