/*
 * tests/unit/test_store.c - commits, events, definition files, the lock
 *
 * Not here: damage (test_store_check.c), full disks and kills (test_store_crash.c),
 * recovery (test_store_recover.c).
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

static void a_new_directory_gets_an_empty_database(void)
{
	struct rig r;
	struct stat st;

	rig_open(&r, "a/b/state");
	T_EQ(r.content.n_vms, 0);
	T_EQ(r.content.last_seq, 0);
	T_EQ(r.content.identity.db_epoch, 1);
	T_EQ(strlen(r.content.identity.db_id), UUID_TEXT - 1);
	T_EQ(store_oldest_event(r.store), 0);
	T_EQ(store_pending(r.store), 0);
	T_EQ(stat(r.dir, &st), 0);
	T_EQ(st.st_mode & 0777, 0700);

	autofree char *db = in_dir("a/b/state/vx.db");

	T_EQ(stat(db, &st), 0);
	T_EQ(st.st_mode & 0777, 0600);
	rig_close(&r);

	/* One file holds all when vxd has ended well. */
	autofree char *wal = in_dir("a/b/state/vx.db-wal");

	T_OK(!file_exists(wal));
}

static void the_identity_stays(void)
{
	struct rig r;

	rig_open(&r, "s");
	autofree char *id = mem_strdup(r.content.identity.db_id);

	rig_close(&r);
	autofree char *file = in_dir("s/identity.json");

	unlink(file);
	for (int i = 0; i < 2; i++) {
		rig_open(&r, "s");
		T_STR(r.content.identity.db_id, id);
		T_EQ(r.content.identity.db_epoch, 1);
		T_OK(file_exists(file));
		rig_close(&r);
	}
}

static void what_was_committed_is_there_after_reopening(void)
{
	struct rig r;

	rig_open(&r, "s");
	rig_commit_ok(&r, test_batch(1, "one", 1));
	rig_commit_ok(&r, test_batch(2, "two", 1));
	rig_commit_ok(&r, test_batch(1, "uno", 2));

	struct store_batch *b = store_batch_new();

	store_batch_delete_vm(b, test_id(2));
	rig_commit_ok(&r, b);
	T_EQ(r.content.n_vms, 0); /* what was found is not what is there now */
	rig_close(&r);

	rig_open(&r, "s");
	T_EQ(r.content.n_vms, 1);
	autofini(vm_record) want = test_vm(1, "uno", 2);
	autofree char *want_json = vm_record_format(&want);
	autofree char *json = vm_record_format(&r.content.vms[0]);

	T_STR(json, want_json);
	T_EQ(r.content.last_seq, 3);
	T_EQ(store_oldest_event(r.store), 1);
	rig_close(&r);
}

static void events_are_numbered_without_gaps_in_the_order_of_commits(void)
{
	enum { N = 50 };
	struct rig r;
	struct outcome o[N] = { 0 };
	uint64_t next = 1;

	rig_open(&r, "s");
	for (unsigned int i = 0; i < N; i++) {
		/* Each fifth is refused and takes no number. */
		autofree char *name = mem_printf("vm-%u", i % 5 == 4 ? 0 : i);
		struct store_batch *b = test_batch(i, name, 1);
		autofini(event) second = test_event(i, "second");

		second.seq = 77;
		second.db_epoch = 78;
		store_batch_event(b, &second);
		store_commit(r.store, b, committed, &o[i]);
	}
	T_EQ(store_pending(r.store), N);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	T_EQ(store_pending(r.store), 0);
	for (unsigned int i = 0; i < N; i++) {
		T_EQ(o[i].calls, 1);
		T_EQ(o[i].number, i + 1);
		T_EQ(o[i].e ? o[i].e->code : 0, i % 5 == 4 ? ERR_ALREADY_EXISTS : 0);
		T_EQ(o[i].n_events, i % 5 == 4 ? 0 : 2);
		for (size_t k = 0; k < o[i].n_events; k++) {
			T_EQ(o[i].events[k].seq, next++);
			T_EQ(o[i].events[k].db_epoch, 1);
		}
		outcome_fini(&o[i]);
	}
	rig_close(&r);

	rig_open(&r, "s");
	T_EQ(r.content.n_vms, N - N / 5);
	T_EQ(r.content.last_seq, next - 1);
	autofini(outcome) more = { 0 };

	rig_commit(&r, test_batch(N, "more", 1), &more);
	T_EQ(more.events[0].seq, next);
	rig_close(&r);
}

