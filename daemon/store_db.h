/*
 * daemon/store_db.h - a connection to the database
 */
#ifndef VX_DAEMON_STORE_DB_H
#define VX_DAEMON_STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct sqlite3;
struct sqlite3_stmt;

enum store_db_mode {
	STORE_DB_IMMUTABLE, /* read a file without log: nothing is locked or made */
	STORE_DB_EXAMINE,   /* read with its log; no byte of either is changed */
	STORE_DB_USE,
};

enum store_stmt {
	STORE_BEGIN,
	STORE_COMMIT,
	STORE_ROLLBACK,
	STORE_SAVEPOINT,
	STORE_RELEASE,
	STORE_ROLLBACK_TO,
	STORE_PUT_VM,
	STORE_DELETE_VM,
	STORE_ADD_REMOVAL,
	STORE_END_REMOVAL,
	STORE_ADD_EVENT,
	STORE_TRIM_EVENTS,
	STORE_READ_EVENTS,
	STORE_ADD_AUDIT,
	STORE_TRIM_AUDIT,
	STORE_PUT_IDENTITY,
	STORE_STMT_COUNT
};

/* One connection, used by one thread at a time. */
struct store_db {
	struct sqlite3 *sql;			      /* owned */
	char *path;				      /* owned; for messages */
	struct sqlite3_stmt *stmts[STORE_STMT_COUNT]; /* owned, made when first used */
	uint64_t epoch;
	uint64_t last_seq, oldest_seq; /* of what is committed; 0: no event */
	int log_pages;		       /* pages in the write-ahead log */
	int errnum;		       /* of the statement that just failed, or 0 */
};

struct store_db *store_db_open(const char *path, enum store_db_mode mode,
			       struct err **e) NODISCARD;
void store_db_free(struct store_db *db);
AUTOPTR(store_db, store_db_free);
/* Fill *e from the last failure of the connection; -1. */
int store_db_err(const struct store_db *db, const char *doing, struct err **e);
/* The same for result code `rc`. */
int store_db_err_rc(const struct store_db *db, int rc, const char *doing,
		    struct err **e);
int store_db_exec(struct store_db *db, const char *sql, struct err **e);
/*
 * Statement `which` with its parameters bound: 't' const char *, 'i' int64_t. The
 * statement, to be stepped and then reset, or NULL.
 */
struct sqlite3_stmt *store_db_bind(struct store_db *db, enum store_stmt which,
				   struct err **e, const char *types, ...) NODISCARD;
/* The same, run to its end. */
int store_db_run(struct store_db *db, enum store_stmt which, struct err **e,
		 const char *types, ...);
/* One integer; `sql` must yield a row. */
int store_db_int(struct store_db *db, const char *sql, int64_t *out, struct err **e);
/* Is a transaction open? SQLite ends one by itself on some errors. */
bool store_db_in_transaction(const struct store_db *db);
/* Move the log into the file; blocks, and may fail without harm. */
int store_db_checkpoint(struct store_db *db);

#endif
