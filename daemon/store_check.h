/*
 * daemon/store_check.h - is the database sound? Reading it whole
 */
#ifndef VX_DAEMON_STORE_CHECK_H
#define VX_DAEMON_STORE_CHECK_H

#include "daemon/store_files.h"
#include "daemon/store_schema.h"

struct store_snapshot {
	struct store_content content;
	char **removals; /* owned */
	size_t n_removals;
	uint64_t oldest_seq;
	bool identity_file; /* identity.json is there and right */
};
void store_snapshot_fini(struct store_snapshot *s);
AUTOFINI(store_snapshot, store_snapshot_fini);
/* Read all but events and audit; ERR_STORE_DAMAGED for what cannot be. */
int store_check_read(struct store_db *db, struct store_snapshot *out, struct err **e);
/*
 * Look at vx.db, which exists, and at what lies beside it, without changing a
 * byte. *out_version is what it has; *out and `files` are filled only if that is
 * ours. ERR_STORE_DAMAGED or ERR_STORE_NEWER say why it must not be used.
 */
int store_check_dir(const struct store_dir *d, const struct store_versions *v,
		    uint64_t *out_version, struct store_snapshot *out,
		    struct store_files *files, struct err **e);
/* Compare with identity.json and definitions/. */
int store_check_beside(const struct store_dir *d, struct store_snapshot *s,
		       struct store_files *files, struct err **e);
/* ERR_STORE_DAMAGED with the hint that names vxctl admin recover; -1. */
int store_damaged(struct err **e, const char *fmt, ...) PRINTF(2, 3);

#endif
