/*
 * base/paths.h - where a session's vxd keeps its things
 */
#ifndef VX_BASE_PATHS_H
#define VX_BASE_PATHS_H

#include "base/err.h"

struct paths {
	char *state;   /* owned: the database and the definitions */
	char *runtime; /* owned: sockets and running instances; gone after a boot */
	char *socket;  /* owned: vxd's, in `runtime` */
};

/*
 * State: $XDG_STATE_HOME/vx or ~/.local/state/vx. Runtime: $XDG_RUNTIME_DIR/vx, or
 * /run/user/UID/vx, or /run/vx-UID for root, or STATE/run. Nothing is created.
 */
int paths_session(struct paths *out, struct err **e);
void paths_fini(struct paths *p);
AUTOFINI(paths, paths_fini);

#endif
