/*
 * tests/unit/store_fixture.c - a store with a loop, records, and looks at files
 */
#include "tests/unit/store_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/test.h"

char *in_dir(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	autofree char *name = mem_vprintf(fmt, args);
	va_end(args);
	return mem_printf("%s/%s", t_dir(), name);
}

void rig_open(struct rig *r, const char *name)
{
	autoptr(err) e = NULL;

	*r = (struct rig){ .dir = in_dir("%s", name) };
	T_EQ(uv_loop_init(&r->loop), 0);
	r->store = store_open(&r->loop, r->dir, &r->content, &e);
	if (!r->store)
		t_fail(__FILE__, __LINE__, "store_open: %s", e->message);
}

void rig_close(struct rig *r)
{
	store_close(r->store);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	T_EQ(uv_loop_close(&r->loop), 0);
	store_content_fini(&r->content);
	free(r->dir);
}

struct err *rig_refused(const char *name)
{
	uv_loop_t loop;
	struct store_content content;
	struct err *e = NULL;
	autofree char *dir = in_dir("%s", name);

	T_EQ(uv_loop_init(&loop), 0);
	T_OK(!store_open(&loop, dir, &content, &e));
	T_OK(e != NULL);
	T_EQ(uv_loop_close(&loop), 0);
	return e;
}

const struct vm_record *rig_vm(const struct rig *r, const char *id)
{
	for (size_t i = 0; i < r->content.n_vms; i++)
		if (str_eq(r->content.vms[i].definition.id, id))
			return &r->content.vms[i];
	return NULL;
}

void outcome_fini(struct outcome *o)
{
	for (size_t i = 0; i < o->n_events; i++)
		event_fini(&o->events[i]);
	free(o->events);
	err_free(o->e);
}

static void note(struct outcome *o, const struct event *events, size_t n,
		 const struct err *e)
{
	static unsigned int number;

	o->calls++;
	o->number = ++number;
	o->e = err_dup(e);
	o->events = mem_array(n + 1, sizeof(*o->events));
	o->n_events = n;
	for (size_t i = 0; i < n; i++)
		event_copy(&events[i], &o->events[i]);
}

void committed(void *owner, struct event *events, size_t n, const struct err *e)
{
	note(owner, events, n, e);
}

void was_read(void *owner, const struct event *events, size_t n, const struct err *e)
{
	note(owner, events, n, e);
}

void rig_commit(struct rig *r, struct store_batch *b, struct outcome *out)
{
	store_commit(r->store, b, committed, out);
	/* An idle store does not keep the loop. */
	uv_run(&r->loop, UV_RUN_DEFAULT);
	T_EQ(out->calls, 1);
}

void rig_commit_ok(struct rig *r, struct store_batch *b)
{
	autofini(outcome) o = { 0 };

	rig_commit(r, b, &o);
	if (o.e)
		t_fail(__FILE__, __LINE__, "commit: %s", o.e->message);
	/* A read is answered behind the definition files of what came before. */
	autofini(outcome) read = { 0 };

	rig_read(r, UINT64_MAX, 1, &read);
}

void rig_read(struct rig *r, uint64_t after, size_t limit, struct outcome *out)
{
	store_read_events(r->store, after, limit, was_read, out);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	T_EQ(out->calls, 1);
}

const char *test_id(unsigned int n)
{
	static char ids[8][UUID_TEXT];
	static unsigned int next;
	char *id = ids[next++ % COUNT(ids)];

	snprintf(id, UUID_TEXT, "01900000-0000-7000-8000-%012x", n);
	return id;
}