static void a_name_that_exists_fails_its_batch_and_not_its_neighbours(void)
{
	struct rig r;
	struct outcome o[3] = { 0 };

	rig_open(&r, "s");
	rig_commit_ok(&r, test_batch(1, "one", 1));

	/* The refused one had put another VM before. */
	struct store_batch *b = test_batch(2, "two", 1);
	autofini(vm_record) twin = test_vm(3, "one", 1);

	store_batch_put_vm(b, &twin);
	store_commit(r.store, test_batch(4, "four", 1), committed, &o[0]);
	store_commit(r.store, b, committed, &o[1]);
	store_commit(r.store, test_batch(5, "five", 1), committed, &o[2]);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	T_OK(!o[0].e && !o[2].e);
	T_EQ(o[1].e->code, ERR_ALREADY_EXISTS);
	T_STR(o[1].e->object, "one");
	for (size_t i = 0; i < COUNT(o); i++)
		outcome_fini(&o[i]);

	/* Its name goes with a VM, within one batch too. */
	b = store_batch_new();
	store_batch_delete_vm(b, test_id(1));
	store_batch_put_vm(b, &twin);
	rig_commit_ok(&r, b);
	rig_close(&r);

	autofree char *file = in_dir("s/definitions/%s.json", test_id(2));

	T_OK(!file_exists(file));
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, 3);
	T_OK(!rig_vm(&r, test_id(1)) && !rig_vm(&r, test_id(2)));
	T_OK(rig_vm(&r, test_id(3)) != NULL);
	rig_close(&r);
}

static void what_could_not_be_read_again_is_not_stored(void)
{
	struct rig r;
	struct outcome o[5] = { 0 };
	autofini(vm_record) bad = test_vm(1, "one", 1);
	autofree char *text = mem_alloc(5001);
	autofini(event) ev = test_event(1, memset(text, 'x', 5000));
	struct store_batch *vm = store_batch_new(), *event = test_batch(2, "two", 1);
	struct store_batch *gone = store_batch_new();

	store_batch_delete_vm(gone, "../lock");
	bad.definition.cpus = 100000;
	store_batch_put_vm(vm, &bad);
	store_batch_event(event, &ev);
	rig_open(&r, "s");
	store_commit(r.store, test_batch(3, "three", 1), committed, &o[0]);
	store_commit(r.store, vm, committed, &o[1]);
	store_commit(r.store, event, committed, &o[2]);
	store_commit(r.store, test_batch(4, "four", 1), committed, &o[3]);
	store_commit(r.store, gone, committed, &o[4]);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	T_OK(!o[0].e && !o[3].e);
	T_EQ(o[1].e->code, ERR_INTERNAL);
	T_HAS(o[1].e->message, "cpus");
	T_EQ(o[2].e->code, ERR_INTERNAL);
	T_EQ(o[3].events[0].seq, 2);
	T_EQ(o[4].e->code, ERR_INTERNAL);
	for (size_t i = 0; i < COUNT(o); i++)
		outcome_fini(&o[i]);
	rig_close(&r);
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, 2);
	rig_close(&r);
}

static void the_same_name_in_another_project_is_another_name(void)
{
	struct rig r;
	autofini(vm_record) vm = test_vm(2, "one", 1);
	struct store_batch *b = store_batch_new();

	free(vm.definition.project);
	vm.definition.project = mem_strdup("other");
	store_batch_put_vm(b, &vm);
	rig_open(&r, "s");
	rig_commit_ok(&r, test_batch(1, "one", 1));
	rig_commit_ok(&r, b);
	rig_close(&r);
}

