/*
 * daemon/store_writer.c - the writer thread
 *
 * It takes all that waits at once: the more that waits, the more changes share one
 * commit. In each round
 *
 *   commit -> commits handed back -> definition files -> reads -> checkpoint
 *
 * so that a start waits for one fdatasync() and for nothing else. A file that a crash
 * prevents is written when the store is opened next. The database and the files belong to the
 * thread from start to stop; the queue is all that it shares.
 *
 * Not here: transactions (store_commit.c), what the loop does (store.c).
 */
#include "daemon/store_writer.h"

#include <pthread.h>
#include <signal.h>

#include "base/log.h"
#include "base/mem.h"

#define CHECKPOINT_PAGES 1000

struct store_writer {
	struct store_db *db;	  /* owned */
	struct store_files files; /* owned */
	void (*finished)(void *owner, struct store_queue *q);
	void *owner; /* borrowed */
	uv_thread_t thread;
	bool checkpoint_failing; /* said so in the log */

	uv_mutex_t lock; /* of what follows */
	uv_cond_t more;
	struct store_queue waiting;
	bool stop;
};

static void collect_files(struct store_files *files, struct store_request *r)
{
	if (r->e)
		return;
	for (size_t i = 0; i < r->batch->n_ops; i++) {
		struct store_op *op = &r->batch->ops[i];

		if (op->kind == STORE_OP_PUT)
			store_files_add(files, op->id, steal(op->text));
		else if (op->kind == STORE_OP_DELETE)
			store_files_add(files, op->id, NULL);
	}
}

static void do_commits(struct store_writer *w, struct store_queue *commits)
{
	struct store_files *f = &w->files;

	if (!commits->head)
		return;
	if (store_commit_group(w->db, commits->head, f->removed, f->n_removed))
		store_files_forget_removed(f);
	for (struct store_request *r = commits->head; r; r = r->next)
		collect_files(f, r);
	w->finished(w->owner, commits);
	store_files_flush(f);
}

static void do_reads(struct store_writer *w, struct store_queue *reads)
{
	struct store_request *r;

	while ((r = store_queue_pop(reads))) {
		struct store_queue one = { 0 };

		store_commit_read(w->db, r);
		store_queue_push(&one, r);
		w->finished(w->owner, &one);
	}
}

static void checkpoint(struct store_writer *w)
{
	if (w->db->log_pages < CHECKPOINT_PAGES)
		return;

	autoptr(err) e = NULL;
	bool failed = store_db_checkpoint(w->db) != 0;

	if (failed && !w->checkpoint_failing) {
		store_db_err(w->db, "checkpoint", &e);
		log_err(e, "the log of the database grows");
	}
	w->checkpoint_failing = failed;
}

static void round_of(struct store_writer *w, struct store_queue *all)
{
	struct store_queue commits = { 0 }, reads = { 0 };
	struct store_request *r;

	while ((r = store_queue_pop(all)))
		store_queue_push(r->batch ? &commits : &reads, r);
	do_commits(w, &commits);
	do_reads(w, &reads);
	checkpoint(w);
}

/* False: nothing waits, and nothing will. */
static bool take(struct store_writer *w, struct store_queue *all)
{
	uv_mutex_lock(&w->lock);
	while (!w->waiting.head && !w->stop)
		uv_cond_wait(&w->more, &w->lock);
	*all = w->waiting;
	w->waiting = (struct store_queue){ 0 };
	uv_mutex_unlock(&w->lock);
	return all->head != NULL;
}

static void writer_main(void *arg)
{
	struct store_writer *w = arg;
	struct store_queue all;

	while (take(w, &all))
		round_of(w, &all);
}

static void writer_free(struct store_writer *w)
{
	store_db_free(w->db);
	store_files_fini(&w->files);
	uv_cond_destroy(&w->more);
	uv_mutex_destroy(&w->lock);
	free(w);
}

struct store_writer *store_writer_start(struct store_db *db, struct store_files *files,
					void (*finished)(void *owner,
							 struct store_queue *q),
					void *owner, struct err **e)
{
	struct store_writer *w = mem_new(struct store_writer);
	sigset_t all, before;

	w->db = db;
	w->files = *files;
	*files = (struct store_files){ .dirfd = -1 };
	w->finished = finished;
	w->owner = owner;
	if (uv_mutex_init(&w->lock) < 0 || uv_cond_init(&w->more) < 0)
		abort();

	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = uv_thread_create(&w->thread, writer_main, w);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc < 0) {
		err_sys(e, rc, "start the thread that writes the database");
		writer_free(w);
		return NULL;
	}
	return w;
}

void store_writer_add(struct store_writer *w, struct store_request *r)
{
	uv_mutex_lock(&w->lock);
	store_queue_push(&w->waiting, r);
	uv_cond_signal(&w->more);
	uv_mutex_unlock(&w->lock);
}

void store_writer_stop(struct store_writer *w)
{
	if (!w)
		return;
	uv_mutex_lock(&w->lock);
	w->stop = true;
	uv_cond_signal(&w->more);
	uv_mutex_unlock(&w->lock);
	uv_thread_join(&w->thread);
	writer_free(w);
}
