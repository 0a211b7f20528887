/*
 * tests/unit/test_rpc_conn.c - how connections begin, what bounds them, how they end
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/rpc_rig.h"

static void a_client_may_shut_down_its_side_and_get_its_answers(void)
{
	struct world w;

	world_init(&w);

	autofd int fd = client(&w);

	put(&w, fd, REQUEST("test.hold", 1) "\n" REQUEST("test.echo", 2));
	shutdown(fd, SHUT_WR);
	expect(&w, fd, HEAD "\"id\":2,\"result\":{}}");
	expect_silence(&w, fd);
	call_release(w.held[0], NULL);
	expect(&w, fd, HEAD "\"id\":1,\"result\":\"held\"}");
	expect_end(&w, fd);
	T_EQ(w.gone, 1);
	world_fini(&w);
}

static void what_was_sent_before_going_is_done(void)
{
	struct world w;
	autofini(str) text = { 0 };

	world_init(&w);

	int fd = client(&w);

	for (int i = 0; i < 1000; i++)
		str_addf(&text, HEAD "\"id\":%d,\"method\":\"test.note\"}\n", i);
	put(&w, fd, text.data);
	close(fd);
	SPIN_UNTIL(&w, w.gone == 1);
	T_EQ(w.noted, 1000);
	world_fini(&w);
}

static void calls_under_way_are_bounded(void)
{
	struct world w;

	world_init(&w);

	autofd int fd = client(&w);

	for (int i = 0; i < RPC_CALLS_MAX; i++)
		put(&w, fd, REQUEST("test.hold", 1) "\n");
	put(&w, fd, REQUEST("test.note", 2) "\n");
	expect_has(&w, fd, "\"id\":2,\"error\":{\"code\":-1005,");
	T_EQ(w.n_held, RPC_CALLS_MAX);
	for (size_t i = 0; i < w.n_held; i++)
		call_release(w.held[i], NULL);
	for (size_t i = 0; i < w.n_held; i++)
		expect(&w, fd, HEAD "\"id\":1,\"result\":\"held\"}");
	put(&w, fd, REQUEST("test.note", 3) "\n");
	expect(&w, fd, TRUE_ANSWER(3));
	world_fini(&w);
}

static void a_line_that_is_too_long_is_told_and_ends_it(void)
{
	struct world w;
	size_t len = 3 * RPC_REQUEST_MAX;
	autofree char *text = mem_alloc(len);

	world_init(&w);
	memset(text, ' ', len);

	autofd int longer = client(&w), just_over = client(&w);

	T_OK(put_bytes(&w, longer, text, len));
	expect_has(&w, longer, "\"id\":null,\"error\":{\"code\":-32600,");
	expect_end(&w, longer);
	T_OK(put_bytes(&w, just_over, text, RPC_REQUEST_MAX + 1));
	expect_has(&w, just_over, "\"id\":null,\"error\":{\"code\":-32600,");
	expect_end(&w, just_over);
	SPIN_UNTIL(&w, w.gone == 2); /* though the clients are still there */
	world_fini(&w);
}

static void a_line_of_the_greatest_length_is_served(void)
{
	struct world w;
	autofree char *text =
		mem_printf("%-*s\n", RPC_REQUEST_MAX, REQUEST("test.note", 1));

	world_init(&w);

	autofd int fd = client(&w);

	T_OK(put_bytes(&w, fd, text, RPC_REQUEST_MAX + 1));
	expect(&w, fd, TRUE_ANSWER(1));
	world_fini(&w);
}

static void json_that_is_too_deep_is_refused(void)
{
	struct world w;
	autofini(str) text = { 0 };

	world_init(&w);

	autofd int fd = client(&w);

	str_add(&text, HEAD "\"id\":1,\"method\":\"test.echo\",\"params\":{\"a\":");
	for (int i = 0; i < 100000; i++)
		str_add_char(&text, '[');
	str_add_char(&text, '\n');
	put(&w, fd, text.data);
	expect_has(&w, fd, "\"id\":null,\"error\":{\"code\":-32600,");
	world_fini(&w);
}

static void note_drained(void *owner)
{
	struct world *w = owner;

	w->drained++;
}

static struct rpc_conn *subscribe(struct world *w, int fd)
{
	put(w, fd, REQUEST("test.subscribe", 1) "\n");
	expect(w, fd, TRUE_ANSWER(1));
	T_OK(w->conn);
	return w->conn;
}

