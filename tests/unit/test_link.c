/*
 * tests/unit/test_link.c - JSON-RPC over a packet socket
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/link_rig.h"

static void a_call_is_answered_once(void)
{
	struct world w;
	autofini(outcome) o = { 0 };

	world_init(&w);
	call(&w, "test.echo", "{\"a\":[1,\"x\"]}", 1000, &o);
	T_EQ(o.times, 0);
	SPIN_UNTIL(&w, o.times);
	T_EQ(o.code, 0);
	T_STR(o.text, "{\"a\":[1,\"x\"]}");
	spin_a_little(&w);
	T_EQ(o.times, 1);
	world_fini(&w);
}

static void an_error_arrives_with_all_that_belongs_to_it_and_no_control_bytes(void)
{
	struct world w;
	autofini(outcome) o = { 0 }, none = { 0 };

	world_init(&w);
	call(&w, "test.fail", "{}", 1000, &o);
	call(&w, "test.none", "{}", 1000, &none);
	SPIN_UNTIL(&w, o.times && none.times);
	T_EQ(o.code, ERR_CONFLICT);
	T_STR(o.text, "the guest?[2J is?paused");
	T_EQ(none.code, ERR_METHOD_NOT_FOUND);
	world_fini(&w);
}

static void descriptors_come_with_the_reply(void)
{
	struct world w;
	autofini(outcome) o = { 0 }, dropped = { 0 };
	char text[8] = "";

	world_init(&w);
	call(&w, "test.fds", "{}", 1000, &o);
	SPIN_UNTIL(&w, o.times);
	T_STR(o.text, "0");
	T_EQ(read(o.fd, text, sizeof(text)), 5);
	T_STR(text, "hello");
	world_fini(&w);
}

static void descriptors_come_with_a_call_that_takes_them(void)
{
	struct world w;
	int ends[2];
	char text[8] = "";
	static const char wants[] = HEAD "\"id\":1,\"method\":\"test.fds\"}";
	static const char no[] = HEAD "\"id\":2,\"method\":\"test.echo\"}";

	world_init_raw(&w, true);
	T_EQ(pipe2(ends, O_CLOEXEC), 0);
	T_EQ(channel_send_now(w.raw, wants, strlen(wants), &ends[1], 1), 0);
	expect(&w, HEAD "\"id\":1,\"result\":1}");
	T_EQ(read(ends[0], text, 5), 5);
	T_STR(text, "taken");
	T_EQ(channel_send_now(w.raw, no, strlen(no), &ends[1], 1), 0);
	close(ends[1]);
	expect_has(&w, "\"id\":2,\"error\":{\"code\":-32602,");
	T_EQ(read(ends[0], text, 1), 0); /* all copies are closed */
	close(ends[0]);
	world_fini(&w);
}

static void a_held_call_is_answered_later_even_with_an_error(void)
{
	struct world w;
	struct err *e = NULL;
	autofini(outcome) first = { 0 }, second = { 0 };

	world_init(&w);
	call(&w, "test.hold", "{}", -1, &first);
	call(&w, "test.hold", "{}", -1, &second);
	SPIN_UNTIL(&w, w.worker.n_held == 2);
	call_release(w.worker.held[1], NULL);
	SPIN_UNTIL(&w, second.times);
	T_STR(second.text, "\"held\"");
	err_set(&e, ERR_CONFLICT, "the guest has ended");
	call_release(w.worker.held[0], e);
	SPIN_UNTIL(&w, first.times);
	T_EQ(first.code, ERR_CONFLICT);
	world_fini(&w);
}

static void a_late_answer_is_ignored_after_its_timeout(void)
{
	struct world w;
	autofini(outcome) quick = { 0 }, slow = { 0 }, next = { 0 };

	world_init(&w);
	call(&w, "test.hold", "{}", 60, &slow);
	call(&w, "test.hold", "{}", 20, &quick);
	SPIN_UNTIL(&w, quick.times);
	T_EQ(quick.code, ERR_TIMEOUT);
	T_EQ(slow.times, 0);
	SPIN_UNTIL(&w, slow.times);
	T_EQ(slow.code, ERR_TIMEOUT);
	call_release(w.worker.held[0], NULL);
	call_release(w.worker.held[1], NULL);
	call(&w, "test.echo", "{}", 1000, &next);
	SPIN_UNTIL(&w, next.times);
	T_EQ(next.code, 0);
	T_EQ(slow.times + quick.times, 2);
	T_EQ(w.vxd.hangups, 0);
	world_fini(&w);
}

