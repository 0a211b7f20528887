/*
 * daemon/store_schema.c - tables, versions, upgrades, making a new database
 *
 * PRAGMA user_version counts the changes of the tables; upgraders[N] goes from N to
 * N + 1, and a new database is one of version 0 that went all the way. An object
 * table keeps the record as JSON, once; the columns of its envelope are generated
 * from that, so that they cannot say anything else.
 *
 * Not here: the shape of records (schema/store.json).
 */
#include "daemon/store_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"

#define FILE_MODE 0600
#define ENVELOPE(what) "json_extract(record, '$.definition." what "')"

static int make_tables(struct store_db *db, struct err **e)
{
	return store_db_exec(
		db,
		"CREATE TABLE identity("
		" one INTEGER NOT NULL PRIMARY KEY CHECK(one = 1),"
		" db_id TEXT NOT NULL,"
		" db_epoch INTEGER NOT NULL) STRICT;"

		"CREATE TABLE vms("
		" id TEXT NOT NULL PRIMARY KEY,"
		" record TEXT NOT NULL," /* VmRecord */
		" sum INTEGER NOT NULL," /* store_record_sum() of it */
		" project TEXT NOT NULL AS (" ENVELOPE(
			"project") "),"
				   " name TEXT NOT NULL AS (" ENVELOPE(
					   "name") "),"
						   " labels TEXT NOT NULL"
						   "  AS (coalesce(" ENVELOPE(
							   "labels") ", '{}')),"
								     " revision "
								     "INTEGER NOT NULL "
								     "AS (" ENVELOPE(
									     "revision") "),"
											 " created_us INTEGER NOT NULL AS (" ENVELOPE(
												 "created_us") "),"
													       " updated_us INTEGER NOT NULL AS (" ENVELOPE(
														       "updated_us") "),"
																     " protect INTEGER NOT NULL AS (" ENVELOPE(
																	     "protect") "),"
																			" UNIQUE(project, name)) STRICT;"

																			/* Deleted VMs whose definition file may still be there. */
																			"CREATE TABLE removals(id TEXT NOT NULL PRIMARY KEY) STRICT;"

																			"CREATE TABLE events("
																			" seq INTEGER NOT NULL PRIMARY KEY,"
																			" event TEXT NOT NULL) STRICT;"

																			"CREATE TABLE audit("
																			" n INTEGER NOT NULL PRIMARY KEY,"
																			" time_us INTEGER NOT NULL,"
																			" record TEXT NOT NULL) STRICT;",
		e);
}

static int (*const upgraders[])(struct store_db *db, struct err **e) = {
	make_tables,
};

const struct store_versions store_versions = { upgraders, COUNT(upgraders) };

int store_schema_version(struct store_db *db, uint64_t *out, struct err **e)
{
	int64_t v;

	if (store_db_int(db, "PRAGMA user_version", &v, e) < 0)
		return -1;
	*out = v < 0 ? UINT64_MAX : (uint64_t)v;
	return 0;
}

