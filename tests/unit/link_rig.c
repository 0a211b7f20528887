/*
 * tests/unit/link_rig.c - two links on one socket, or one and a raw other side
 */
#include "tests/unit/link_rig.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

static int test_echo(struct call *call, const struct json_t *params,
		     struct json_t **result, struct err **e)
{
	*result = json_incref((json_t *)(uintptr_t)params);
	return 0;
}

static int test_fail(struct call *call, const struct json_t *params,
		     struct json_t **result, struct err **e)
{
	err_set(e, ERR_CONFLICT, "the guest\x1b[2J is\npaused");
	err_hint(e, "resume it");
	(*e)->last_words = mem_strdup("one\ntwo\a\n");
	return -1;
}

static int test_fds(struct call *call, const struct json_t *params,
		    struct json_t **result, struct err **e)
{
	int ends[2];
	size_t n;
	int *came = call_fds(call, &n);

	T_EQ(pipe2(ends, O_CLOEXEC), 0);
	T_EQ(write(ends[1], "hello", 5), 5);
	if (n) {
		T_EQ(write(came[0], "taken", 5), 5);
		close(steal_fd(&came[0]));
	}
	call_reply_fds(call, ends, 1);
	close(ends[0]);
	close(ends[1]);
	*result = json_integer((json_int_t)n);
	return 0;
}

static int test_hold(struct call *call, const struct json_t *params,
		     struct json_t **result, struct err **e)
{
	struct end *end = call_app(call);

	T_OK(!call_conn(call));
	T_EQ(call_peer(call)->pid, getpid());
	call_hold(call);
	end->held[end->n_held++] = call;
	*result = json_string("held");
	return 0;
}

static int test_huge(struct call *call, const struct json_t *params,
		     struct json_t **result, struct err **e)
{
	static char text[CHANNEL_MESSAGE_MAX];

	memset(text, 'x', sizeof(text) - 1);
	*result = json_string(text);
	return 0;
}

/* The server ends the conversation from within a call. */
static int test_leave(struct call *call, const struct json_t *params,
		      struct json_t **result, struct err **e)
{
	struct end *end = call_app(call);

	link_close(steal(end->link));
	*result = json_true();
	return 0;
}

static const struct rpc_method methods[] = {
	{ "test.echo", "w", false, test_echo },
	{ "test.fail", "w", false, test_fail },
	{ "test.fds", "w", true, test_fds },
	{ "test.hold", "w", false, test_hold },
	{ "test.huge", "w", false, test_huge },
	{ "test.leave", "w", false, test_leave },
};

/* -- the world */

static void took_note(void *app, const char *method, const char *params)
{
	struct end *end = app;

	end->notes++;
	free(end->last);
	end->last = mem_printf("%s %s", method, params);
}

static void hung_up(void *app, const struct err *why)
{
	struct end *end = app;

	end->hangups++;
	end->hung_up_in_order = !why;
	free(end->last);
	end->last = why ? mem_strdup(why->message) : NULL;
	link_close(steal(end->link));
}

static struct link *open_link(struct world *w, struct end *end, int fd, bool serves)
{
	struct link_config config = { .app = end, .hangup = hung_up };
	autoptr(err) e = NULL;

	if (serves)
		config.table =
			(struct rpc_method_table){ methods, COUNT(methods), NULL };
	else
		config.note = took_note;
	end->link = link_new(&w->loop, fd, &config, &e);
	T_OK(end->link && link_fd(end->link) == fd);
	return end->link;
}

void world_init_raw(struct world *w, bool serves)
{
	int fds[2];

	memset(w, 0, sizeof(*w));
	uv_loop_init(&w->loop);
	T_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	w->raw = fds[0];
	open_link(w, serves ? &w->worker : &w->vxd, fds[1], serves);
}

void world_init(struct world *w)
{
	world_init_raw(w, true);
	open_link(w, &w->vxd, w->raw, false);
	w->raw = -1;
}

void world_fini(struct world *w)
{
	link_close(w->vxd.link);
	link_close(w->worker.link);
	cleanup_close(&w->raw);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	T_EQ(uv_loop_close(&w->loop), 0);
	free(w->vxd.last);
	free(w->worker.last);
}

void spin_a_little(struct world *w)
{
	for (int i = 0; i < 20; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 1);
	}
}

void outcome_fini(struct outcome *o)
{
	free(o->text);
	if (o->fd > 0)
		close(o->fd);
}

void done(void *owner, const struct json_t *result, int *fds, size_t n_fds,
	  struct err *e)
{
	struct outcome *o = owner;

	T_OK((result == NULL) != (e == NULL));
	o->times++;
	o->code = e ? e->code : 0;
	free(o->text);
	o->text = e ? mem_strdup(e->message)
		    : json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY);
	if (n_fds)
		o->fd = steal_fd(&fds[0]);
	if (e && e->hint)
		T_STR(e->hint, "resume it");
	if (e && e->last_words)
		T_STR(e->last_words, "one\ntwo?\n");
	if (o->close_in_done)
		link_close(steal(*o->close_in_done));
}

void call(struct world *w, const char *method, const char *params, int timeout_ms,
	  struct outcome *o)
{
	autoptr(err) e = NULL;

	if (link_call(w->vxd.link, method, json_loads(params, 0, NULL), done, o,
		      timeout_ms, &e) < 0)
		t_fail(__FILE__, __LINE__, "%s: %s", method, e->message);
}

void put(struct world *w, const char *text)
{
	T_EQ(channel_send_now(w->raw, text, strlen(text), NULL, 0), 0);
}

char *get(struct world *w)
{
	autofini(channel_message) m = { 0 };
	struct pollfd p = { .fd = w->raw, .events = POLLIN };

	SPIN_UNTIL(w, poll(&p, 1, 0) == 1);
	if (channel_recv_now(w->raw, &m) < 0)
		return NULL;
	return steal(m.data);
}

void expect(struct world *w, const char *want)
{
	autofree char *got = get(w);

	T_STR(got, want);
}

void expect_has(struct world *w, const char *part)
{
	autofree char *got = get(w);

	T_HAS(got, part);
}
