/*
 * daemon/store_db.c - a connection: opening, statements, error codes
 *
 * The connection is in exclusive locking mode: nobody changes the database behind
 * the model in vxd's memory, and the index of the log lies on the heap, so that
 * no -shm file is made that a full disk or another program could spoil.
 *
 * Not here: what the statements are for (store_commit.c), tables (store_schema.c).
 */
#include "daemon/store_db.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "daemon/store_check.h"

#define BUSY_MS 3000
/* What is left of the log after a checkpoint. */
#define LOG_KEPT "16777216"

static const char *const stmt_sql[] = {
	[STORE_BEGIN] = "BEGIN IMMEDIATE",
	[STORE_COMMIT] = "COMMIT",
	[STORE_ROLLBACK] = "ROLLBACK",
	[STORE_SAVEPOINT] = "SAVEPOINT batch",
	[STORE_RELEASE] = "RELEASE batch",
	[STORE_ROLLBACK_TO] = "ROLLBACK TO batch",
	[STORE_PUT_VM] =
		"INSERT INTO vms(id, record, sum) VALUES(?, ?, ?) ON CONFLICT(id)"
		" DO UPDATE SET record = excluded.record, sum = excluded.sum",
	[STORE_DELETE_VM] = "DELETE FROM vms WHERE id = ?",
	[STORE_ADD_REMOVAL] = "INSERT OR IGNORE INTO removals(id) VALUES(?)",
	[STORE_END_REMOVAL] = "DELETE FROM removals WHERE id = ?",
	[STORE_ADD_EVENT] = "INSERT INTO events(seq, event) VALUES(?, ?)",
	[STORE_TRIM_EVENTS] = "DELETE FROM events WHERE seq <= ?",
	[STORE_READ_EVENTS] = "SELECT seq, event FROM events WHERE seq > ?"
			      " ORDER BY seq LIMIT ?",
	[STORE_ADD_AUDIT] = "INSERT INTO audit(time_us, record) VALUES(?, ?)",
	[STORE_TRIM_AUDIT] = "DELETE FROM audit"
			     " WHERE n <= (SELECT max(n) FROM audit) - ?",
	[STORE_PUT_IDENTITY] = "INSERT INTO identity(one, db_id, db_epoch)"
			       " VALUES(1, ?, ?)",
};
static_assert(COUNT(stmt_sql) == STORE_STMT_COUNT, "write every statement");

static bool errno_is_no_space(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG;
}

static int no_space(const char *what, struct err **e)
{
	err_set(e, ERR_NO_SPACE, "%s: its file system is full", what);
	return err_hint(e, "free some space there and try again; nothing was changed");
}

int store_db_err_rc(const struct store_db *db, int rc, const char *doing,
		    struct err **e)
{
	autofree char *what = mem_printf("%s %s", doing, db->path);
	const char *why = sqlite3_errmsg(db->sql);
	int errnum = db->errnum ? db->errnum : sqlite3_system_errno(db->sql);

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return no_space(what, e);
	case SQLITE_IOERR:
		if (errno_is_no_space(errnum))
			return no_space(what, e);
		err_set(e, ERR_UNAVAILABLE, "%s: %s (%s)", what, why,
			errnum ? strerror(errnum) : sqlite3_errstr(rc));
		return err_hint(e, "look at the disk: the kernel's log may say more");
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return err_set(e, ERR_UNAVAILABLE, "%s: %s%s%s", what, why,
			       errnum ? ": " : "", errnum ? strerror(errnum) : "");
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return store_damaged(e, "%s: %s", what, why);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		err_set(e, ERR_CONFLICT, "%s: another program has it open", what);
		return err_hint(e, "close what reads %s", db->path);
	case SQLITE_NOMEM:
		return err_set(e, ERR_NO_CAPACITY, "%s: out of memory", what);
	default:
		return err_set(e, ERR_INTERNAL, "%s: %s", what, why);
	}
}

int store_db_err(const struct store_db *db, const char *doing, struct err **e)
{
	return store_db_err_rc(db, sqlite3_extended_errcode(db->sql), doing, e);
}

int store_db_exec(struct store_db *db, const char *sql, struct err **e)
{
	if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) != SQLITE_OK)
		return store_db_err(db, "write", e);
	return 0;
}

/* A file name as RFC 3986 wants it. */
static char *file_uri(const char *path, const char *query)
{
	struct str s = { 0 };

	str_add(&s, "file:");
	for (const char *p = path; *p; p++)
		if (strchr("?#%", *p))
			str_addf(&s, "%%%02x", (unsigned char)*p);
		else
			str_add_char(&s, *p);
	str_add(&s, query);
	return str_steal(&s);
}

