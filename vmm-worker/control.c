/*
 * vmm-worker/control.c - what vxd may ask of a worker
 *
 * Only our own user and root may connect, and nothing but worker.hello is heard
 * before it has named the database that this worker obeys. The newest vxd that has
 * said hello replaces the one before; its disappearance changes nothing.
 *
 * Seen from our user namespace, everybody who has no place in it is nobody: under a
 * vxd of root, which makes us nobody, the check of the peer lets all pass and it is
 * the directory of the socket, vxd's alone, that keeps others away.
 */
#include "vmm-worker/worker.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "schema/gen/worker_table.h"
#include "schema/runtime.h"
#include "vmm-worker/hw/hw.h"

#define BACKLOG 4

static void controller_close(struct controller *c)
{
	if (!c)
		return;
	link_close(c->link);
	free(c);
}

static void controller_gone(void *app, const struct err *why)
{
	struct controller *c = app;
	struct worker *w = c->worker;

	if (w->current == c)
		w->current = NULL;
	if (w->newcomer == c)
		w->newcomer = NULL;
	controller_close(c);
}

static bool peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == getuid());
}

static void add_newcomer(struct worker *w, int fd)
{
	struct controller *c = mem_new(struct controller);
	struct link_config config = {
		.table = { worker_methods, worker_methods_count, NULL },
		.app = c,
		.hangup = controller_gone,
	};

	c->worker = w;
	c->link = link_new(&w->loop, fd, &config, NULL);
	if (!c->link) {
		free(c);
		return;
	}
	controller_close(w->newcomer);
	w->newcomer = c;
}

static void listener_ready(uv_poll_t *poll, int status, int events)
{
	struct worker *w = container_of(poll, struct worker, listener);
	autofd int fd = accept4(worker_fd_of(w, FD_ROLE_CONTROL, 0), NULL, NULL,
				SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 && peer_allowed(fd))
		add_newcomer(w, steal_fd(&fd));
}

int control_listen(struct worker *w, struct err **e)
{
	int fd = worker_fd_of(w, FD_ROLE_CONTROL, 0);
	int rc;

	if (listen(fd, BACKLOG) < 0)
		return err_sys(e, errno, "listen on the control socket");
	rc = uv_poll_init(&w->loop, &w->listener, fd);
	if (rc == 0)
		rc = uv_poll_start(&w->listener, UV_READABLE, listener_ready);
	return rc < 0 ? err_sys(e, rc, "wait on the control socket") : 0;
}

void control_close(struct worker *w)
{
	controller_close(steal(w->current));
	controller_close(steal(w->newcomer));
}

/* The worker, for a caller that has said hello. */
static struct worker *greeted(struct call *call, struct err **e)
{
	struct controller *c = call_app(call);

	if (c->worker->current == c)
		return c->worker;
	err_set(e, ERR_PERMISSION_DENIED, "say worker.hello first");
	return NULL;
}

static int refuse_phase(const struct worker *w, struct err **e)
{
	return err_set(e, ERR_CONFLICT, "the guest is %s", worker_phase_name(w->phase));
}

static int check_database(struct worker *w, const struct worker_hello_params *p,
			  struct err **e)
{
	if (!str_eq(p->db_id, w->start.db_id))
		return err_set(e, ERR_PERMISSION_DENIED,
			       "this worker obeys the database %s", w->start.db_id);
	if (p->db_epoch < w->start.db_epoch)
		return err_set(e, ERR_PERMISSION_DENIED,
			       "this worker obeys epoch %llu of its database or later",
			       (unsigned long long)w->start.db_epoch);
	return 0;
}

int worker_hello(struct call *call, const struct worker_hello_params *p,
		 struct worker_hello_result *out, struct err **e)
{
	struct controller *c = call_app(call);
	struct worker *w = c->worker;
	int fds[] = { worker_fd_of(w, FD_ROLE_CONSOLE_RING, 0),
		      worker_fd_of(w, FD_ROLE_CONSOLE_KICK, 0) };

	if (p->protocol_min > WORKER_PROTOCOL || p->protocol_max < WORKER_PROTOCOL)
		return err_set(e, ERR_UNSUPPORTED, "this worker speaks protocol %u",
			       WORKER_PROTOCOL);
	if (check_database(w, p, e) < 0)
		return -1;
	w->start.db_epoch = p->db_epoch;
	if (w->current != c) {
		controller_close(w->current);
		w->current = c;
		w->newcomer = NULL;
	}
	out->protocol = WORKER_PROTOCOL;
	out->build = mem_strdup(VX_VERSION);
	vm_definition_copy(&w->start.vm, &out->vm);
	out->instance = w->start.instance;
	out->phase = w->phase;
	call_reply_fds(call, fds, COUNT(fds));
	return 0;
}

int worker_power_button(struct call *call, const struct worker_power_button_params *p,
			struct worker_power_button_result *out, struct err **e)
{
	struct worker *w = greeted(call, e);

	if (!w)
		return -1;
	if (w->phase != WORKER_PHASE_RUNNING && w->phase != WORKER_PHASE_PAUSED)
		return refuse_phase(w, e);
	ich9_pm_power_button(w->machine->pm);
	return 0;
}

int worker_console_write(struct call *call, const struct worker_console_write_params *p,
			 struct worker_console_write_result *out, struct err **e)
{
	struct worker *w = greeted(call, e);
	autofree void *data = NULL;
	size_t len = 0;

	if (!w)
		return -1;
	if (base64_decode(p->data, &data, &len) < 0)
		return err_set(e, ERR_INVALID_PARAMS, "data is not base64");
	if (console_input(&w->console, data, len) < 0)
		return err_set(e, ERR_NO_CAPACITY,
			       "the guest does not read its console: more than %u "
			       "bytes would wait",
			       CONSOLE_INPUT_MAX);
	return 0;
}

int worker_pause(struct call *call, const struct worker_pause_params *p,
		 struct worker_pause_result *out, struct err **e)
{
	struct worker *w = greeted(call, e);

	if (!w)
		return -1;
	if (w->phase != WORKER_PHASE_RUNNING)
		return refuse_phase(w, e);
	machine_hold(w->machine);
	if (machine_end_get(w->machine).reason != END_REASON_NONE)
		return err_set(e, ERR_CONFLICT, "the guest has just ended");
	worker_set_phase(w, WORKER_PHASE_PAUSED);
	return 0;
}

int worker_resume(struct call *call, const struct worker_resume_params *p,
		  struct worker_resume_result *out, struct err **e)
{
	struct worker *w = greeted(call, e);

	if (!w)
		return -1;
	if (w->phase != WORKER_PHASE_PAUSED)
		return refuse_phase(w, e);
	if (machine_go(w->machine, e) < 0)
		return -1;
	worker_set_phase(w, WORKER_PHASE_RUNNING);
	return 0;
}

int worker_quit(struct call *call, const struct worker_quit_params *p,
		struct worker_quit_result *out, struct err **e)
{
	struct worker *w = greeted(call, e);

	if (!w)
		return -1;
	/* Seen by the loop after this reply has left. */
	w->quitting = true;
	machine_end(w->machine, END_REASON_KILL, 0, "%s", "");
	uv_async_send(&w->guest_ended); /* also where a restart is waited for */
	return 0;
}
