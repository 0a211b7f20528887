/*
 * tests/unit/test_base_channel.c - messages and descriptors, and what ends a channel
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/channel.h"
#include "base/fd.h"
#include "base/mem.h"

#define TAKEN_MAX 600

/* One end is a channel in a loop, the other a bare descriptor. */
struct rig {
	uv_loop_t loop;
	struct channel *c;
	int peer;
	char *texts[TAKEN_MAX];
	size_t n, n_fds;
	int fd; /* the last one received */
	int hangups, why;
	bool close_on_message, close_on_hangup;
};

static void take_message(void *owner, struct channel_message *m)
{
	struct rig *r = owner;

	T_EQ(r->hangups, 0);
	T_OK(r->n < TAKEN_MAX);
	T_EQ(m->data[m->len], 0);
	r->texts[r->n++] = steal(m->data);
	r->n_fds += m->n_fds;
	if (m->n_fds) {
		cleanup_close(&r->fd);
		r->fd = steal_fd(&m->fds[0]);
	}
	if (r->close_on_message)
		channel_close(steal(r->c));
}

static void take_hangup(void *owner, int why)
{
	struct rig *r = owner;

	r->hangups++;
	r->why = why;
	if (r->close_on_hangup)
		channel_close(steal(r->c));
}

static const struct channel_handlers handlers = { take_message, take_hangup };

static void pair(int fds[2])
{
	T_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

static void setup(struct rig *r)
{
	int fds[2], rc;

	*r = (struct rig){ .fd = -1 };
	T_EQ(uv_loop_init(&r->loop), 0);
	pair(fds);
	r->peer = fds[1];
	r->c = channel_new(&r->loop, fds[0], &handlers, r, &rc);
	T_OK(r->c);
	T_EQ(channel_fd(r->c), fds[0]);
}

static void teardown(struct rig *r)
{
	channel_close(r->c);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	T_EQ(uv_loop_close(&r->loop), 0);
	cleanup_close(&r->peer);
	cleanup_close(&r->fd);
	for (size_t i = 0; i < r->n; i++)
		free(r->texts[i]);
}

/* Turn the loop until nothing happens any more. */
static void settle(struct rig *r)
{
	for (int i = 0; i < 40; i++)
		uv_run(&r->loop, UV_RUN_NOWAIT);
}

static void send_text(const struct rig *r, const char *text)
{
	T_EQ(channel_send_now(r->peer, text, strlen(text), NULL, 0), 0);
}

static bool same_file(int a, int b)
{
	struct stat sa, sb;

	T_EQ(fstat(a, &sa), 0);
	T_EQ(fstat(b, &sb), 0);
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static void a_message_arrives_whole_with_its_descriptors(void)
{
	autofini(channel_message) m = { 0 };
	autofd int file = fd_memfd_sealed("a", 4096),
		   other = fd_memfd_sealed("b", 4096);
	const int send[] = { file, other };
	int fds[2];

	pair(fds);
	T_EQ(channel_send_now(fds[0], "hi\0there", 8, send, 2), 0);
	T_EQ(channel_recv_now(fds[1], &m), 0);
	T_EQ(m.len, 8);
	T_EQ(memcmp(m.data, "hi\0there", 9), 0);
	T_EQ(m.n_fds, 2);
	T_OK(same_file(m.fds[0], file) && same_file(m.fds[1], other));
	T_EQ(fcntl(m.fds[0], F_GETFD), FD_CLOEXEC);
	T_OK(fcntl(file, F_GETFD) >= 0); /* still the sender's */
	close(fds[0]);
	close(fds[1]);
}

static void limits_are_exact(void)
{
	static char data[CHANNEL_MESSAGE_MAX + 1];
	autofini(channel_message) m = { 0 };
	int fds[2], many[CHANNEL_FDS_MAX + 1];

	pair(fds);
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = fds[0];
	T_EQ(channel_send_now(fds[0], data, sizeof(data), NULL, 0), -EMSGSIZE);
	T_EQ(channel_send_now(fds[0], "x", 1, many, CHANNEL_FDS_MAX + 1), -EMSGSIZE);
	T_EQ(channel_send_now(fds[0], data, CHANNEL_MESSAGE_MAX, many, CHANNEL_FDS_MAX),
	     0);
	T_EQ(channel_recv_now(fds[1], &m), 0);
	T_EQ(m.len, CHANNEL_MESSAGE_MAX);
	T_EQ(m.n_fds, CHANNEL_FDS_MAX);
	close(fds[0]);
	close(fds[1]);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void a_message_that_is_too_long_is_refused_and_its_descriptors_closed(void)
{
	static char data[CHANNEL_MESSAGE_MAX + 1];
	autofini(channel_message) m = { 0 };
	int fds[2], before;
	struct iovec iov = { data, sizeof(data) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	pair(fds);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fds[0], sizeof(int));
	before = open_fds();
	T_EQ(sendmsg(fds[0], &msg, 0), sizeof(data));
	T_EQ(channel_recv_now(fds[1], &m), -EMSGSIZE);
	T_OK(!m.data && !m.n_fds);
	T_EQ(open_fds(), before);
	close(fds[0]);
	close(fds[1]);
}

static void descriptors_beyond_the_limit_are_refused_and_closed(void)
{
	enum { N = CHANNEL_FDS_MAX + 1 };
	autofini(channel_message) m = { 0 };
	int fds[2], before;
	struct iovec iov = { (void *)(uintptr_t) "x", 1 };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * N)];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	pair(fds);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int) * N);
	for (size_t i = 0; i < N; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &fds[0],
		       sizeof(int));
	before = open_fds();
	T_EQ(sendmsg(fds[0], &msg, 0), 1);
	T_EQ(channel_recv_now(fds[1], &m), -EMSGSIZE);
	T_EQ(open_fds(), before);
	close(fds[0]);
	close(fds[1]);
}