static void definition_files_follow_the_commits(void)
{
	struct rig r;
	autofree char *file = in_dir("s/definitions/%s.json", test_id(1));

	rig_open(&r, "s");
	for (uint64_t revision = 1; revision <= 2; revision++) {
		rig_commit_ok(&r, test_batch(1, "one", revision));
		autofini(vm_record) vm = test_vm(1, "one", revision);
		autofree char *json = vm_record_format(&vm);
		autofree char *want = mem_printf("%s\n", json);
		autofree char *text = read_file(file, NULL);

		T_STR(text, want);
	}
	struct store_batch *b = store_batch_new();

	store_batch_delete_vm(b, test_id(1));
	rig_commit_ok(&r, b);
	T_OK(!file_exists(file));
	rig_close(&r);
}

static void a_definition_file_that_fails_is_tried_again_with_later_commits(void)
{
	struct rig r;
	autofree char *file = in_dir("s/definitions/%s.json", test_id(1));

	/* A directory is in the way. */
	log_set_level(LOG_LEVEL_ERROR);
	rig_open(&r, "s");
	T_EQ(mkdir(file, 0700), 0);
	rig_commit_ok(&r, test_batch(1, "one", 1));
	rig_commit_ok(&r, test_batch(2, "two", 1));
	T_EQ(rmdir(file), 0);
	rig_commit_ok(&r, test_batch(3, "three", 1));
	autofree char *text = read_file(file, NULL);

	T_HAS(text, "\"one\"");
	rig_close(&r);
}

static void definition_files_are_made_right_at_the_start(void)
{
	struct rig r;
	autofree char *one = in_dir("s/definitions/%s.json", test_id(1));
	autofree char *two = in_dir("s/definitions/%s.json", test_id(2));
	autofree char *three = in_dir("s/definitions/%s.json", test_id(3));
	autofree char *stray = in_dir("s/definitions/%s.json", test_id(4));

	make_closed_store("s", 3);
	autofree char *old = read_file(one, NULL);

	rig_open(&r, "s");
	rig_commit_ok(&r, test_batch(1, "vm-1", 2));

	/* As if vxd had died before it could remove the file of a deleted one. */
	struct store_batch *b = store_batch_new();

	store_batch_delete_vm(b, test_id(2));
	rig_commit_ok(&r, b);
	rig_close(&r);
	write_file(one, old, strlen(old));
	write_file(two, "{}", 2);
	write_file(stray, "{}", 2);
	unlink(three);

	log_set_level(LOG_LEVEL_ERROR);
	rig_open(&r, "s");
	rig_close(&r);
	autofree char *text = read_file(one, NULL);

	T_HAS(text, "\"revision\":2");
	T_OK(!file_exists(two));
	T_OK(file_exists(three));
	T_OK(file_exists(stray));
}

static void a_removed_file_is_not_remembered_for_ever(void)
{
	struct rig r;
	autofree char *one = in_dir("s/definitions/%s.json", test_id(1));
	struct store_batch *b = store_batch_new();

	make_closed_store("s", 1);
	store_batch_delete_vm(b, test_id(1));
	rig_open(&r, "s");
	rig_commit_ok(&r, b);
	rig_commit_ok(&r, test_batch(2, "two", 1));
	rig_close(&r);
	write_file(one, "{}", 2);
	log_set_level(LOG_LEVEL_ERROR);
	rig_open(&r, "s");
	T_OK(file_exists(one));
	rig_close(&r);
}

static void events_are_read_in_pieces(void)
{
	struct rig r;
	autofini(outcome) two = { 0 }, rest = { 0 }, none = { 0 }, huge = { 0 };

	make_closed_store("s", 5);
	rig_open(&r, "s");
	rig_read(&r, 1, 2, &two);
	T_EQ(two.n_events, 2);
	T_EQ(two.events[0].seq, 2);
	T_STR(two.events[0].detail, "vm-2");
	T_EQ(two.events[1].seq, 3);
	rig_read(&r, 3, 100, &rest);
	T_EQ(rest.n_events, 2);
	T_EQ(rest.events[1].seq, 5);
	T_EQ(rest.events[1].db_epoch, 1);
	rig_read(&r, 5, 100, &none);
	T_EQ(none.n_events, 0);
	T_OK(!none.e);
	rig_read(&r, UINT64_MAX, SIZE_MAX, &huge);
	T_EQ(huge.n_events, 0);
	rig_close(&r);
}

