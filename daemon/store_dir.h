/*
 * daemon/store_dir.h - the directory, its lock, putting files aside
 */
#ifndef VX_DAEMON_STORE_DIR_H
#define VX_DAEMON_STORE_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define STORE_DB "vx.db"
#define STORE_DB_NEW "vx.db.new"
#define STORE_IDENTITY "identity.json"
#define STORE_DEFINITIONS "definitions"
#define STORE_LOCK "lock"

struct store_dir {
	char *path; /* owned */
	int fd;
	int definitions; /* descriptor of definitions/; -1 while there is none */
	int lock;	 /* held while open */
};
#define STORE_DIR_NONE           \
	(struct store_dir)       \
	{                        \
		NULL, -1, -1, -1 \
	}

/* Make the directory if absent and take its lock; ERR_CONFLICT names the holder. */
int store_dir_open(struct store_dir *d, const char *path, struct err **e);
/* The same for a directory that must be there. */
int store_dir_open_existing(struct store_dir *d, const char *path, struct err **e);
void store_dir_fini(struct store_dir *d);
AUTOFINI(store_dir, store_dir_fini);
/* definitions/ exists and is open afterwards. */
int store_dir_make_definitions(struct store_dir *d, struct err **e);
/* "DIR/name"; free(). */
char *store_dir_file(const struct store_dir *d, const char *name) NODISCARD;
bool store_dir_has(const struct store_dir *d, const char *name);
/* Size of file `name`, -1 if there is none. */
int64_t store_dir_size(const struct store_dir *d, const char *name);
/* Rename vx.db.new, complete and synced, to vx.db, which must not be there. */
int store_dir_install_db(struct store_dir *d, struct err **e);

#define STORE_STAMP 16 /* "YYYYmmdd-HHMMSS" and the NUL */
void store_stamp(char out[STORE_STAMP]);
/*
 * Rename `name``suffix` below `dirfd` to name.damaged-`stamp``suffix`, so that a log
 * still belongs to its database; nothing is ever overwritten. *out_as (may be NULL)
 * is the new name, free(). 0 or -errno.
 */
int store_put_aside(int dirfd, const char *name, const char *stamp, const char *suffix,
		    char **out_as);

#endif