static void a_peer_that_is_gone_is_told_apart(void)
{
	autofini(channel_message) m = { 0 };
	int fds[2];

	pair(fds);
	close(fds[0]);
	T_EQ(channel_recv_now(fds[1], &m), -EPIPE);
	T_EQ(channel_send_now(fds[1], "x", 1, NULL, 0), -EPIPE);
	close(fds[1]);
	T_EQ(channel_recv_now(-1, &m), -EBADF);
}

static void messages_come_in_order_with_their_descriptors(void)
{
	autofd int file = fd_memfd_sealed("a", 4096);
	struct rig r;

	setup(&r);
	send_text(&r, "one");
	T_EQ(channel_send_now(r.peer, "two", 3, &file, 1), 0);
	send_text(&r, "three");
	settle(&r);
	T_EQ(r.n, 3);
	T_STR(r.texts[0], "one");
	T_STR(r.texts[1], "two");
	T_STR(r.texts[2], "three");
	T_EQ(r.n_fds, 1);
	T_OK(same_file(r.fd, file));
	T_EQ(r.hangups, 0);
	teardown(&r);
}

static void what_a_handler_does_not_take_is_freed(void)
{
	autofd int file = fd_memfd_sealed("a", 4096);
	const int twice[] = { file, file };
	struct rig r;
	int before;

	setup(&r);
	before = open_fds();
	T_EQ(channel_send_now(r.peer, "two", 3, twice, 2), 0);
	settle(&r);
	T_EQ(r.n_fds, 2);
	T_EQ(open_fds(), before + 1); /* the one that was taken */
	teardown(&r);
}

static void what_does_not_fit_waits_in_order(void)
{
	static char filler[8192];
	autofd int file = fd_memfd_sealed("a", 4096);
	struct rig r;
	size_t sent = 0, got = 0;

	setup(&r);
	T_EQ(fd_set_nonblocking(r.peer), 0);
	for (; sent < CHANNEL_QUEUE_MAX; sent++) {
		le16_put(filler, (uint16_t)sent);
		T_EQ(channel_send(r.c, filler, sizeof(filler), &file, sent % 7 == 0),
		     0);
	}
	for (;;) {
		autofini(channel_message) m = { 0 };
		int rc = channel_recv_now(r.peer, &m);

		if (rc == -EAGAIN && got < sent) {
			uv_run(&r.loop, UV_RUN_NOWAIT);
			continue;
		}
		if (rc == -EAGAIN)
			break;
		T_EQ(rc, 0);
		T_EQ(m.len, sizeof(filler));
		T_EQ(le16_get(m.data), got);
		T_EQ(m.n_fds, got % 7 == 0);
		got++;
	}
	T_EQ(got, sent);
	teardown(&r);
}

static void the_queue_has_a_limit_and_can_be_used_again(void)
{
	static char filler[32768];
	struct rig r;
	int rc, taken = 0;

	setup(&r);
	while ((rc = channel_send(r.c, filler, sizeof(filler), NULL, 0)) == 0)
		T_OK(++taken < 10 * CHANNEL_QUEUE_MAX);
	T_EQ(rc, -ENOBUFS);
	T_OK(taken > CHANNEL_QUEUE_MAX);
	T_EQ(channel_send(r.c, "x", 1, NULL, 0), -ENOBUFS);
	for (int i = 0; i < taken; i++) {
		autofini(channel_message) m = { 0 };

		T_EQ(channel_recv_now(r.peer, &m), 0);
		uv_run(&r.loop, UV_RUN_NOWAIT);
	}
	T_EQ(channel_send(r.c, "x", 1, NULL, 0), 0);
	T_EQ(r.hangups, 0);
	teardown(&r);
}

static void a_send_beyond_the_limits_is_refused(void)
{
	static char data[CHANNEL_MESSAGE_MAX + 1];
	static const int fds[CHANNEL_FDS_MAX + 1] = { 0 };
	struct rig r;

	setup(&r);
	T_EQ(channel_send(r.c, data, sizeof(data), NULL, 0), -EMSGSIZE);
	T_EQ(channel_send(r.c, data, 1, fds, CHANNEL_FDS_MAX + 1), -EMSGSIZE);
	T_EQ(r.hangups, 0);
	teardown(&r);
}

