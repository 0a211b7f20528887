/*
 * tests/unit/test_change.c - facts and wishes, over a store that fails when it is told to
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/change.h"
#include "daemon/restart.h"
#include "daemon/start.h"
#include "daemon/store_internal.h"

#define COMMITS_MAX 16

/* -- the store: commits wait until a test decides about them, in their order */

struct commit {
	struct store_batch *batch;
	store_commit_done *done;
	void *owner;
};

static struct commit commits[COMMITS_MAX];
static size_t n_commits;
static struct str told; /* what was recorded: "name state;" */

void store_commit(struct store *s, struct store_batch *b, store_commit_done *done,
		  void *owner)
{
	T_OK(n_commits < COMMITS_MAX);
	commits[n_commits++] = (struct commit){ b, done, owner };
}

void store_read_events(struct store *s, uint64_t after_seq, size_t limit,
		       store_read_done *done, void *owner)
{
	t_fail(__FILE__, __LINE__, "nobody subscribed");
}

uint64_t store_oldest_event(const struct store *s)
{
	return 0;
}

static struct commit take_oldest(void)
{
	struct commit c = commits[0];

	T_OK(n_commits > 0);
	memmove(commits, commits + 1, --n_commits * sizeof(c));
	return c;
}

static void grant(void)
{
	struct commit c = take_oldest();

	for (size_t i = 0; i < c.batch->n_events; i++)
		str_addf(&told, "%s %s;", c.batch->events[i].name,
			 vm_state_name(c.batch->events[i].state));
	c.done(c.owner, c.batch->events, c.batch->n_events, NULL);
	store_batch_free(c.batch);
}

static void refuse(enum err_code code)
{
	struct commit c = take_oldest();
	autoptr(err) e = NULL;

	err_set(&e, code, "no");
	c.done(c.owner, NULL, 0, e);
	store_batch_free(c.batch);
}

static void expect_told(const char *what)
{
	T_STR(told.data ? told.data : "", what);
	str_clear(&told);
}

/* -- the daemon */

static const struct cause by_guest = { .actor = "guest" };

static struct managed_vm *add(struct vxd *d, const char *name, enum vm_state state)
{
	struct instance_record in = { .number = 1, .boot_id = (char *)(uintptr_t) "b" };
	const struct vm_record rec = {
		.definition = { .project = (char *)(uintptr_t) "default",
				.name = (char *)(uintptr_t)name,
				.id = (char *)(uintptr_t)name },
		.instance = &in,
	};
	struct managed_vm *vm = vm_set_add(&d->vms, &rec);

	vm->state = state;
	return vm;
}

static struct vxd *vxd_new(void)
{
	struct vxd *d = mem_new(struct vxd);

