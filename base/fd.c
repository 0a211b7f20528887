/*
 * base/fd.c - whole reads and writes, small files, sealed memory files
 */
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/mem.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t fd_pread_full(int fd, void *buf, size_t len, uint64_t off)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, (char *)buf + got, len - got, (off_t)(off + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int fd_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int fd_set_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int fd_make_dirs(const char *path, mode_t mode)
{
	autofree char *part = mem_strdup(path);
	struct stat st;

	for (char *slash = *part ? part + 1 : part;; slash++) {
		slash = strchrnul(slash, '/');

		bool last = !*slash;

		*slash = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return -errno;
		if (last && stat(part, &st) < 0)
			return -errno;
		if (last)
			return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
		*slash = '/';
	}
}

void fd_each_entry(int dirfd, const char *name,
		   void (*visit)(void *owner, const char *entry), void *owner)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!entries) {
		cleanup_close(&fd);
		return;
	}
	while ((entry = readdir(entries)))
		if (entry->d_name[0] != '.')
			visit(owner, entry->d_name);
	closedir(entries);
}

int fd_read_file(int dirfd, const char *name, size_t max, char **out, size_t *out_len)
{
	autofd int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;

	size_t room = 4096, len = 0;
	autofree char *data = mem_alloc(room);

	for (;;) {
		ssize_t n = fd_pread_full(fd, data + len, room - len - 1, len);

		if (n < 0)
			return (int)n;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
		if (len < room - 1)
			break;
		room *= 2;
		data = mem_grow(data, room, 1);
	}
	data[len] = '\0';
	*out = steal(data);
	if (out_len)
		*out_len = len;
	return 0;
}

static int write_synced(int dirfd, const char *name, const void *data, size_t len,
			mode_t mode)
{
	autofd int fd =
		openat(dirfd, name,
		       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;

	int rc = fd_write_all(fd, data, len);

	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	return rc;
}

int fd_replace_file(int dirfd, const char *name, const void *data, size_t len,
		    mode_t mode)
{
	autofree char *tmp = mem_printf(".%s.new", name);
	int rc = write_synced(dirfd, tmp, data, len, mode);

	if (rc == 0 && renameat(dirfd, tmp, dirfd, name) < 0)
		rc = -errno;
	if (rc < 0) {
		unlinkat(dirfd, tmp, 0);
		return rc;
	}

	autofd int dir = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 || fsync(dir) < 0 ? -errno : 0;
}

int fd_memfd_sealed(const char *name, uint64_t size)
{
	autofd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	return steal_fd(&fd);
}

bool fd_is_memfd_sealed(int fd, uint64_t size)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 &&
	       (uint64_t)st.st_size == size;
}

/* The kernel's name for it, which no path can have. */
bool fd_is_eventfd(int fd)
{
	static const char name[] = "anon_inode:[eventfd]";
	char path[32], is[sizeof(name)];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, is, sizeof(is)) == (ssize_t)sizeof(name) - 1 &&
	       memcmp(is, name, sizeof(name) - 1) == 0;
}

void fd_eventfd_clear(int fd)
{
	uint64_t n;
	struct iovec to = { &n, sizeof(n) };

	while (preadv2(fd, &to, 1, -1, RWF_NOWAIT) < 0 && errno == EINTR)
		;
}