static void an_end_is_told_once_behind_the_last_message(void)
{
	struct rig r;

	setup(&r);
	for (int i = 0; i < 100; i++) /* more than are read in one go */
		send_text(&r, "bye");
	close(steal_fd(&r.peer));
	settle(&r);
	T_EQ(r.n, 100);
	T_EQ(r.hangups, 1);
	T_EQ(r.why, 0);
	T_EQ(channel_send(r.c, "x", 1, NULL, 0), -EPIPE);
	settle(&r);
	T_EQ(r.hangups, 1);
	teardown(&r);
}

static void last_words_are_heard_though_the_peer_did_not_listen(void)
{
	static char filler[32768];
	struct rig r;

	setup(&r);
	/* Unread messages in the peer's socket, and more that wait on this side. */
	for (int i = 0; i < 100; i++)
		T_EQ(channel_send(r.c, filler, sizeof(filler), NULL, 0), 0);
	send_text(&r, "last");
	send_text(&r, "words");
	close(steal_fd(&r.peer));
	settle(&r);
	T_EQ(r.n, 2);
	T_STR(r.texts[0], "last");
	T_STR(r.texts[1], "words");
	T_EQ(r.hangups, 1);
	T_EQ(r.why, 0);
	teardown(&r);
}

static void a_broken_rule_hangs_up(void)
{
	static char data[CHANNEL_MESSAGE_MAX + 1];
	struct rig r;

	setup(&r);
	T_EQ(send(r.peer, data, sizeof(data), 0), sizeof(data));
	send_text(&r, "more");
	settle(&r);
	T_EQ(r.hangups, 1);
	T_EQ(r.why, -EMSGSIZE);
	T_EQ(r.n, 0);
	teardown(&r);
}

static void closing_from_a_message_stops_at_once(void)
{
	struct rig r;

	setup(&r);
	r.close_on_message = true;
	send_text(&r, "one");
	send_text(&r, "two");
	close(steal_fd(&r.peer));
	settle(&r);
	T_EQ(r.n, 1);
	T_EQ(r.hangups, 0);
	teardown(&r);
}

static void closing_from_the_hangup_is_safe(void)
{
	struct rig r;

	setup(&r);
	r.close_on_hangup = true;
	close(steal_fd(&r.peer));
	settle(&r);
	T_EQ(r.hangups, 1);
	teardown(&r);
}

static void closing_frees_what_still_waits(void)
{
	static char filler[32768];
	autofd int file = fd_memfd_sealed("a", 4096);
	struct rig r;
	int before;

	setup(&r);
	teardown(&r); /* libuv keeps descriptors of its own from the first loop on */
	before = open_fds();
	setup(&r);
	for (int i = 0; i < 100; i++)
		T_EQ(channel_send(r.c, filler, sizeof(filler), &file, 1), 0);
	channel_close(r.c);
	channel_close(r.c); /* twice does no harm */
	T_EQ(channel_send(r.c, "x", 1, NULL, 0), -EPIPE);
	r.c = NULL;
	teardown(&r);
	T_EQ(open_fds(), before);
	channel_close(NULL);
}

static void what_cannot_be_waited_for_is_refused_and_closed(void)
{
	uv_loop_t loop;
	int rc = 0, file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	T_EQ(uv_loop_init(&loop), 0);
	T_OK(!channel_new(&loop, file, &handlers, NULL, &rc));
	T_OK(rc < 0);
	T_EQ(fcntl(file, F_GETFD), -1);
	T_EQ(uv_loop_close(&loop), 0);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_message_arrives_whole_with_its_descriptors),
		T_CASE(limits_are_exact),
		T_CASE(a_message_that_is_too_long_is_refused_and_its_descriptors_closed),
		T_CASE(descriptors_beyond_the_limit_are_refused_and_closed),
		T_CASE(a_peer_that_is_gone_is_told_apart),
		T_CASE(messages_come_in_order_with_their_descriptors),
		T_CASE(what_a_handler_does_not_take_is_freed),
		T_CASE(what_does_not_fit_waits_in_order),
		T_CASE(the_queue_has_a_limit_and_can_be_used_again),
		T_CASE(a_send_beyond_the_limits_is_refused),
		T_CASE(an_end_is_told_once_behind_the_last_message),
		T_CASE(last_words_are_heard_though_the_peer_did_not_listen),
		T_CASE(a_broken_rule_hangs_up),
		T_CASE(closing_from_a_message_stops_at_once),
		T_CASE(closing_from_the_hangup_is_safe),
		T_CASE(closing_frees_what_still_waits),
		T_CASE(what_cannot_be_waited_for_is_refused_and_closed),
	};

	return T_RUN(cases);
}
