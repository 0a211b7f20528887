/*
 * daemon/recover.c - vxd --recover
 *
 * Every instance's directory below RUNTIME/vms is visited: a worker that answers on its
 * control socket says which VM it runs, which is taken into the new database as it is.
 */
#include "daemon/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/keeper_id.h"
#include "daemon/spawn.h"
#include "rpc/link.h"
#include "schema/gen/worker_client.h"

#define ANSWER_MS 3000
#define IDENTITY_MAX 4096

struct search {
	struct vxd *d;
	struct vm_record *found; /* owned */
	size_t n;
	/* The worker that is being asked. */
	const char *vm;
	uint64_t number;
	int dir;
};

static void add_found(struct search *s, const struct worker_hello_result *r)
{
	struct instance_record *in = mem_new(struct instance_record);
	struct vm_record *rec;

	in->number = r->instance;
	in->boot_id = mem_strdup(s->d->boot_id);
	in->started_us = clock_wall_us();
	keeper_id_read(s->dir, &in->keeper_pid, &in->keeper_start);
	s->found = mem_grow(s->found, s->n + 1, sizeof(*s->found));
	rec = &s->found[s->n++];
	*rec = (struct vm_record){ .desired = DESIRED_STATE_RUNNING, .instance = in };
	vm_definition_copy(&r->vm, &rec->definition);
}

static void answered(void *owner, struct worker_hello_result *r, int *fds, size_t n,
		     struct err *e)
{
	struct search *s = owner;

	/* A worker speaks for itself alone. */
	if (r && str_eq(r->vm.id, s->vm) && r->instance == s->number)
		add_found(s, r);
	uv_stop(&s->d->loop);
}

static void hung_up(void *app, const struct err *why)
{
	struct search *s = app;

	uv_stop(&s->d->loop);
}

static void too_late(void *owner)
{
	struct search *s = owner;

	uv_stop(&s->d->loop);
}

static void ask_worker(struct search *s)
{
	const struct link_config config = { .app = s, .hangup = hung_up };
	const struct worker_hello_params p = { .protocol_min = WORKER_PROTOCOL,
					       .protocol_max = WORKER_PROTOCOL,
					       .db_id = s->d->identity.db_id,
					       .db_epoch = s->d->identity.db_epoch };
	pid_t worker;
	int fd = control_connect(s->dir, &worker);
	struct link *link = fd < 0 ? NULL : link_new(&s->d->loop, fd, &config, NULL);
	struct timer *limit;

	if (!link)
		return;
	limit = timer_new(&s->d->loop, too_late, s);
	timer_set(limit, ANSWER_MS);
	if (link_worker_hello(link, &p, answered, s, NULL) == 0)
		uv_run(&s->d->loop, UV_RUN_DEFAULT);
	timer_free(limit);
	link_close(link);
	uv_run(&s->d->loop, UV_RUN_NOWAIT);
}

static void visit_instance(void *owner, const char *number)
{
	struct search *s = owner;
	autofd int dir = -1;

	s->number = strtoull(number, NULL, 10);
	dir = s->dir = instance_dir_open(s->d, s->vm, s->number);
	if (dir >= 0)
		ask_worker(s);
}

static void visit_vm(void *owner, const char *vm)
{
	struct search *s = owner;

	s->vm = vm;
	fd_each_entry(s->d->vms_dir, vm, visit_instance, s);
}

/* Without it no worker obeys: then only the definitions can be had. */
static void read_identity(struct vxd *d)
{
	autofree char *path = mem_printf("%s/identity.json", d->paths.state);
	autofree char *text = NULL;
	size_t len;

	/* With the epoch as it is: should nothing come of this, they still obey who was
	 * their master before. */
	if (fd_read_file(AT_FDCWD, path, IDENTITY_MAX, &text, &len) == 0)
		database_identity_parse(text, len, DECODE_LENIENT, &d->identity, NULL);
}

int recover(struct vxd *d, struct err **e)
{
	struct search s = { .d = d };
	autofree char *report = NULL;
	int rc;

	read_identity(d);
	if (d->identity.db_id)
		fd_each_entry(d->vms_dir, ".", visit_vm, &s);
	rc = store_recover(d->paths.state, s.found, s.n, &report, e);
	if (rc == 0)
		fputs(report, stdout);
	for (size_t i = 0; i < s.n; i++)
		vm_record_fini(&s.found[i]);
	free(s.found);
	return rc;
}
