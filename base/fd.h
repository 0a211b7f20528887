/*
 * base/fd.h - whole reads and writes, small files, sealed memory files
 */
#ifndef VX_BASE_FD_H
#define VX_BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* All of it, or -errno. EINTR and short writes are handled. */
int fd_write_all(int fd, const void *data, size_t len) NODISCARD;
/* Up to `len` bytes, fewer only at end of file; the count or -errno. */
ssize_t fd_pread_full(int fd, void *buf, size_t len, uint64_t off) NODISCARD;
int fd_set_nonblocking(int fd) NODISCARD;
int fd_set_cloexec(int fd, bool on) NODISCARD;

/* Directory `path` and its parents, where they are missing, with `mode`. 0 or -errno. */
int fd_make_dirs(const char *path, mode_t mode) NODISCARD;

/* visit() each entry of directory `name` below `dirfd`, but those that begin with a dot.
 * No symbolic link is followed. A directory that cannot be read has none. */
void fd_each_entry(int dirfd, const char *name,
		   void (*visit)(void *owner, const char *entry), void *owner);

/*
 * The whole file below directory `dirfd` as a NUL-terminated string of *out_len
 * bytes (may be NULL). No symbolic link is followed in the last component. More
 * than `max` bytes is an error. Free *out with free(). 0 or -errno.
 */
int fd_read_file(int dirfd, const char *name, size_t max, char **out,
		 size_t *out_len) NODISCARD;
/*
 * Replace file `name` below `dirfd` by `data`: written beside it, fsynced,
 * renamed, directory fsynced; a crash leaves the old or the new one, whole.
 * 0 or -errno.
 */
int fd_replace_file(int dirfd, const char *name, const void *data, size_t len,
		    mode_t mode) NODISCARD;

/*
 * An anonymous memory file of `size` bytes that can neither shrink nor grow.
 * The descriptor (close-on-exec) or -errno.
 */
int fd_memfd_sealed(const char *name, uint64_t size) NODISCARD;
/* Is `fd` such a memory file of exactly `size` bytes? For descriptors from a worker. */
bool fd_is_memfd_sealed(int fd, uint64_t size);
bool fd_is_eventfd(int fd);
/* Back to zero. Never waits: O_NONBLOCK could be cleared by whoever shares it. */
void fd_eventfd_clear(int fd);

#endif
