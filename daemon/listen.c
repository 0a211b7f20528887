/*
 * daemon/listen.c - vxd's own socket
 */
#include "daemon/listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

static int stream_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Remove what a vxd that was killed left behind. */
static int clear_way(const struct sockaddr_un *addr, struct err **e)
{
	struct stat st;
	autofd int probe = stream_socket();

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "%s", addr->sun_path);
	if (!S_ISSOCK(st.st_mode)) {
		err_set(e, ERR_CONFLICT, "%s is in the way: it is not a socket",
			addr->sun_path);
		return err_hint(e, "move it away");
	}
	if (connect(probe, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ||
	    errno == EAGAIN) {
		err_set(e, ERR_CONFLICT, "another vxd listens on %s", addr->sun_path);
		return err_hint(e,
				"end it, or give this one another runtime directory");
	}
	if (errno != ECONNREFUSED)
		return err_sys(e, errno, "ask who listens on %s", addr->sun_path);
	return unlink(addr->sun_path) < 0
		       ? err_sys(e, errno, "remove %s", addr->sun_path)
		       : 0;
}

int listen_unix(const char *path, struct err **e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	autofd int fd = stream_socket();

	if (strlen(path) >= sizeof(addr.sun_path)) {
		err_set(e, ERR_INVALID_PARAMS,
			"the path of the socket is longer than %zu bytes: %s",
			sizeof(addr.sun_path) - 1, path);
		return err_hint(e, "give vxd a runtime directory with a shorter path");
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (clear_way(&addr, e) < 0)
		return -1;
	/* The umask is 077: no moment in which others could connect. */
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return err_sys(e, errno, "listen on %s", path);
	return steal_fd(&fd);
}
