/*
 * tests/unit/test_store_crash.c - full disks, and vxd killed at any moment
 *
 * The full disk is a real one: a small tmpfs in a mount namespace of the test, or a
 * limit on the size of files where namespaces are not allowed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

static void write_map(const char *path, const char *text)
{
	autofd int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		t_skip("%s: %s", path, strerror(errno));
}

/* A file system of `kib` KiB at t_dir()/s, for this process alone. */
static void mount_small(unsigned int kib)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	autofree char *dir = in_dir("s");
	autofree char *size = mem_printf("size=%uk,mode=0700", kib);
	autofree char *uids = mem_printf("0 %u 1", (unsigned int)uid);
	autofree char *gids = mem_printf("0 %u 1", (unsigned int)gid);

	if (unshare(CLONE_NEWNS) < 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			t_skip("no mount namespace: %s", strerror(errno));
		write_map("/proc/self/setgroups", "deny");
		write_map("/proc/self/uid_map", uids);
		write_map("/proc/self/gid_map", gids);
	}
	T_EQ(mkdir(dir, 0700), 0);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", dir, "tmpfs", 0, size) < 0)
		t_skip("no tmpfs: %s", strerror(errno));
}

static size_t fill_up(const char *path)
{
	autofd int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	char block[4096] = { 0 };
	size_t n = 0;

	T_OK(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		n += sizeof(block);
	return n;
}

/* Commit VMs until one fails; the number of those that did not. */
static unsigned int commit_until_full(struct rig *r)
{
	for (unsigned int i = 1; i < 10000; i++) {
		autofini(outcome) o = { 0 };
		autofree char *name = mem_printf("vm-%u", i);
		struct store_batch *b = test_batch(i, name, 1);
		autofree char *text = mem_alloc(1001);
		autofini(event) ev = test_event(i, memset(text, 'x', 1000));

		for (int k = 0; k < 20; k++)
			store_batch_event(b, &ev);
		rig_commit(r, b, &o);
		if (!o.e) {
			T_EQ(o.events[0].seq, (i - 1) * 21 + 1);
			continue;
		}
		T_HAS(o.e->message, "vx.db: its file system is full");
		T_EQ(o.e->code, ERR_NO_SPACE);
		T_HAS(o.e->hint, "free some space");
		T_EQ(o.n_events, 0);
		return i - 1;
	}
	t_fail(__FILE__, __LINE__, "the disk never got full");
}

static void expect_vms(unsigned int n)
{
	struct rig r;

	rig_open(&r, "s");
	T_EQ(r.content.n_vms, n);
	T_EQ(r.content.last_seq, n * 21);
	rig_close(&r);
}

static void a_full_disk_fails_commits_whole_and_passes(void)
{
	struct rig r;
	autofree char *ballast = in_dir("s/ballast");
	autofini(outcome) o = { 0 }, big = { 0 };

	log_set_level(LOG_LEVEL_ERROR);
	mount_small(2048);
	rig_open(&r, "s");
	T_OK(fill_up(ballast) > 0);
	T_EQ(truncate(ballast, 1 << 20), 0);
	unsigned int n = commit_until_full(&r);

	T_OK(n > 0);
	fill_up(ballast);
	rig_close(&r);

	/* Full is no reason not to start, and nothing is half done. */
	expect_vms(n);
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, n);
	struct store_batch *b = store_batch_new();
	autofini(event) ev = test_event(1, "x");

	for (int i = 0; i < 20000; i++)
		store_batch_event(b, &ev);
	rig_commit(&r, b, &big);
	T_EQ(big.e->code, ERR_NO_SPACE);

	T_EQ(unlink(ballast), 0);
	rig_commit(&r, test_batch(n + 1, "after", 1), &o);
	T_OK(!o.e);
	T_EQ(o.events[0].seq, n * 21 + 1);
	rig_close(&r);

	rig_open(&r, "s");
	T_EQ(r.content.n_vms, n + 1);
	for (unsigned int i = 1; i <= n + 1; i++) {
		autofree char *file = in_dir("s/definitions/%s.json", test_id(i));

		T_OK(file_exists(file));
	}
	rig_close(&r);
}