static void calls_without_an_answer_are_bounded_on_both_sides(void)
{
	struct world w;
	autofini(outcome) o = { 0 };
	autoptr(err) e = NULL;

	world_init(&w);
	for (int i = 0; i < LINK_CALLS_MAX; i++)
		call(&w, "test.hold", "{}", -1, &o);
	T_EQ(link_call(w.vxd.link, "test.hold", NULL, done, &o, -1, &e), -1);
	T_EQ(e->code, ERR_NO_CAPACITY);
	SPIN_UNTIL(&w, w.worker.n_held == LINK_CALLS_MAX);
	for (size_t i = 0; i < LINK_CALLS_MAX; i++)
		call_release(w.worker.held[i], NULL);
	SPIN_UNTIL(&w, o.times == LINK_CALLS_MAX);
	world_fini(&w);

	world_init_raw(&w, true);
	for (int i = 0; i <= LINK_CALLS_MAX; i++) {
		put(&w, HEAD "\"id\":1,\"method\":\"test.hold\"}");
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	expect_has(&w, "\"id\":1,\"error\":{\"code\":-1005,");
	T_EQ(w.worker.n_held, LINK_CALLS_MAX);
	link_close(steal(w.worker.link));
	for (size_t i = 0; i < LINK_CALLS_MAX; i++)
		call_release(w.worker.held[i], NULL);
	world_fini(&w);
}

static void notes_go_from_the_server_to_the_other_side(void)
{
	struct world w;

	world_init(&w);
	T_EQ(link_note(w.worker.link, "test.phase",
		       json_pack("{s:s}", "phase", "ending")),
	     0);
	SPIN_UNTIL(&w, w.vxd.notes == 1);
	T_STR(w.vxd.last, "test.phase {\"phase\":\"ending\"}");
	T_EQ(link_note(w.worker.link, "test.plain", NULL), 0);
	SPIN_UNTIL(&w, w.vxd.notes == 2);
	T_STR(w.vxd.last, "test.plain {}");
	world_fini(&w);
}

static void what_is_too_large_is_refused_and_harms_nothing(void)
{
	struct world w;
	static char text[CHANNEL_MESSAGE_MAX];
	autofini(outcome) o = { 0 };
	autoptr(err) e = NULL;

	world_init(&w);
	memset(text, 'x', sizeof(text) - 1);
	T_EQ(link_note(w.worker.link, "test.x", json_pack("{s:s}", "a", text)),
	     -EMSGSIZE);
	T_EQ(link_call(w.vxd.link, "test.echo", json_pack("{s:s}", "a", text), done, &o,
		       100, &e),
	     -1);
	T_EQ(e->code, ERR_INVALID_PARAMS);
	call(&w, "test.huge", "{}", 1000, &o);
	SPIN_UNTIL(&w, o.times);
	T_EQ(o.code, ERR_INTERNAL);
	T_HAS(o.text, "does not fit");
	world_fini(&w);
}

static void when_the_peer_goes_every_call_fails_first(void)
{
	struct world w;
	autofini(outcome) a = { 0 }, b = { 0 }, after = { 0 };

	world_init(&w);
	call(&w, "test.hold", "{}", -1, &a);
	call(&w, "test.hold", "{}", -1, &b);
	SPIN_UNTIL(&w, w.worker.n_held == 2);
	link_close(steal(w.worker.link));
	SPIN_UNTIL(&w, w.vxd.hangups);
	T_OK(w.vxd.hung_up_in_order);
	T_EQ(a.code, ERR_UNAVAILABLE);
	T_EQ(a.times + b.times, 2);
	call_release(w.worker.held[0], NULL);
	world_fini(&w);
	call_release(w.worker.held[1], NULL);
}

static void closing_fails_calls_and_does_not_hang_up(void)
{
	struct world w;
	autofini(outcome) o = { 0 };

	world_init(&w);
	call(&w, "test.hold", "{}", -1, &o);
	link_close(steal(w.vxd.link));
	T_EQ(o.times, 1);
	T_EQ(o.code, ERR_UNAVAILABLE);
	spin_a_little(&w);
	T_EQ(w.vxd.hangups, 0);
	T_EQ(w.worker.hangups, 1);
	for (size_t i = 0; i < w.worker.n_held; i++)
		call_release(w.worker.held[i], NULL);
	world_fini(&w);
}

static void a_link_may_be_closed_from_within_anything(void)
{
	struct world w;
	autofini(outcome) o = { 0 }, other = { 0 }, left = { 0 };

	world_init(&w);
	o.close_in_done = &w.vxd.link;
	call(&w, "test.echo", "{}", 1000, &o);
	call(&w, "test.hold", "{}", -1, &other);
	SPIN_UNTIL(&w, o.times);
	T_OK(!w.vxd.link);
	T_EQ(other.code, ERR_UNAVAILABLE);
	SPIN_UNTIL(&w, w.worker.hangups);
	for (size_t i = 0; i < w.worker.n_held; i++)
		call_release(w.worker.held[i], NULL);
	world_fini(&w);

	world_init(&w);
	call(&w, "test.leave", "{}", 1000, &left);
	SPIN_UNTIL(&w, left.times);
	T_EQ(left.code, ERR_UNAVAILABLE);
	world_fini(&w);

	outcome_fini(&o);
	o = (struct outcome){ .close_in_done = &w.vxd.link };
	world_init(&w);
	call(&w, "test.hold", "{}", 10, &o);
	SPIN_UNTIL(&w, o.times);
	T_EQ(o.code, ERR_TIMEOUT);
	call_release(w.worker.held[0], NULL);
	world_fini(&w);
}

static void what_is_no_message_is_hung_up_on(void)
{
	static const char *const bad[] = {
		"x",
		"1",
		"[]",
		"[" HEAD "\"id\":1,\"method\":\"test.echo\"}]",
		"{}",
		HEAD "\"id\":1}",
		HEAD "\"id\":1,\"result\":1,\"error\":{}}",
		HEAD "\"id\":[],\"method\":\"test.echo\"}",
		HEAD "\"id\":1,\"id\":1,\"method\":\"test.echo\"}",
		HEAD "\"id\":1,\"method\":\"test.echo\"} {}",
		"{\"id\":1,\"method\":\"test.echo\"}",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct world w;

		world_init_raw(&w, true);
		put(&w, bad[i]);
		SPIN_UNTIL(&w, w.worker.hangups);
		T_OK(!w.worker.hung_up_in_order);
		T_HAS(w.worker.last, "not JSON-RPC");
		world_fini(&w);
	}
}

static void what_nobody_waits_for_is_ignored(void)
{
	struct world w;
	autofini(outcome) o = { 0 };
	static const char late[] = HEAD "\"id\":99,\"result\":{}}";
	int ends[2];
	char c;

	world_init_raw(&w, false);
	call(&w, "test.any", "{}", -1, &o);
	expect(&w, HEAD "\"id\":1,\"method\":\"test.any\",\"params\":{}}");
	T_EQ(pipe2(ends, O_CLOEXEC), 0);
	T_EQ(channel_send_now(w.raw, late, strlen(late), &ends[1], 1), 0);
	close(ends[1]);
	put(&w, HEAD "\"id\":\"1\",\"result\":{}}");
	put(&w, HEAD "\"id\":null,\"error\":{\"code\":-32700,\"message\":\"?\"}}");
	put(&w, HEAD "\"id\":1.0,\"result\":{}}");
	put(&w, HEAD "\"id\":1,\"result\":[7]}");
	put(&w, HEAD "\"id\":1,\"result\":[8]}");
	SPIN_UNTIL(&w, o.times);
	spin_a_little(&w);
	T_EQ(o.times, 1);
	T_STR(o.text, "[7]");
	T_EQ(read(ends[0], &c, 1), 0);
	close(ends[0]);
	/* This side serves nothing. */
	put(&w, HEAD "\"id\":5,\"method\":\"vm.kill\"}");
	expect_has(&w, "\"id\":5,\"error\":{\"code\":-32601,");
	T_EQ(w.vxd.hangups, 0);
	world_fini(&w);
}

static void answers_that_are_never_read_end_the_link(void)
{
	struct world w;
	static const char request[] = HEAD "\"id\":1,\"method\":\"test.huge\"}";

	world_init_raw(&w, true);
	for (int i = 0; i < 100000 && !w.worker.hangups; i++) {
		ssize_t n = send(w.raw, request, strlen(request),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		T_OK(n > 0 || errno == EAGAIN || errno == EPIPE);
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	T_EQ(w.worker.hangups, 1);
	T_HAS(w.worker.last, "does not read");
	world_fini(&w);
}

static void nothing_can_be_called_on_what_is_gone(void)
{
	struct world w;
	autofini(outcome) o = { 0 };
	autoptr(err) e = NULL;

	world_init_raw(&w, false);
	close(steal_fd(&w.raw));
	T_EQ(link_call(w.vxd.link, "test.echo", NULL, done, &o, 10, &e), -1);
	T_EQ(e->code, ERR_UNAVAILABLE);
	T_OK(link_note(w.vxd.link, "test.echo", NULL) < 0);
	T_EQ(o.times, 0);
	SPIN_UNTIL(&w, w.vxd.hangups);
	world_fini(&w);
	link_close(NULL);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_call_is_answered_once),
		T_CASE(an_error_arrives_with_all_that_belongs_to_it_and_no_control_bytes),
		T_CASE(descriptors_come_with_the_reply),
		T_CASE(descriptors_come_with_a_call_that_takes_them),
		T_CASE(a_held_call_is_answered_later_even_with_an_error),
		T_CASE(a_late_answer_is_ignored_after_its_timeout),
		T_CASE(calls_without_an_answer_are_bounded_on_both_sides),
		T_CASE(notes_go_from_the_server_to_the_other_side),
		T_CASE(what_is_too_large_is_refused_and_harms_nothing),
		T_CASE(when_the_peer_goes_every_call_fails_first),
		T_CASE(closing_fails_calls_and_does_not_hang_up),
		T_CASE(a_link_may_be_closed_from_within_anything),
		T_CASE(what_is_no_message_is_hung_up_on),
		T_CASE(what_nobody_waits_for_is_ignored),
		T_CASE(answers_that_are_never_read_end_the_link),
		T_CASE(nothing_can_be_called_on_what_is_gone),
	};

	return T_RUN(cases);
}