struct vm_record test_vm(unsigned int n, const char *name, uint64_t revision)
{
	const char *id = test_id(n);
	struct vm_record vm;
	autoptr(err) e = NULL;
	autofree char *json = mem_printf(
		"{\"definition\":{\"schema_version\":1,\"id\":\"%s\","
		"\"project\":\"default\",\"name\":\"%s\",\"labels\":{\"a\":\"b\"},"
		"\"revision\":%llu,\"created_us\":1700000000000000,"
		"\"updated_us\":1700000000000001,\"protect\":false,\"machine\":\"pv-"
		"1\","
		"\"uuid\":\"%s\",\"cpus\":2,\"memory\":268435456,"
		"\"boot\":{\"kernel\":\"/boot/vmlinuz\",\"cmdline\":\"quiet "
		"\\\"x\\\"\"},"
		"\"debug_exit\":false,\"on_reboot\":\"restart\",\"ephemeral\":false},"
		"\"desired\":\"stopped\"}",
		id, name, (unsigned long long)revision, id);

	if (vm_record_parse(json, strlen(json), DECODE_STRICT, &vm, &e) < 0)
		t_fail(__FILE__, __LINE__, "record: %s", e->message);
	return vm;
}

struct event test_event(unsigned int n, const char *detail)
{
	return (struct event){
		.time_us = 1700000000000000,
		.project = mem_strdup("default"),
		.kind = OBJECT_KIND_VM,
		.id = mem_strdup(test_id(n)),
		.name = mem_strdup("vm"),
		.revision = 1,
		.type = EVENT_TYPE_CREATED,
		.reason = END_REASON_NONE,
		.detail = mem_strdup(detail),
		.actor = mem_strdup("uid:0"),
	};
}

struct store_batch *test_batch(unsigned int n, const char *name, uint64_t revision)
{
	struct store_batch *b = store_batch_new();
	autofini(vm_record) vm = test_vm(n, name, revision);
	autofini(event) ev = test_event(n, name);

	store_batch_put_vm(b, &vm);
	store_batch_event(b, &ev);
	return b;
}

char *read_file(const char *path, size_t *out_len)
{
	char *data;

	T_EQ(fd_read_file(AT_FDCWD, path, 1 << 28, &data, out_len), 0);
	return data;
}

void write_file(const char *path, const void *data, size_t len)
{
	autofd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	T_OK(fd >= 0);
	T_EQ(fd_write_all(fd, data, len), 0);
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static uint64_t sum_of(const char *data, size_t len)
{
	uint64_t h = 5381;

	for (size_t i = 0; i < len; i++)
		h = h * 33 + (unsigned char)data[i];
	return h;
}

static void look_below(const char *path, struct str *s)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);

	T_OK(n >= 0);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		autofree char *file = mem_printf("%s/%s", path, name);
		struct stat st;

		if (!str_eq(name, ".") && !str_eq(name, "..") &&
		    !str_eq(name, "lock")) {
			T_EQ(lstat(file, &st), 0);
			if (S_ISDIR(st.st_mode)) {
				str_addf(s, "%s:\n", name);
				look_below(file, s);
			} else {
				size_t len;
				autofree char *data = read_file(file, &len);

				str_addf(s, "%s %zu %llx\n", name, len,
					 (unsigned long long)sum_of(data, len));
			}
		}
		free(entries[i]);
	}
	free(entries);
}

char *look_at(const char *name)
{
	autofree char *dir = in_dir("%s", name);
	struct str s = { 0 };

	look_below(dir, &s);
	return str_steal(&s);
}

static void fill(struct rig *r, unsigned int n)
{
	for (unsigned int i = 1; i <= n; i++) {
		autofree char *vm = mem_printf("vm-%u", i);

		rig_commit_ok(r, test_batch(i, vm, 1));
	}
}

void make_killed_store(const char *name, unsigned int n)
{
	struct rig r;
	int status;
	pid_t pid = fork();

	T_OK(pid >= 0);
	if (pid == 0) {
		rig_open(&r, name);
		fill(&r, n);
		raise(SIGKILL);
	}
	T_EQ(waitpid(pid, &status, 0), pid);
	T_OK(WIFSIGNALED(status));
}

void make_closed_store(const char *name, unsigned int n)
{
	struct rig r;

	rig_open(&r, name);
	fill(&r, n);
	rig_close(&r);
}
