/*
 * daemon/store_internal.h - what the files of the store share
 *
 *   store.c         the loop's side: open, close, queues
 *   store_batch.c   changes and requests, as they wait
 *   store_writer.c  the writer thread (store_writer.h)
 *   store_commit.c  a group of batches as one transaction; reading events
 *   store_db.c      a connection: opening, statements, error codes
 *   store_schema.c  tables, versions, upgrades, making a new database
 *   store_check.c   is it sound? reading it whole, before anything is written
 *   store_files.c   identity.json and definitions/
 *   store_dir.c     the directory, its lock, putting files aside
 *   store_recover.c a new database from what is left
 */
#ifndef VX_DAEMON_STORE_INTERNAL_H
#define VX_DAEMON_STORE_INTERNAL_H

#include "daemon/store.h"
#include "daemon/store_check.h"

#define STORE_AUDIT_KEPT 1000000

/* Changes and requests: store_batch.c */

enum store_op_kind { STORE_OP_PUT, STORE_OP_DELETE, STORE_OP_AUDIT };

struct store_op {
	enum store_op_kind kind;
	char *id;	  /* owned */
	char *name;	  /* owned; of a put */
	char *text;	  /* owned: record as JSON; NULL for a delete */
	uint64_t time_us; /* of audit */
};

struct store_batch {
	struct store_op *ops; /* owned */
	size_t n_ops, ops_room;
	struct event *events; /* owned */
	size_t n_events, events_room;
};

typedef void store_commit_done(void *owner, struct event *events, size_t n_events,
			       const struct err *e);
typedef void store_read_done(void *owner, const struct event *events, size_t n,
			     const struct err *e);

/* A commit or a read on its way to the thread and back. */
struct store_request {
	struct store_request *next;
	struct store_batch *batch; /* owned; NULL: a read */
	store_commit_done *commit_done;
	store_read_done *read_done;
	void *owner; /* borrowed */
	uint64_t after_seq;
	size_t limit;
	/* the answer */
	struct event *events; /* owned, of a read */
	size_t n_events;
	uint64_t oldest_seq; /* of a commit */
	struct err *e;	     /* owned */
};
void store_request_free(struct store_request *r);

struct store_queue {
	struct store_request *head, *last; /* owned */
};
void store_queue_push(struct store_queue *q, struct store_request *r);
struct store_request *store_queue_pop(struct store_queue *q);
/* Move all of `from` behind `to`. */
void store_queue_append(struct store_queue *to, struct store_queue *from);

/* Transactions: store_commit.c */

/*
 * Commit these batches. Each request gets its own outcome in `e`; events get their
 * numbers. `removed`: ids whose removal need not be remembered any more; true when
 * that was committed too.
 */
bool store_commit_group(struct store_db *db, struct store_request *first,
			char *const *removed, size_t n_removed);
/* Fill events, n_events or e of a read. */
void store_commit_read(struct store_db *db, struct store_request *r);

/* Opening without a thread: store.c */

/* All of store_open() that is not the loop's; files that differ are written. */
struct store_db *store_open_db(struct store_dir *d, const struct store_versions *v,
			       struct store_snapshot *out, struct store_files *files,
			       struct err **e) NODISCARD;

#endif