static void a_disk_full_from_the_start_leaves_nothing(void)
{
	autofree char *ballast = in_dir("s/ballast");
	autofree char *db = in_dir("s/vx.db");
	struct rig r;

	mount_small(1024);
	fill_up(ballast);
	autoptr(err) e = rig_refused("s");

	T_EQ(e->code, ERR_NO_SPACE);
	T_OK(!file_exists(db));
	T_EQ(unlink(ballast), 0);
	rig_open(&r, "s");
	rig_close(&r);
}

static void a_file_that_may_not_grow_is_a_full_disk(void)
{
	struct rlimit before, limit;
	struct rig r;

	log_set_level(LOG_LEVEL_ERROR);
	signal(SIGXFSZ, SIG_IGN);
	rig_open(&r, "s");
	T_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 256 << 10;
	T_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	unsigned int n = commit_until_full(&r);

	T_OK(n > 0);
	T_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
	rig_commit_ok(&r, test_batch(n + 1, "after", 1));
	rig_close(&r);
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, n + 1);
	T_EQ(r.content.last_seq, n * 21 + 1);
	rig_close(&r);
}

/* ---- kills ---- */

#define VMS 10
#define IN_FLIGHT 4
#define ROUNDS 12

struct ack {
	unsigned int vm;
	uint64_t revision, seq;
};

struct committer {
	struct rig rig;
	uint64_t revisions[VMS];
	int acks;
	unsigned int next;
};

struct flight {
	struct committer *c;
	unsigned int vm;
	uint64_t revision;
};

static void commit_next(struct flight *f);

static void acknowledged(void *owner, struct event *events, size_t n UNUSED,
			 const struct err *e)
{
	struct flight *f = owner;

	T_OK(!e);
	struct ack ack = { f->vm, f->revision, events[0].seq };

	T_EQ(write(f->c->acks, &ack, sizeof(ack)), sizeof(ack));
	commit_next(f);
}

static void commit_next(struct flight *f)
{
	struct committer *c = f->c;

	f->vm = c->next++ % VMS;
	f->revision = ++c->revisions[f->vm];
	autofree char *name = mem_printf("vm-%u", f->vm);

	store_commit(c->rig.store, test_batch(f->vm, name, f->revision), acknowledged,
		     f);
}

static void commit_for_ever(int acks)
{
	struct committer c = { .acks = acks };
	struct flight flights[IN_FLIGHT];

	rig_open(&c.rig, "s");
	for (unsigned int i = 0; i < VMS; i++) {
		const struct vm_record *vm = rig_vm(&c.rig, test_id(i));

		c.revisions[i] = vm ? vm->definition.revision : 0;
	}
	for (unsigned int i = 0; i < IN_FLIGHT; i++) {
		flights[i].c = &c;
		commit_next(&flights[i]);
	}
	uv_run(&c.rig.loop, UV_RUN_DEFAULT);
}

static void nothing_acknowledged_is_lost_by_a_kill(void)
{
	struct ack last[VMS] = { 0 }, ack;
	uint64_t last_seq = 0;
	unsigned int total = 0;

	log_set_level(LOG_LEVEL_WARN);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		int acks[2];
		struct rig r;

		T_EQ(pipe(acks), 0);
		pid_t pid = fork();

		if (pid == 0)
			commit_for_ever(acks[1]);
		close(acks[1]);
		T_EQ(read(acks[0], &ack, sizeof(ack)), sizeof(ack));
		last[ack.vm] = ack;
		usleep(round * 7919 % 50000);
		kill(pid, SIGKILL);
		T_EQ(waitpid(pid, NULL, 0), pid);
		while (read(acks[0], &ack, sizeof(ack)) == sizeof(ack)) {
			last[ack.vm] = ack;
			last_seq = MAX(last_seq, ack.seq);
			total++;
		}
		close(acks[0]);

		rig_open(&r, "s");
		T_OK(r.content.last_seq >= last_seq);
		for (unsigned int i = 0; i < VMS; i++) {
			const struct vm_record *vm = rig_vm(&r, test_id(i));

			T_OK(!last[i].revision || vm);
			T_OK(!vm || vm->definition.revision >= last[i].revision);
		}
		rig_close(&r);
	}
	T_OK(total > ROUNDS);
}

static const struct t_case cases[] = {
	T_CASE(a_full_disk_fails_commits_whole_and_passes),
	T_CASE(a_disk_full_from_the_start_leaves_nothing),
	T_CASE(a_file_that_may_not_grow_is_a_full_disk),
	T_CASE(nothing_acknowledged_is_lost_by_a_kill),
};

int main(void)
{
	return T_RUN(cases);
}