static void what_a_slow_reader_makes_wait_is_bounded_and_drains(void)
{
	struct world w;
	autofree char *chunk = mem_alloc(100000);
	int sent = 0;

	world_init(&w);
	memset(chunk, '1', 99999);

	autofd int fd = client(&w);
	struct rpc_conn *conn = subscribe(&w, fd);

	rpc_conn_on_drain(conn, note_drained, &w);
	while (rpc_conn_send(conn, chunk, 99999) == 0) {
		sent++;
		uv_run(&w.loop, UV_RUN_NOWAIT);
		T_OK(rpc_conn_unsent(conn) <= RPC_OUTPUT_MAX);
	}
	T_EQ(rpc_conn_send(conn, chunk, 99999), -ENOBUFS);
	T_OK(rpc_conn_unsent(conn) > RPC_OUTPUT_MAX - 100000);
	T_EQ(w.drained, 0);
	for (; sent; sent--)
		expect(&w, fd, chunk);
	T_EQ(w.drained, 1);
	T_EQ(rpc_conn_unsent(conn), 0);
	world_fini(&w);
}

static void one_who_reads_nothing_is_not_read_from(void)
{
	struct world w;
	static const char text[] = HEAD
		"\"id\":1,\"method\":\"test.big\",\"params\":{\"n\":1000000}}\n" HEAD
		"\"method\":\"test.note\"}\n";

	world_init(&w);

	autofd int fd = client(&w);

	for (int i = 0; i < 20; i++)
		put(&w, fd, text);
	spin_for(&w, 50);
	T_OK(w.noted < 10);
	for (int i = 0; i < 20; i++)
		expect_has(&w, fd, "xxxx");
	SPIN_UNTIL(&w, w.noted == 20);
	world_fini(&w);
}

static void held_answers_that_pile_up_end_the_connection(void)
{
	struct world w;
	autofree char *chunk = mem_alloc(RPC_OUTPUT_MAX);

	world_init(&w);
	memset(chunk, '1', RPC_OUTPUT_MAX - 1);

	autofd int fd = client(&w);
	struct rpc_conn *conn = subscribe(&w, fd);

	put(&w, fd, REQUEST("test.hold", 2) "\n");
	SPIN_UNTIL(&w, w.n_held == 1);
	T_EQ(rpc_conn_send(conn, chunk, RPC_OUTPUT_MAX - 1), 0);
	call_release(w.held[0], NULL);
	SPIN_UNTIL(&w, w.gone == 1);
	world_fini(&w);
}

static void a_connection_ends_after_what_is_queued(void)
{
	struct world w;
	autofree char *chunk = mem_alloc(2000001);

	world_init(&w);
	memset(chunk, '1', 2000000);

	autofd int fd = client(&w);
	struct rpc_conn *conn = subscribe(&w, fd);

	T_EQ(rpc_conn_send(conn, chunk, 2000000), 0);
	rpc_conn_end(conn);
	T_EQ(rpc_conn_send(conn, "1", 1), -EPIPE);
	expect(&w, fd, chunk);
	expect_end(&w, fd);

	autofd int other = client(&w);

	put(&w, other, REQUEST("test.end", 1) "\n" REQUEST("test.note", 2) "\n");
	expect(&w, other, TRUE_ANSWER(1));
	expect_end(&w, other);
	T_EQ(w.noted, 0);
	world_fini(&w);
}

static void closing_waits_for_what_is_under_way(void)
{
	struct world w;

	world_init(&w);

	autofd int idle = client(&w), busy = client(&w);

	put(&w, idle, REQUEST("test.note", 1) "\n");
	expect(&w, idle, TRUE_ANSWER(1));
	put(&w, busy, REQUEST("test.hold", 2) "\n");
	SPIN_UNTIL(&w, w.n_held == 1);
	rpc_server_close(w.server, server_closed);
	expect_end(&w, idle);
	spin_for(&w, 20);
	T_OK(!w.closed);
	call_release(w.held[0], NULL);
	expect(&w, busy, HEAD "\"id\":2,\"result\":\"held\"}");
	expect_end(&w, busy);
	SPIN_UNTIL(&w, w.closed);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	T_EQ(uv_loop_close(&w.loop), 0);
}

static void a_server_without_clients_closes(void)
{
	struct world w;

	world_init(&w);
	world_fini(&w);
}