static void a_read_shows_only_what_was_announced_before(void)
{
	struct rig r;
	struct outcome c[10] = { 0 }, o[10] = { 0 };

	rig_open(&r, "s");
	for (unsigned int i = 0; i < COUNT(o); i++) {
		autofree char *name = mem_printf("vm-%u", i);

		store_read_events(r.store, 0, 100, was_read, &o[i]);
		store_commit(r.store, test_batch(i, name, 1), committed, &c[i]);
	}
	uv_run(&r.loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < COUNT(o); i++)
		for (size_t k = 0; k < o[i].n_events; k++)
			T_OK(c[o[i].events[k].seq - 1].number < o[i].number);
	for (size_t i = 0; i < COUNT(o); i++) {
		outcome_fini(&o[i]);
		outcome_fini(&c[i]);
	}
	rig_close(&r);
}

static void old_events_are_trimmed(void)
{
	struct rig r;
	struct store_batch *b = store_batch_new();
	autofini(event) ev = test_event(1, "x");
	autofini(outcome) big = { 0 }, o = { 0 };

	for (unsigned int i = 0; i < STORE_EVENTS_KEPT; i++)
		store_batch_event(b, &ev);
	rig_open(&r, "s");
	rig_commit(&r, b, &big);
	T_OK(!big.e);
	T_EQ(store_oldest_event(r.store), 1);
	rig_commit_ok(&r, test_batch(1, "one", 1));
	rig_commit_ok(&r, test_batch(2, "two", 1));
	T_EQ(store_oldest_event(r.store), 3);
	rig_read(&r, 0, 1, &o);
	T_EQ(o.events[0].seq, 3);
	rig_close(&r);

	rig_open(&r, "s");
	T_EQ(store_oldest_event(r.store), 3);
	T_EQ(r.content.last_seq, STORE_EVENTS_KEPT + 2);
	rig_close(&r);
}

static void closing_commits_what_waits(void)
{
	enum { N = 200 };
	struct rig r;
	struct outcome o[N] = { 0 };

	rig_open(&r, "s");
	for (unsigned int i = 0; i < N; i++) {
		autofree char *name = mem_printf("vm-%u", i);

		store_commit(r.store, test_batch(i, name, 1), committed, &o[i]);
	}
	rig_close(&r);
	for (unsigned int i = 0; i < N; i++) {
		T_EQ(o[i].calls, 1);
		T_OK(!o[i].e);
		outcome_fini(&o[i]);
	}
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, N);
	rig_close(&r);
}

struct late {
	struct store *store;
	struct outcome outcome;
};

static void commit_again(void *owner, struct event *events UNUSED, size_t n UNUSED,
			 const struct err *e UNUSED)
{
	struct late *late = owner;

	store_commit(late->store, test_batch(9, "late", 1), committed, &late->outcome);
}

static void a_commit_while_closing_is_refused(void)
{
	struct rig r;
	struct late late = { 0 };

	rig_open(&r, "s");
	late.store = r.store;
	store_commit(r.store, test_batch(1, "one", 1), commit_again, &late);
	rig_close(&r);
	T_EQ(late.outcome.calls, 1);
	T_EQ(late.outcome.e->code, ERR_UNAVAILABLE);
	outcome_fini(&late.outcome);
}

static void close_it(void *owner, struct event *events UNUSED, size_t n UNUSED,
		     const struct err *e UNUSED)
{
	store_close(owner);
}

