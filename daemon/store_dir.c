/*
 * daemon/store_dir.c - the directory, its lock, putting files aside
 *
 * One vxd at a time uses a directory. The lock is one of an open file description:
 * it ends with its holder however that dies, and no other close() in the process
 * drops it. The file stays; the number in it only tells people who holds it.
 *
 * Not here: what the files mean (store_files.c, store_check.c).
 */
#include "daemon/store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#define DIR_MODE 0700
#define FILE_MODE 0600
#define ASIDE_MAX 100
#define LOCK_TRIES 50
#define LOCK_PAUSE_US 20000

static int make_path(const char *path)
{
	autofree char *copy = mem_strdup(path);

	for (char *p = copy + 1; *copy && (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(copy, DIR_MODE) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(path, DIR_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

static int held_by_another(int fd, const char *path, struct err **e)
{
	char text[32] = "";
	ssize_t n = fd_pread_full(fd, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	if (pid > 0)
		err_set(e, ERR_CONFLICT, "%s is in use by process %ld", path, pid);
	else
		err_set(e, ERR_CONFLICT, "%s is in use by another vxd", path);
	return err_hint(e, "only one vxd may use a state directory");
}

/* A vxd that was killed while it started a program holds it until that one runs. */
static int lock_patiently(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	for (int i = 0; fcntl(fd, F_OFD_SETLK, &whole) < 0; i++) {
		if ((errno != EAGAIN && errno != EACCES) || i == LOCK_TRIES)
			return -errno;
		usleep(LOCK_PAUSE_US);
	}
	return 0;
}

static int take_lock(struct store_dir *d, struct err **e)
{
	autofd int fd = openat(d->fd, STORE_LOCK,
			       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

	if (fd < 0)
		return err_sys(e, errno, "open %s/%s", d->path, STORE_LOCK);
	int rc = lock_patiently(fd);

	if (rc == -EAGAIN || rc == -EACCES)
		return held_by_another(fd, d->path, e);
	if (rc < 0)
		return err_sys(e, rc, "lock %s/%s", d->path, STORE_LOCK);

	/* A full disk shall not keep vxd from starting: the number is a courtesy. */
	char pid[16];
	int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) == 0) {
		ssize_t n UNUSED = pwrite(fd, pid, (size_t)len, 0);
	}
	d->lock = steal_fd(&fd);
	return 0;
}

int store_dir_open_existing(struct store_dir *d, const char *path, struct err **e)
{
	*d = (struct store_dir){ mem_strdup(path), -1, -1, -1 };
	d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0) {
		err_sys(e, errno, "open state directory %s", path);
		goto fail;
	}
	if (take_lock(d, e) < 0)
		goto fail;
	d->definitions = openat(d->fd, STORE_DEFINITIONS,
				O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (d->definitions < 0 && errno != ENOENT) {
		err_sys(e, errno, "open %s/%s", path, STORE_DEFINITIONS);
		goto fail;
	}
	return 0;
fail:
	store_dir_fini(d);
	return -1;
}

int store_dir_open(struct store_dir *d, const char *path, struct err **e)
{
	int rc = make_path(path);

	if (rc < 0)
		return err_sys(e, rc, "make state directory %s", path);
	return store_dir_open_existing(d, path, e);
}

void store_dir_fini(struct store_dir *d)
{
	cleanup_close(&d->definitions);
	cleanup_close(&d->lock);
	cleanup_close(&d->fd);
	free(d->path);
	*d = STORE_DIR_NONE;
}

int store_dir_make_definitions(struct store_dir *d, struct err **e)
{
	if (d->definitions >= 0)
		return 0;
	if (mkdirat(d->fd, STORE_DEFINITIONS, DIR_MODE) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make %s/%s", d->path, STORE_DEFINITIONS);
	d->definitions = openat(d->fd, STORE_DEFINITIONS,
				O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (d->definitions < 0)
		return err_sys(e, errno, "open %s/%s", d->path, STORE_DEFINITIONS);
	return 0;
}

char *store_dir_file(const struct store_dir *d, const char *name)
{
	return mem_printf("%s/%s", d->path, name);
}

int64_t store_dir_size(const struct store_dir *d, const char *name)
{
	struct stat st;

	if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return (int64_t)st.st_size;
}

bool store_dir_has(const struct store_dir *d, const char *name)
{
	return store_dir_size(d, name) >= 0;
}

int store_dir_install_db(struct store_dir *d, struct err **e)
{
	/* An existing database is never replaced, whatever we believed before. */
	if (renameat2(d->fd, STORE_DB_NEW, d->fd, STORE_DB, RENAME_NOREPLACE) < 0 ||
	    fsync(d->fd) < 0)
		return err_sys(e, errno, "rename %s/%s to %s", d->path, STORE_DB_NEW,
			       STORE_DB);
	return 0;
}

void store_stamp(char out[STORE_STAMP])
{
	time_t now = time(NULL);
	struct tm utc;

	strftime(out, STORE_STAMP, "%Y%m%d-%H%M%S", gmtime_r(&now, &utc));
}

int store_put_aside(int dirfd, const char *name, const char *stamp, const char *suffix,
		    char **out_as)
{
	for (int i = 0; i < ASIDE_MAX; i++) {
		char again[16] = "";

		if (i)
			snprintf(again, sizeof(again), ".%d", i);
		autofree char *as =
			mem_printf("%s.damaged-%s%s%s", name, stamp, again, suffix);
		autofree char *from = mem_printf("%s%s", name, suffix);

		if (renameat2(dirfd, from, dirfd, as, RENAME_NOREPLACE) == 0) {
			if (out_as)
				*out_as = steal(as);
			return 0;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}