static int sync_file(const struct store_dir *d, const char *name, struct err **e)
{
	autofd int fd = openat(d->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(e, errno, "sync %s/%s", d->path, name);
	return 0;
}

/* SQLite makes what it needs beside a file with the mode of that file. */
static int make_empty(const struct store_dir *d, const char *name, struct err **e)
{
	autofd int fd = openat(d->fd, name,
			       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			       FILE_MODE);

	if (fd < 0)
		return err_sys(e, errno, "make %s/%s", d->path, name);
	return 0;
}

int store_schema_backup(struct store_db *db, const struct store_dir *d, size_t version,
			struct err **e)
{
	autofree char *name = mem_printf("%s.before-v%zu", STORE_DB, version);
	autofree char *tmp = mem_printf("%s.new", name);
	autofree char *path = store_dir_file(d, tmp);

	if (make_empty(d, tmp, e) < 0)
		return -1;

	char *sql = sqlite3_mprintf("VACUUM INTO %Q", path);
	int rc = sql ? store_db_exec(db, sql, e)
		     : err_set(e, ERR_NO_CAPACITY, "out of memory");

	sqlite3_free(sql);
	if (rc == 0)
		rc = sync_file(d, tmp, e);
	if (rc == 0 && (renameat(d->fd, tmp, d->fd, name) < 0 || fsync(d->fd) < 0))
		rc = err_sys(e, errno, "rename %s/%s", d->path, tmp);
	if (rc < 0) {
		unlinkat(d->fd, tmp, 0);
		return err_wrap(e, "copy %s to %s before its upgrade", STORE_DB, name);
	}
	return 0;
}

int store_schema_upgrade(struct store_db *db, uint64_t version,
			 const struct store_versions *v, struct err **e)
{
	for (uint64_t i = version; i < v->n; i++)
		if (v->upgraders[i](db, e) < 0)
			return err_wrap(e, "upgrade from version %llu",
					(unsigned long long)i);

	autofree char *sql = mem_printf("PRAGMA user_version = %zu", v->n);

	return store_db_exec(db, sql, e);
}

/* FNV-1a (draft-eastlake-fnv); against rotten bits, not against people. */
int64_t store_record_sum(const char *json)
{
	uint64_t h = 0xcbf29ce484222325;

	for (const unsigned char *p = (const unsigned char *)json; *p; p++)
		h = (h ^ *p) * 0x100000001b3;
	return (int64_t)h;
}

static int put_all(struct store_db *db, const struct database_identity *id,
		   const struct vm_record *vms, size_t n_vms, struct err **e)
{
	if (store_db_run(db, STORE_PUT_IDENTITY, e, "ti", id->db_id,
			 (int64_t)id->db_epoch) < 0)
		return -1;
	for (size_t i = 0; i < n_vms; i++) {
		autofree char *json = vm_record_format(&vms[i]);

		if (store_db_run(db, STORE_PUT_VM, e, "tti", vms[i].definition.id, json,
				 store_record_sum(json)) < 0)
			return err_wrap(e, "VM %s", vms[i].definition.name);
	}
	return 0;
}

static int fill(struct store_db *db, const struct database_identity *id,
		const struct vm_record *vms, size_t n_vms, struct err **e)
{
	autofree char *sql =
		mem_printf("PRAGMA application_id = %d", STORE_APPLICATION_ID);

	if (store_db_exec(db, sql, e) < 0 || store_db_run(db, STORE_BEGIN, e, "") < 0 ||
	    store_schema_upgrade(db, 0, &store_versions, e) < 0 ||
	    put_all(db, id, vms, n_vms, e) < 0)
		return -1;
	return store_db_run(db, STORE_COMMIT, e, "");
}

static const char *const beside[] = { "", "-wal", "-journal", "-shm" };

static void remove_new(const struct store_dir *d)
{
	for (size_t i = 0; i < COUNT(beside); i++) {
		autofree char *name = mem_printf("%s%s", STORE_DB_NEW, beside[i]);

		unlinkat(d->fd, name, 0);
	}
}

int store_schema_create(const struct store_dir *d, const struct database_identity *id,
			const struct vm_record *vms, size_t n_vms, struct err **e)
{
	autofree char *path = store_dir_file(d, STORE_DB_NEW);

	remove_new(d);
	if (make_empty(d, STORE_DB_NEW, e) < 0)
		return -1;

	struct store_db *db = store_db_open(path, STORE_DB_USE, e);
	int rc = db ? fill(db, id, vms, n_vms, e) : -1;

	/* All of it must be in the file: the log does not move with its name. */
	if (rc == 0 && store_db_checkpoint(db) != SQLITE_OK)
		rc = store_db_err(db, "write", e);
	store_db_free(db);
	if (rc == 0 && store_dir_size(d, STORE_DB_NEW "-wal") > 0)
		rc = err_set(e, ERR_INTERNAL, "%s-wal was not emptied", path);
	if (rc == 0)
		rc = sync_file(d, STORE_DB_NEW, e);
	if (rc < 0)
		remove_new(d);
	return rc;
}
