/*
 * base/jail.h - start a program that has nothing but what it is handed
 */
#ifndef VX_BASE_JAIL_H
#define VX_BASE_JAIL_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Who a jailed program is to the host when root started it: nobody. */
#define JAIL_UID 65534
#define JAIL_GID 65534
#define JAIL_FDS_MAX 16

struct jail {
	int exe;		 /* borrowed: the static program, O_PATH will do */
	const char *const *argv; /* borrowed, ends with NULL */
	const int *fds;		 /* borrowed: become 0, 1, 2, ... */
	size_t n_fds;		 /* at most JAIL_FDS_MAX */
};

/*
 * Start `j` as process 1 of new user, pid, mount, network, IPC, UTS and cgroup
 * namespaces: with an empty root, an empty environment, no capability, no way to
 * new privileges, no other descriptors, no core dumps and at most 1024 files. Its
 * user is the caller's, or JAIL_UID where the caller is root.
 *
 * 0 when the program runs: its pid and a pidfd (close-on-exec) are then the
 * caller's. ERR_UNSUPPORTED where the host does not allow user namespaces. The
 * calling process must have a single thread.
 */
int spawn_jailed(const struct jail *j, pid_t *out_pid, int *out_pidfd,
		 struct err **e) NODISCARD;

#endif