static void it_may_be_closed_from_a_callback(void)
{
	struct rig r;
	autofini(outcome) o = { 0 };

	rig_open(&r, "s");
	store_commit(r.store, test_batch(1, "one", 1), close_it, r.store);
	store_commit(r.store, test_batch(2, "two", 1), committed, &o);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	T_EQ(o.calls, 1);
	r.store = NULL;
	rig_close(&r);
}

static void an_empty_batch_is_a_commit_too(void)
{
	struct rig r;
	autofini(outcome) o = { 0 };

	rig_open(&r, "s");
	rig_commit(&r, store_batch_new(), &o);
	T_OK(!o.e);
	store_batch_free(test_batch(1, "unused", 1));
	rig_close(&r);
}

static void audit_goes_with_its_change(void)
{
	struct rig r;
	char id[UUID_TEXT], name[] = "one", actor[] = "uid:0", method[] = "vm.create";
	struct audit_record a = {
		.time_us = 1, .actor = actor, .method = method, .id = id, .name = name
	};
	struct store_batch *b = test_batch(1, "one", 1);

	snprintf(id, sizeof(id), "%s", test_id(1));
	store_batch_audit(b, &a);
	rig_open(&r, "s");
	rig_commit_ok(&r, b);
	rig_close(&r);

	size_t len;
	autofree char *path = in_dir("s/vx.db");
	autofree char *db = read_file(path, &len);

	T_OK(memmem(db, len, "vm.create", 9) != NULL);
}

static void a_directory_in_use_names_its_holder(void)
{
	int up[2], status;

	T_EQ(pipe(up), 0);
	pid_t pid = fork();

	if (pid == 0) {
		struct rig r;
		char c = 'x';

		rig_open(&r, "s");
		T_EQ(write(up[1], &c, 1), 1);
		pause();
	}
	char c;

	T_EQ(read(up[0], &c, 1), 1);
	for (int i = 0; i < 2; i++) {
		autofree char *holder = mem_printf("process %d", (int)pid);
		autofree char *before = look_at("s");
		autoptr(err) e = rig_refused("s");
		autofree char *after = look_at("s");

		T_EQ(e->code, ERR_CONFLICT);
		T_HAS(e->message, holder);
		T_STR(after, before);
	}
	kill(pid, SIGKILL);
	T_EQ(waitpid(pid, &status, 0), pid);

	/* The lock ends with its holder, however that dies. */
	struct rig r;

	rig_open(&r, "s");
	rig_close(&r);
}

static void odd_names_of_directories_do_not_matter(void)
{
	struct rig r;

	make_closed_store("a?b#c%20 d", 1);
	make_killed_store("a?b#c%20 d", 1);
	rig_open(&r, "a?b#c%20 d");
	T_EQ(r.content.n_vms, 1);
	rig_close(&r);
}

static const struct t_case cases[] = {
	T_CASE(a_new_directory_gets_an_empty_database),
	T_CASE(the_identity_stays),
	T_CASE(what_was_committed_is_there_after_reopening),
	T_CASE(events_are_numbered_without_gaps_in_the_order_of_commits),
	T_CASE(a_name_that_exists_fails_its_batch_and_not_its_neighbours),
	T_CASE(what_could_not_be_read_again_is_not_stored),
	T_CASE(the_same_name_in_another_project_is_another_name),
	T_CASE(definition_files_follow_the_commits),
	T_CASE(a_definition_file_that_fails_is_tried_again_with_later_commits),
	T_CASE(definition_files_are_made_right_at_the_start),
	T_CASE(a_removed_file_is_not_remembered_for_ever),
	T_CASE(events_are_read_in_pieces),
	T_CASE(a_read_shows_only_what_was_announced_before),
	T_CASE(old_events_are_trimmed),
	T_CASE(closing_commits_what_waits),
	T_CASE(a_commit_while_closing_is_refused),
	T_CASE(it_may_be_closed_from_a_callback),
	T_CASE(an_empty_batch_is_a_commit_too),
	T_CASE(audit_goes_with_its_change),
	T_CASE(a_directory_in_use_names_its_holder),
	T_CASE(odd_names_of_directories_do_not_matter),
};

int main(void)
{
	return T_RUN(cases);
}