static int configure(struct store_db *db, enum store_db_mode mode, struct err **e)
{
	sqlite3_extended_result_codes(db->sql, 1);
	sqlite3_busy_timeout(db->sql, BUSY_MS);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
			  mode != STORE_DB_USE, NULL);

	/* Checkpoints are the writer's, when no commit waits for them. */
	sqlite3_wal_autocheckpoint(db->sql, 0);

	if (store_db_exec(db,
			  "PRAGMA locking_mode = EXCLUSIVE;"
			  "PRAGMA trusted_schema = ON;"
			  "PRAGMA synchronous = FULL;"
			  "PRAGMA temp_store = MEMORY;",
			  e) < 0)
		return -1;
	if (mode != STORE_DB_USE)
		return store_db_exec(db, "PRAGMA query_only = ON", e);
	return store_db_exec(db,
			     "PRAGMA journal_mode = WAL;"
			     "PRAGMA journal_size_limit = " LOG_KEPT,
			     e);
}

/* After each commit: how long the log is now. */
static int log_grew(void *owner, sqlite3 *sql UNUSED, const char *name UNUSED,
		    int pages)
{
	struct store_db *db = owner;

	db->log_pages = pages;
	return SQLITE_OK;
}

struct store_db *store_db_open(const char *path, enum store_db_mode mode,
			       struct err **e)
{
	bool immutable = mode == STORE_DB_IMMUTABLE;
	int flags = immutable ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	autofree char *uri = file_uri(path, immutable ? "?immutable=1" : "");
	autoptr(store_db) db = mem_new(struct store_db);

	db->path = mem_strdup(path);
	int rc = sqlite3_open_v2(uri, &db->sql,
				 flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);

	if (!db->sql) {
		err_set(e, ERR_NO_CAPACITY, "open %s: out of memory", path);
		return NULL;
	}
	if (rc != SQLITE_OK) {
		store_db_err_rc(db, rc, "open", e);
		return NULL;
	}
	if (configure(db, mode, e) < 0)
		return NULL;
	sqlite3_wal_hook(db->sql, log_grew, db);
	return steal(db);
}

void store_db_free(struct store_db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < STORE_STMT_COUNT; i++)
		sqlite3_finalize(db->stmts[i]);
	sqlite3_close(db->sql);
	free(db->path);
	free(db);
}

static struct sqlite3_stmt *prepared(struct store_db *db, enum store_stmt which,
				     struct err **e)
{
	struct sqlite3_stmt **slot = &db->stmts[which];

	if (!*slot &&
	    sqlite3_prepare_v3(db->sql, stmt_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
			       slot, NULL) != SQLITE_OK)
		store_db_err(db, "prepare a statement for", e);
	return *slot;
}

static struct sqlite3_stmt *bind_args(struct store_db *db, enum store_stmt which,
				      struct err **e, const char *types, va_list args)
{
	struct sqlite3_stmt *stmt = prepared(db, which, e);

	if (!stmt)
		return NULL;
	for (int i = 0; types[i]; i++) {
		int rc = types[i] == 'i' ? sqlite3_bind_int64(stmt, i + 1,
							      va_arg(args, int64_t))
					 : sqlite3_bind_text(stmt, i + 1,
							     va_arg(args, const char *),
							     -1, SQLITE_STATIC);

		if (rc != SQLITE_OK) {
			store_db_err_rc(db, rc, "write", e);
			sqlite3_clear_bindings(stmt);
			return NULL;
		}
	}
	return stmt;
}

struct sqlite3_stmt *store_db_bind(struct store_db *db, enum store_stmt which,
				   struct err **e, const char *types, ...)
{
	va_list args;

	va_start(args, types);
	struct sqlite3_stmt *stmt = bind_args(db, which, e, types, args);

	va_end(args);
	return stmt;
}

int store_db_run(struct store_db *db, enum store_stmt which, struct err **e,
		 const char *types, ...)
{
	va_list args;

	va_start(args, types);
	struct sqlite3_stmt *stmt = bind_args(db, which, e, types, args);

	va_end(args);
	if (!stmt)
		return -1;

	/* SQLite keeps errno for itself when it is COMMIT that fails. */
	errno = 0;
	int rc = sqlite3_step(stmt);

	db->errnum = errno;
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		store_db_err(db, "write", e);
	db->errnum = 0;
	sqlite3_reset(stmt);
	/* Parameters are borrowed from the caller. */
	sqlite3_clear_bindings(stmt);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

int store_db_int(struct store_db *db, const char *sql, int64_t *out, struct err **e)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db->sql, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	else
		store_db_err_rc(db, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "read", e);
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? 0 : -1;
}

bool store_db_in_transaction(const struct store_db *db)
{
	return !sqlite3_get_autocommit(db->sql);
}

int store_db_checkpoint(struct store_db *db)
{
	int pages = 0, moved = 0;
	int rc = sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_PASSIVE,
					   &pages, &moved);

	/* The next commit starts the log anew, and the hook tells its length then. */
	if (rc == SQLITE_OK && pages == moved)
		db->log_pages = 0;
	return rc;
}
