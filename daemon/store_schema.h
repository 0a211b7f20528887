/*
 * daemon/store_schema.h - tables, versions, upgrades, making a new database
 */
#ifndef VX_DAEMON_STORE_SCHEMA_H
#define VX_DAEMON_STORE_SCHEMA_H

#include "daemon/store_db.h"
#include "daemon/store_dir.h"
#include "schema/gen/types.h"

/* "vxdb" in the header of the database file. */
#define STORE_APPLICATION_ID 0x76786462
/* The most that a sequence number may be, by the schema. */
#define STORE_SEQ_MAX 9007199254740991u

/*
 * upgraders[N] takes a database from version N to N + 1, in an open transaction;
 * the version that this vx writes is their number.
 */
struct store_versions {
	int (*const *upgraders)(struct store_db *db, struct err **e);
	size_t n;
};
extern const struct store_versions store_versions;

/* Version written in the file. */
int store_schema_version(struct store_db *db, uint64_t *out, struct err **e);
/* Copy the database to vx.db.before-vN, N being what it is to become. */
int store_schema_backup(struct store_db *db, const struct store_dir *d, size_t version,
			struct err **e);
/* Run the upgraders from `version` on; the caller has the transaction. */
int store_schema_upgrade(struct store_db *db, uint64_t version,
			 const struct store_versions *v, struct err **e);
/*
 * Make vx.db.new, synced and without log, with `vms` in it. The caller renames it
 * when all else is ready: vx.db is complete or is not there.
 */
int store_schema_create(const struct store_dir *d, const struct database_identity *id,
			const struct vm_record *vms, size_t n_vms, struct err **e);
/* Stored beside a record: SQLite itself has no checksums. */
int64_t store_record_sum(const char *json);

#endif