	uv_loop_init(&d->loop);
	LIST_INIT(&d->clients);
	TAILQ_INIT(&d->unrecorded);
	d->vms.d = d;
	d->vms_dir = open(t_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	n_commits = 0;
	return d;
}

static void vxd_free(struct vxd *d)
{
	T_EQ(n_commits, 0);
	facts_fini(d);
	vm_set_fini(&d->vms);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	T_EQ(uv_loop_close(&d->loop), 0);
	cleanup_close(&d->vms_dir);
	str_fini(&told);
	free(d);
}

/* Until the next commit is there. */
static void wait_for_retry(struct vxd *d)
{
	while (n_commits == 0)
		uv_run(&d->loop, UV_RUN_ONCE);
}

static void happens(struct managed_vm *vm, enum vm_input in)
{
	T_OK(fact_state(vm->d, vm, in, &by_guest, NULL));
}

static void what_cannot_be_recorded_is_recorded_later_in_order(void)
{
	struct vxd *d = vxd_new();
	struct managed_vm *a = add(d, "a", VM_STATE_STARTING);
	struct managed_vm *b = add(d, "b", VM_STATE_RUNNING);

	happens(a, VM_INPUT_RUNS);
	happens(a, VM_INPUT_STOP);
	refuse(ERR_NO_SPACE);
	happens(a, VM_INPUT_ENDED); /* behind what waits, not before it */
	happens(b, VM_INPUT_ENDED);
	T_EQ(n_commits, 1);
	refuse(ERR_NO_SPACE); /* the stop: older than the end */
	wait_for_retry(d);
	refuse(ERR_NO_SPACE);
	wait_for_retry(d);
	expect_told("");
	grant();
	expect_told("a running;a stopping;a stopped;b stopped;");
	T_OK(!facts_wait(a) && !facts_wait(b));
	vxd_free(d);
}

static void what_happens_during_a_retry_waits_for_it(void)
{
	struct vxd *d = vxd_new();
	struct managed_vm *vm = add(d, "a", VM_STATE_RUNNING);

	happens(vm, VM_INPUT_STOP);
	refuse(ERR_NO_SPACE);
	wait_for_retry(d);
	happens(vm, VM_INPUT_ENDED);
	T_EQ(n_commits, 1);
	grant();
	wait_for_retry(d);
	grant();
	expect_told("a stopping;a stopped;");
	vxd_free(d);
}

static void what_is_refused_for_ever_holds_up_nobody(void)
{
	struct vxd *d = vxd_new();
	struct managed_vm *a = add(d, "a", VM_STATE_RUNNING);
	struct managed_vm *b = add(d, "b", VM_STATE_RUNNING);

	happens(a, VM_INPUT_STOP);
	refuse(ERR_INTERNAL);
	happens(b, VM_INPUT_ENDED);
	wait_for_retry(d);
	refuse(ERR_INTERNAL); /* both together */
	wait_for_retry(d);
	refuse(ERR_INTERNAL); /* the first one alone */
	wait_for_retry(d);
	grant();
	expect_told("b stopped;");
	T_OK(!facts_wait(a));
	vxd_free(d);
}

static void nothing_is_wished_of_a_vm_whose_past_is_not_recorded(void)
{
	struct vxd *d = vxd_new();
	struct managed_vm *a = add(d, "a", VM_STATE_RUNNING);
	struct managed_vm *b = add(d, "b", VM_STATE_STOPPED);
	autoptr(err) e = NULL;

	happens(a, VM_INPUT_ENDED);
	T_EQ(wish_allowed(a, NULL), 0);
	refuse(ERR_NO_SPACE);
	T_EQ(wish_allowed(a, &e), -1);
	T_EQ(e->code, ERR_UNAVAILABLE);
	T_EQ(change_allowed(a, NULL), 0); /* what must be done can be done */
	T_EQ(wish_allowed(b, NULL), 0);
	wait_for_retry(d);
	grant();
	T_EQ(wish_allowed(a, NULL), 0);
	expect_told("a stopped;");
	vxd_free(d);
}

static void a_record_that_may_be_taken_back_is_not_recorded(void)
{
	struct vxd *d = vxd_new();
	struct managed_vm *vm = add(d, "a", VM_STATE_RUNNING);

	happens(vm, VM_INPUT_ENDED);
	vm->changing = true; /* it is started again before that failed */
	refuse(ERR_NO_SPACE);
	for (uint64_t end = uv_now(&d->loop) + 1300; uv_now(&d->loop) < end;)
		uv_run(&d->loop, UV_RUN_ONCE);
	T_EQ(n_commits, 0);
	vm->changing = false;
	wait_for_retry(d);
	grant();
	expect_told("a stopped;");
	vxd_free(d);
}

static void change_refused(struct wish *w, struct managed_vm *vm)
{
	vm->rec.definition.revision = 1;
}

static void what_happens_during_a_change_is_recorded_behind_it(void)
{
	struct vxd *d = vxd_new();
	struct managed_vm *vm = add(d, "a", VM_STATE_RUNNING);
	struct wish *w = wish_new(d, NULL);

	w->refused = change_refused;
	vm->rec.definition.revision = 2;
	wish_commit(w, vm, store_batch_new(), "vm.update");
	happens(vm, VM_INPUT_ENDED);
	T_EQ(n_commits, 1);
	refuse(ERR_NO_SPACE);
	wait_for_retry(d);
	T_HAS(commits[0].batch->ops[0].text, "\"revision\":1");
	grant();
	expect_told("a stopped;");
	vxd_free(d);
}

static bool has_dir(const struct vxd *d, const char *path)
{
	struct stat st;

	return fstatat(d->vms_dir, path, &st, 0) == 0;
}

static void the_keepers_record_stays_until_the_end_is_on_disk(void)
{
	struct vxd *d = vxd_new();
	struct managed_vm *vm = add(d, "a", VM_STATE_RUNNING);

	T_EQ(mkdirat(d->vms_dir, "a", 0700), 0);
	T_EQ(mkdirat(d->vms_dir, "a/1", 0700), 0);
	happens(vm, VM_INPUT_STOP);
	grant();
	vm->rec.instance->end = mem_new(struct vm_end);
	happens(vm, VM_INPUT_ENDED);
	T_OK(has_dir(d, "a/1"));
	refuse(ERR_NO_SPACE);
	T_OK(has_dir(d, "a/1"));
	wait_for_retry(d);
	grant();
	T_OK(!has_dir(d, "a"));
	vxd_free(d);
}

static void a_restart_that_could_not_be_recorded_is_tried_again(void)
{
	struct vxd *d = vxd_new();
	struct managed_vm *vm = add(d, "a", VM_STATE_STOPPED);
	autofree char *kernel = mem_printf("%s/kernel", t_dir());

	close(open(kernel, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	vm->rec.definition.boot.kernel = mem_strdup(kernel);
	T_EQ(vm_start(d, vm, NULL, NULL), 0);
	T_EQ(vm->state, VM_STATE_STARTING);
	T_EQ(vm->rec.instance->number, 2);
	refuse(ERR_NO_SPACE);
	T_EQ(vm->state, VM_STATE_STOPPED);
	T_EQ(vm->rec.instance->number, 1);
	T_OK(vm->restart_us && vm->restarts == 1);
	wait_for_retry(d);
	T_EQ(vm->rec.instance->number, 2);
	refuse(ERR_NO_SPACE);
	T_EQ(vm->restarts, 2);
	T_OK(restart_cancel(vm));
	vxd_free(d);
}

static void a_sentence_too_long_for_an_event_is_cut(void)
{
	struct vxd *d = vxd_new();
	struct managed_vm *vm = add(d, "a", VM_STATE_RUNNING);
	char detail[3000];
	struct cause why = { .actor = "vxd", .detail = detail };
	struct event ev = event_about(vm, EVENT_TYPE_REPORTED, &why);

	memset(detail, 'x', sizeof(detail));
	detail[7] = '\x1b';
	detail[sizeof(detail) - 1] = '\0';
	fact_record(d, vm, &ev, NULL);
	T_EQ(strlen(commits[0].batch->events[0].detail), 1024);
	T_EQ(commits[0].batch->events[0].detail[7], '?');
	grant();
	vxd_free(d);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(what_cannot_be_recorded_is_recorded_later_in_order),
		T_CASE(what_happens_during_a_retry_waits_for_it),
		T_CASE(what_is_refused_for_ever_holds_up_nobody),
		T_CASE(nothing_is_wished_of_a_vm_whose_past_is_not_recorded),
		T_CASE(a_record_that_may_be_taken_back_is_not_recorded),
		T_CASE(what_happens_during_a_change_is_recorded_behind_it),
		T_CASE(the_keepers_record_stays_until_the_end_is_on_disk),
		T_CASE(a_restart_that_could_not_be_recorded_is_tried_again),
		T_CASE(a_sentence_too_long_for_an_event_is_cut),
	};

	return T_RUN(cases);
}