static void many_clients_at_once(void)
{
	struct world w;
	int fds[100];

	world_init(&w);
	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = client(&w);
	for (int round = 0; round < 10; round++) {
		for (size_t i = 0; i < COUNT(fds); i++)
			put(&w, fds[i],
			    REQUEST("test.hold_briefly", 1) "\n" REQUEST("test.note",
									 2) "\n");
		for (size_t i = 0; i < COUNT(fds); i++) {
			expect(&w, fds[i], HEAD "\"id\":1,\"result\":\"brief\"}");
			expect(&w, fds[i], TRUE_ANSWER(2));
		}
	}
	for (size_t i = 0; i < COUNT(fds); i += 2)
		close(fds[i]);
	SPIN_UNTIL(&w, w.gone == COUNT(fds) / 2);
	for (size_t i = 1; i < COUNT(fds); i += 2) {
		put(&w, fds[i], REQUEST("test.note", 3) "\n");
		expect(&w, fds[i], TRUE_ANSWER(3));
		close(fds[i]);
	}
	world_fini(&w);
}

static void one_connection_too_many_is_told(void)
{
	struct world w;
	static int fds[RPC_CONNS_MAX];
	struct rlimit limit = { 4096, 4096 };

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		t_skip("cannot open %d files", 2 * RPC_CONNS_MAX);
	world_init(&w);
	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = client(&w);

	autofd int over = client(&w);

	expect_has(&w, over, "\"id\":null,\"error\":{\"code\":-1005,");
	expect_end(&w, over);
	close(fds[0]);
	SPIN_UNTIL(&w, w.gone == 1);

	autofd int next = client(&w);

	put(&w, next, REQUEST("test.note", 1) "\n");
	expect(&w, next, TRUE_ANSWER(1));
	for (size_t i = 1; i < COUNT(fds); i++)
		close(fds[i]);
	world_fini(&w);
}

/* The highest descriptor in use, so that one more cannot be had. */
static void forbid_more_files(int in_use)
{
	struct rlimit limit = { (rlim_t)in_use + 1, 4096 };

	T_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void without_descriptors_new_clients_wait(void)
{
	struct world w;
	struct rlimit plenty = { 4096, 4096 };

	T_EQ(setrlimit(RLIMIT_NOFILE, &plenty), 0);
	world_init(&w);

	autofd int first = client(&w);

	put(&w, first, REQUEST("test.note", 1) "\n");
	expect(&w, first, TRUE_ANSWER(1));

	autofd int second = client(&w);

	put(&w, second, REQUEST("test.note", 2) "\n");
	forbid_more_files(second);
	expect_silence(&w, second);
	put(&w, first, REQUEST("test.note", 3) "\n");
	expect(&w, first, TRUE_ANSWER(3));
	T_EQ(setrlimit(RLIMIT_NOFILE, &plenty), 0);
	expect(&w, second, TRUE_ANSWER(2));
	world_fini(&w);
}

static void descriptors_that_a_client_sends_are_not_kept(void)
{
	struct world w;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char text[] = REQUEST("test.note", 1) "\n";
	struct iovec iov = { text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int ends[2];
	char c;

	world_init(&w);
	T_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);

	autofd int fd = client(&w);

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
	T_EQ(sendmsg(fd, &msg, 0), strlen(text));
	close(ends[1]);
	expect(&w, fd, TRUE_ANSWER(1));
	T_EQ(read(ends[0], &c, 1), 0); /* no writer is left anywhere */
	close(ends[0]);
	world_fini(&w);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_client_may_shut_down_its_side_and_get_its_answers),
		T_CASE(what_was_sent_before_going_is_done),
		T_CASE(calls_under_way_are_bounded),
		T_CASE(a_line_that_is_too_long_is_told_and_ends_it),
		T_CASE(a_line_of_the_greatest_length_is_served),
		T_CASE(json_that_is_too_deep_is_refused),
		T_CASE(what_a_slow_reader_makes_wait_is_bounded_and_drains),
		T_CASE(one_who_reads_nothing_is_not_read_from),
		T_CASE(held_answers_that_pile_up_end_the_connection),
		T_CASE(a_connection_ends_after_what_is_queued),
		T_CASE(closing_waits_for_what_is_under_way),
		T_CASE(a_server_without_clients_closes),
		T_CASE(many_clients_at_once),
		T_CASE(one_connection_too_many_is_told),
		T_CASE(without_descriptors_new_clients_wait),
		T_CASE(descriptors_that_a_client_sends_are_not_kept),
	};

	return T_RUN(cases);
}
