/*
 * daemon/listen.h - vxd's own socket
 */
#ifndef VX_DAEMON_LISTEN_H
#define VX_DAEMON_LISTEN_H

#include "base/err.h"

/*
 * A listening SOCK_STREAM socket at `path`, for its owner alone. A stale one, to which
 * nobody listens, is replaced; ERR_CONFLICT where somebody does. -1 and *e.
 */
int listen_unix(const char *path, struct err **e);

#endif
