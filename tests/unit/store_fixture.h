/*
 * tests/unit/store_fixture.h - a store with a loop, records, and looks at files
 */
#ifndef VX_TESTS_UNIT_STORE_FIXTURE_H
#define VX_TESTS_UNIT_STORE_FIXTURE_H

#include "base/err.h"
#include "base/id.h"
#include "daemon/store.h"

struct rig {
	uv_loop_t loop;
	struct store *store;
	struct store_content content; /* as it was found */
	char *dir;		      /* owned */
};

/* The store in t_dir()/`name`; it must open. */
void rig_open(struct rig *r, const char *name);
/* Close, and prove the loop empty. */
void rig_close(struct rig *r);
/* t_dir()/`name` must not open; the error is the caller's. */
struct err *rig_refused(const char *name) NODISCARD;
/* VM of id `id` as it was found at opening, or NULL. */
const struct vm_record *rig_vm(const struct rig *r, const char *id);

/* How a commit or a read ended. */
struct outcome {
	unsigned int calls;   /* of done: must be 1 */
	unsigned int number;  /* which of all was it */
	struct err *e;	      /* owned; NULL: it went well */
	struct event *events; /* owned */
	size_t n_events;
};
void outcome_fini(struct outcome *o);
AUTOFINI(outcome, outcome_fini);
/* To be given as `done`, with an outcome as owner. */
void committed(void *owner, struct event *events, size_t n, const struct err *e);
void was_read(void *owner, const struct event *events, size_t n, const struct err *e);
/* Commit and wait; consumes `b`. */
void rig_commit(struct rig *r, struct store_batch *b, struct outcome *out);
/* The same, which must succeed; the definition files are written, too. */
void rig_commit_ok(struct rig *r, struct store_batch *b);
void rig_read(struct rig *r, uint64_t after, size_t limit, struct outcome *out);

/* The `n`th id of tests. */
const char *test_id(unsigned int n);
struct vm_record test_vm(unsigned int n, const char *name, uint64_t revision);
struct event test_event(unsigned int n, const char *detail);
/* A batch with one VM and its event. */
struct store_batch *test_batch(unsigned int n, const char *name, uint64_t revision);

/* t_dir()/`name`; free(). */
char *in_dir(const char *fmt, ...) NODISCARD PRINTF(1, 2);
char *read_file(const char *path, size_t *out_len) NODISCARD;
void write_file(const char *path, const void *data, size_t len);
bool file_exists(const char *path);
/* Names and sums of all files below t_dir()/`name` but the lock; free(). */
char *look_at(const char *name) NODISCARD;
/*
 * A directory as a vxd leaves it that was killed: VMs 1 to `n` ("vm-1", ...) with
 * their events, in the log and not yet in the file.
 */
void make_killed_store(const char *name, unsigned int n);
/* The same, closed well. */
void make_closed_store(const char *name, unsigned int n);

#endif
