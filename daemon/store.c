/*
 * daemon/store.c - what vxd must not forget: the loop's side
 *
 * Opening looks first and writes then:
 *
 *   lock -> look (store_check.c) -> upgrade, after a copy -> identity.json,
 *   definition files that differ -> the thread
 *
 * A directory without vx.db is new only if nothing else is in it: definition files
 * without a database are a loss to be repaired, not a fresh start.
 *
 * The handle that wakes the loop keeps it alive only while a request is under way.
 * The store dies in that handle's close callback.
 */
#include "daemon/store.h"

#include "base/log.h"
#include "base/mem.h"
#include "daemon/store_internal.h"
#include "daemon/store_writer.h"

struct store {
	struct store_dir dir;
	struct store_writer *writer; /* owned; NULL once closed */
	uv_async_t wake;
	size_t commits, requests; /* under way */
	uint64_t oldest_seq;

	uv_mutex_t lock; /* of what follows */
	struct store_queue finished;
};

static struct store *store_of(uv_handle_t *h)
{
	return container_of((uv_async_t *)h, struct store, wake);
}

static void deliver(struct store *s, struct store_request *r)
{
	s->requests--;
	if (!s->requests)
		uv_unref((uv_handle_t *)&s->wake);
	if (!r->batch) {
		r->read_done(r->owner, r->e ? NULL : r->events, r->e ? 0 : r->n_events,
			     r->e);
		return;
	}
	s->commits--;
	if (r->oldest_seq)
		s->oldest_seq = r->oldest_seq;
	r->commit_done(r->owner, r->e ? NULL : r->batch->events,
		       r->e ? 0 : r->batch->n_events, r->e);
}

static struct store_request *next_finished(struct store *s)
{
	uv_mutex_lock(&s->lock);
	struct store_request *r = store_queue_pop(&s->finished);

	uv_mutex_unlock(&s->lock);
	return r;
}

/* A callback may add requests, or close the store: it lives on until its handle. */
static void deliver_finished(struct store *s)
{
	struct store_request *r;

	while ((r = next_finished(s))) {
		deliver(s, r);
		store_request_free(r);
	}
}

static void woken(uv_async_t *wake)
{
	deliver_finished(store_of((uv_handle_t *)wake));
}

/* In the writer's thread. */
static void take_finished(void *owner, struct store_queue *q)
{
	struct store *s = owner;

	uv_mutex_lock(&s->lock);
	store_queue_append(&s->finished, q);
	uv_mutex_unlock(&s->lock);
	uv_async_send(&s->wake);
}

static void handle_closed(uv_handle_t *h)
{
	struct store *s = store_of(h);

	uv_mutex_destroy(&s->lock);
	free(s);
}

static void submit(struct store *s, struct store_request *r)
{
	if (!s->requests++)
		uv_ref((uv_handle_t *)&s->wake);
	if (r->batch)
		s->commits++;
	if (s->writer) {
		store_writer_add(s->writer, r);
		return;
	}

	/* From a callback of store_close(), which delivers this too. */
	struct store_queue q = { 0 };

	err_set(&r->e, ERR_UNAVAILABLE, "the database is closed");
	store_queue_push(&q, r);
	uv_mutex_lock(&s->lock);
	store_queue_append(&s->finished, &q);
	uv_mutex_unlock(&s->lock);
}

void store_commit(struct store *s, struct store_batch *b, store_commit_done *done,
		  void *owner)
{
	struct store_request *r = mem_new(struct store_request);

	r->batch = b;
	r->commit_done = done;
	r->owner = owner;
	submit(s, r);
}

void store_read_events(struct store *s, uint64_t after_seq, size_t limit,
		       store_read_done *done, void *owner)
{
	struct store_request *r = mem_new(struct store_request);

	r->after_seq = after_seq;
	r->limit = limit;
	r->read_done = done;
	r->owner = owner;
	submit(s, r);
}

size_t store_pending(const struct store *s)
{
	return s->commits;
}

uint64_t store_oldest_event(const struct store *s)
{
	return s->oldest_seq;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_writer_stop(steal(s->writer));
	deliver_finished(s);
	store_dir_fini(&s->dir);
	if (!uv_is_closing((uv_handle_t *)&s->wake))
		uv_close((uv_handle_t *)&s->wake, handle_closed);
}

