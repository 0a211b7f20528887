/*
 * daemon/store.h - what vxd must not forget
 *
 * SQLite (WAL, STRICT tables) behind one writer thread that commits waiting
 * changes in groups. The model lives in vxd's memory; the store is read once at
 * start, then only written, but for old events.
 *
 *   DIR/vx.db            the database
 *   DIR/identity.json    its id and epoch
 *   DIR/definitions/     one JSON file per VM (VmRecord), written after its commit
 *   DIR/lock             held as long as a vxd uses DIR
 */
#ifndef VX_DAEMON_STORE_H
#define VX_DAEMON_STORE_H

#include <uv.h>

#include "base/err.h"
#include "schema/gen/types.h"

#define STORE_EVENTS_KEPT 100000

struct store;

/* What was found at start; owned by the caller. */
struct store_content {
	struct database_identity identity;
	struct vm_record *vms; /* owned */
	size_t n_vms;
	uint64_t last_seq; /* newest event of this epoch, 0 if none */
};
void store_content_fini(struct store_content *c);
AUTOFINI(store_content, store_content_fini);

/*
 * Open the database in directory `dir`, made with mode 0700 if absent; upgrade
 * an older one after copying it. Fails, leaving all untouched, with
 * ERR_STORE_DAMAGED (quick_check or a record says so; the hint names
 * `vxctl admin recover`), ERR_STORE_NEWER, or ERR_CONFLICT when another vxd holds
 * the lock.
 */
struct store *store_open(uv_loop_t *loop, const char *dir, struct store_content *out,
			 struct err **e) NODISCARD;
/* Commit what is waiting, end the thread, close. Blocks until then. */
void store_close(struct store *s);
/* Number of commits that are still under way. */
size_t store_pending(const struct store *s);

/*
 * A change: all or nothing, in the order of store_commit() calls. Contents are
 * copied. The batch is consumed by store_commit(), or freed unused.
 */
struct store_batch;
struct store_batch *store_batch_new(void) NODISCARD;
void store_batch_free(struct store_batch *b);
void store_batch_put_vm(struct store_batch *b, const struct vm_record *vm);
void store_batch_delete_vm(struct store_batch *b, const char *id);
/* Its seq and db_epoch are given by the commit; what is there is ignored. */
void store_batch_event(struct store_batch *b, const struct event *ev);
void store_batch_audit(struct store_batch *b, const struct audit_record *a);

/*
 * `done` runs on the loop, once, in the order of store_commit() calls: after the
 * commit is on disk (e NULL), or when it failed as a whole (e borrowed, no events).
 * The batch's events, borrowed, have their numbers now: without gaps, in the order
 * of commits. The definition files follow at once, before any later read is answered;
 * one that cannot be written is tried again with the next commit and at the next start.
 */
void store_commit(struct store *s, struct store_batch *b,
		  void (*done)(void *owner, struct event *events, size_t n_events,
			       const struct err *e),
		  void *owner);

/*
 * Up to `limit` events behind `after_seq`, oldest first, read off the loop.
 * `done` runs on the loop, once; the events are borrowed. All of them were handed
 * to the `done` of their commit before. Commits wait meanwhile: keep `limit` small.
 */
void store_read_events(struct store *s, uint64_t after_seq, size_t limit,
		       void (*done)(void *owner, const struct event *events, size_t n,
				    const struct err *e),
		       void *owner);
/* Number of the oldest event kept, 0 if none. */
uint64_t store_oldest_event(const struct store *s);

/*
 * Rebuild: put a damaged or missing database aside (renamed with a time stamp,
 * never deleted), make a new one of the same id with a higher epoch from the
 * definition files and from `live`, the VMs that living workers reported. Works
 * only while no vxd holds the lock; a sound database is refused (ERR_CONFLICT), one
 * of a newer vx is put aside like a damaged one. *out_report: lines for people, free().
 */
int store_recover(const char *dir, const struct vm_record *live, size_t n_live,
		  char **out_report, struct err **e);

#endif
