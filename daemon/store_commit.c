/*
 * daemon/store_commit.c - a group of batches as one transaction; reading events
 *
 *   BEGIN   for each batch: SAVEPOINT, its changes, RELEASE   trim   COMMIT
 *
 * A batch that is refused for what is in it (a name that exists) is rolled back to
 * its savepoint and takes no event numbers; its neighbours do not notice. Where the
 * disk fails, the whole transaction is rolled back and each batch tried alone, once:
 * a small one may fit where a large one did not.
 */
#include <sqlite3.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/store_check.h"
#include "daemon/store_internal.h"

/* Numbers as they will be if the transaction is committed. */
struct numbers {
	uint64_t last, oldest;
	bool audited;
	bool invalid; /* the batch holds what could not be read again */
};

/*
 * What the schema does not allow must not get in: the next start would take it for
 * damage. Consumes `why`, which is NULL when all is well.
 */
static int check_valid(struct err *why, const char *what, struct numbers *n,
		       struct err **e)
{
	autoptr(err) found = why;

	if (!found)
		return 0;
	n->invalid = true;
	return err_set(e, ERR_INTERNAL, "%s: %s%s%s", what,
		       found->path ? found->path : "", found->path ? ": " : "",
		       found->message);
}

static int put_vm(struct store_db *db, const struct store_op *op, struct numbers *n,
		  struct err **e)
{
	autofini(vm_record) vm = { 0 };
	struct err *why = NULL;

	vm_record_parse(op->text, strlen(op->text), DECODE_LENIENT, &vm, &why);
	if (check_valid(why, "a record to be stored", n, e) < 0)
		return -1;
	if (store_db_run(db, STORE_PUT_VM, e, "tti", op->id, op->text,
			 store_record_sum(op->text)) == 0)
		return 0;
	if (sqlite3_extended_errcode(db->sql) == SQLITE_CONSTRAINT_UNIQUE) {
		err_set(e, ERR_ALREADY_EXISTS, "a VM of the name %s exists", op->name);
		err_object(e, op->name);
	}
	return -1;
}

static int run_op(struct store_db *db, const struct store_op *op, struct numbers *n,
		  struct err **e)
{
	switch (op->kind) {
	case STORE_OP_PUT:
		return put_vm(db, op, n, e);
	case STORE_OP_DELETE:
		/* It becomes a file name. */
		if (!uuid_valid(op->id)) {
			n->invalid = true;
			return err_set(e, ERR_INTERNAL, "%s is not an id", op->id);
		}
		if (store_db_run(db, STORE_DELETE_VM, e, "t", op->id) < 0)
			return -1;
		return store_db_run(db, STORE_ADD_REMOVAL, e, "t", op->id);
	case STORE_OP_AUDIT:
		n->audited = true;
		return store_db_run(db, STORE_ADD_AUDIT, e, "it", (int64_t)op->time_us,
				    op->text);
	}
	return err_set(e, ERR_INTERNAL, "a change of an unknown kind");
}

static int add_event(struct store_db *db, struct event *ev, struct numbers *n,
		     struct err **e)
{
	ev->db_epoch = db->epoch;
	ev->seq = n->last + 1;

	autofree char *json = event_format(ev);
	autofini(event) again = { 0 };
	struct err *why = NULL;

	event_parse(json, strlen(json), DECODE_LENIENT, &again, &why);
	if (check_valid(why, "an event to be stored", n, e) < 0 ||
	    store_db_run(db, STORE_ADD_EVENT, e, "it", (int64_t)ev->seq, json) < 0)
		return -1;
	n->last = ev->seq;
	if (!n->oldest)
		n->oldest = ev->seq;
	return 0;
}

static int run_changes(struct store_db *db, struct store_batch *b, struct numbers *n,
		       struct err **e)
{
	for (size_t i = 0; i < b->n_ops; i++)
		if (run_op(db, &b->ops[i], n, e) < 0)
			return -1;
	for (size_t i = 0; i < b->n_events; i++)
		if (add_event(db, &b->events[i], n, e) < 0)
			return -1;
	return 0;
}

/* Is it the batch's own fault, so that the transaction can go on without it? */
static bool own_fault(const struct store_db *db)
{
	switch (sqlite3_errcode(db->sql)) {
	case SQLITE_CONSTRAINT:
	case SQLITE_ERROR: /* as JSON that json_extract() does not take */
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		return store_db_in_transaction(db);
	default:
		return false;
	}
}

/* -1 is the end of the transaction; a batch refused alone has it in its request. */
static int run_batch(struct store_db *db, struct store_request *r, struct numbers *n,
		     struct err **e)
{
	struct numbers before = *n;
	autoptr(err) why = NULL;