static bool has_definitions(const struct store_dir *d)
{
	size_t n;
	char **names = store_files_list(d, &n);

	store_files_list_free(names, n);
	return n > 0;
}

static int make_new(struct store_dir *d, struct err **e)
{
	const char *left = store_dir_has(d, STORE_IDENTITY)    ? STORE_IDENTITY
			   : store_dir_has(d, STORE_DB "-wal") ? STORE_DB "-wal"
			   : has_definitions(d)		       ? STORE_DEFINITIONS
							       : NULL;

	if (left)
		return store_damaged(e, "%s/%s is missing, but %s is there", d->path,
				     STORE_DB, left);

	char text[UUID_TEXT];

	uuid_v7(text);
	struct database_identity id = { .db_id = text, .db_epoch = 1 };

	if (store_schema_create(d, &id, NULL, 0, e) < 0)
		return -1;
	return store_dir_install_db(d, e);
}

/* In one transaction that ends well only if what it made can be read. */
static int upgrade(struct store_dir *d, struct store_db *db, uint64_t version,
		   const struct store_versions *v, struct store_snapshot *out,
		   struct store_files *files, struct err **e)
{
	if (store_schema_backup(db, d, v->n, e) < 0 ||
	    store_db_run(db, STORE_BEGIN, e, "") < 0)
		return -1;
	if (store_schema_upgrade(db, version, v, e) == 0 &&
	    store_check_read(db, out, e) == 0 &&
	    store_check_beside(d, out, files, e) == 0 &&
	    store_db_run(db, STORE_COMMIT, e, "") == 0) {
		log_info("%s upgraded from version %llu to %zu", db->path,
			 (unsigned long long)version, v->n);
		return 0;
	}
	store_db_run(db, STORE_ROLLBACK, NULL, "");
	return -1;
}

struct store_db *store_open_db(struct store_dir *d, const struct store_versions *v,
			       struct store_snapshot *out, struct store_files *files,
			       struct err **e)
{
	autofree char *path = store_dir_file(d, STORE_DB);
	uint64_t version;

	if (!store_dir_has(d, STORE_DB) && make_new(d, e) < 0)
		return NULL;
	if (store_check_dir(d, v, &version, out, files, e) < 0)
		return NULL;

	autoptr(store_db) db = store_db_open(path, STORE_DB_USE, e);

	if (!db || (version < v->n && upgrade(d, db, version, v, out, files, e) < 0))
		return NULL;
	if (store_dir_make_definitions(d, e) < 0)
		return NULL;
	if (!out->identity_file &&
	    store_identity_write(d, &out->content.identity, e) < 0)
		return NULL;
	db->epoch = out->content.identity.db_epoch;
	db->last_seq = out->content.last_seq;
	db->oldest_seq = out->oldest_seq;
	files->dirfd = d->definitions;
	store_files_flush(files);
	return steal(db);
}

struct store *store_open(uv_loop_t *loop, const char *dir, struct store_content *out,
			 struct err **e)
{
	autofini(store_dir) d = STORE_DIR_NONE;
	autofini(store_snapshot) found = { 0 };
	autofini(store_files) files = { .dirfd = -1 };

	if (store_dir_open(&d, dir, e) < 0)
		return NULL;

	struct store_db *db = store_open_db(&d, &store_versions, &found, &files, e);

	if (!db)
		return NULL;

	struct store *s = mem_new(struct store);

	if (uv_mutex_init(&s->lock) < 0)
		abort();
	int rc = uv_async_init(loop, &s->wake, woken);

	if (rc < 0) {
		err_sys(e, rc, "make a wake-up for the loop");
		store_db_free(db);
		uv_mutex_destroy(&s->lock);
		free(s);
		return NULL;
	}
	uv_unref((uv_handle_t *)&s->wake);
	s->dir = d;
	d = STORE_DIR_NONE;
	s->oldest_seq = found.oldest_seq;
	s->writer = store_writer_start(db, &files, take_finished, s, e);
	if (!s->writer) {
		store_close(s);
		return NULL;
	}
	*out = found.content;
	found.content = (struct store_content){ 0 };
	return s;
}