	if (store_db_run(db, STORE_SAVEPOINT, e, "") < 0)
		return -1;
	if (run_changes(db, r->batch, n, &why) < 0) {
		if (!n->invalid && !own_fault(db)) {
			if (e)
				*e = steal(why);
			return -1;
		}
		*n = before;
		r->e = steal(why);
		if (store_db_run(db, STORE_ROLLBACK_TO, e, "") < 0)
			return -1;
	}
	return store_db_run(db, STORE_RELEASE, e, "");
}

static int trim(struct store_db *db, struct numbers *n, struct err **e)
{
	if (n->last >= n->oldest + STORE_EVENTS_KEPT) {
		uint64_t up_to = n->last - STORE_EVENTS_KEPT;

		if (store_db_run(db, STORE_TRIM_EVENTS, e, "i", (int64_t)up_to) < 0)
			return -1;
		n->oldest = up_to + 1;
	}
	if (n->audited)
		return store_db_run(db, STORE_TRIM_AUDIT, e, "i",
				    (int64_t)STORE_AUDIT_KEPT);
	return 0;
}

static int run_transaction(struct store_db *db, struct store_request **reqs, size_t n,
			   char *const *removed, size_t n_removed, struct err **e)
{
	struct numbers numbers = { .last = db->last_seq, .oldest = db->oldest_seq };

	if (store_db_run(db, STORE_BEGIN, e, "") < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (run_batch(db, reqs[i], &numbers, e) < 0)
			return -1;
	for (size_t i = 0; i < n_removed; i++)
		if (store_db_run(db, STORE_END_REMOVAL, e, "t", removed[i]) < 0)
			return -1;
	if (trim(db, &numbers, e) < 0 || store_db_run(db, STORE_COMMIT, e, "") < 0)
		return -1;
	db->last_seq = numbers.last;
	db->oldest_seq = numbers.oldest;
	return 0;
}

static int try_group(struct store_db *db, struct store_request **reqs, size_t n,
		     char *const *removed, size_t n_removed, struct err **e)
{
	if (run_transaction(db, reqs, n, removed, n_removed, e) == 0)
		return 0;
	if (store_db_in_transaction(db))
		store_db_run(db, STORE_ROLLBACK, NULL, "");
	/* What was refused alone is refused or not when it is tried again. */
	for (size_t i = 0; i < n; i++) {
		err_free(reqs[i]->e);
		reqs[i]->e = NULL;
	}
	return -1;
}

bool store_commit_group(struct store_db *db, struct store_request *first,
			char *const *removed, size_t n_removed)
{
	size_t n = 0;
	autoptr(err) e = NULL;

	for (struct store_request *r = first; r; r = r->next)
		n++;

	autofree struct store_request **reqs =
		mem_array(n, sizeof(struct store_request *));

	n = 0;
	for (struct store_request *r = first; r; r = r->next)
		reqs[n++] = r;

	bool ok = try_group(db, reqs, n, removed, n_removed, &e) == 0;

	/* A log that cannot grow may start anew once it is in the file. */
	if (!ok && e->code == ERR_NO_SPACE)
		store_db_checkpoint(db);
	for (size_t i = 0; !ok && i < n; i++) {
		struct err *why = NULL;

		if (try_group(db, &reqs[i], 1, NULL, 0, &why) < 0)
			reqs[i]->e = why;
	}
	for (size_t i = 0; i < n; i++)
		reqs[i]->oldest_seq = db->oldest_seq;
	return ok;
}

static int take_event(struct store_db *db, sqlite3_stmt *row, struct store_request *r)
{
	uint64_t seq = (uint64_t)sqlite3_column_int64(row, 0);
	const char *json = (const char *)sqlite3_column_text(row, 1);
	size_t len = (size_t)sqlite3_column_bytes(row, 1);
	struct event ev = { 0 };
	autoptr(err) why = NULL;

	if (!json || event_parse(json, len, DECODE_LENIENT, &ev, &why) < 0)
		return store_damaged(&r->e, "%s: event %llu: %s", db->path,
				     (unsigned long long)seq,
				     why ? why->message : "it is empty");
	r->events[r->n_events++] = ev;
	if (ev.seq != seq)
		return store_damaged(&r->e, "%s: event %llu says it is %llu", db->path,
				     (unsigned long long)seq,
				     (unsigned long long)ev.seq);
	return 0;
}

void store_commit_read(struct store_db *db, struct store_request *r)
{
	size_t limit = MIN(r->limit, (size_t)STORE_EVENTS_KEPT);
	int64_t after = (int64_t)MIN(r->after_seq, (uint64_t)STORE_SEQ_MAX);
	struct sqlite3_stmt *stmt = store_db_bind(db, STORE_READ_EVENTS, &r->e, "ii",
						  after, (int64_t)limit);
	int rc;
	size_t room = 0;

	if (!stmt)
		return;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (r->n_events == room) {
			room = room ? 2 * room : 64;
			r->events = mem_grow(r->events, room, sizeof(*r->events));
		}
		if (take_event(db, stmt, r) < 0)
			break;
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		store_db_err(db, "read", &r->e);
	sqlite3_reset(stmt);
}
