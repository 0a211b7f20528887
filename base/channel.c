/*
 * base/channel.c - messages with descriptors over a SOCK_SEQPACKET socket
 *
 * Output that does not fit in the socket waits in a bounded list, in order.
 * Input is read until the socket is empty or INPUT_BURST messages were handed
 * out, so that one busy worker cannot keep the loop from the others.
 */
#include "base/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"

#define INPUT_BURST 32

struct pending {
	struct pending *next; /* owned */
	struct channel_message m;
};

struct channel {
	uv_poll_t poll;
	int fd; /* owned */
	const struct channel_handlers *handlers;
	void *owner;	       /* borrowed */
	struct pending *first; /* owned list */
	struct pending **last;
	size_t queued;
	bool closing;
	bool hung_up;
};

void channel_message_fini(struct channel_message *m)
{
	free(m->data);
	for (size_t i = 0; i < m->n_fds; i++)
		cleanup_close(&m->fds[i]);
	*m = (struct channel_message){ 0 };
}

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_MAX)];
};

static int send_message(int fd, const void *data, size_t len, const int *fds,
			size_t n_fds, int flags)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	union control control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
	}
	for (;;) {
		if (sendmsg(fd, &msg, flags | MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

static void take_fds(struct msghdr *msg, struct channel_message *out)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		n = MIN(n, (size_t)CHANNEL_FDS_MAX - out->n_fds);
		memcpy(out->fds + out->n_fds, CMSG_DATA(c), n * sizeof(int));
		out->n_fds += n;
	}
}

/* 0 and a message, -EAGAIN, -EPIPE at the end, -EMSGSIZE, or -errno. */
static int recv_message(int fd, struct channel_message *out, int flags)
{
	union control control;
	char buf[CHANNEL_MESSAGE_MAX];
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n;

	/* ECONNRESET comes once, from a peer that left messages unread: what it said
	 * before is still there. */
	do {
		n = recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;

	autofini(channel_message) m = { 0 };

	take_fds(&msg, &m);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EMSGSIZE;
	if (n == 0 && m.n_fds == 0)
		return -EPIPE;
	m.data = mem_alloc((size_t)n + 1);
	memcpy(m.data, buf, (size_t)n);
	m.len = (size_t)n;
	*out = m;
	m = (struct channel_message){ 0 };
	return 0;
}

int channel_send_now(int fd, const void *data, size_t len, const int *fds, size_t n_fds)
{
	if (len > CHANNEL_MESSAGE_MAX || n_fds > CHANNEL_FDS_MAX)
		return -EMSGSIZE;
	return send_message(fd, data, len, fds, n_fds, 0);
}

int channel_recv_now(int fd, struct channel_message *out)
{
	return recv_message(fd, out, 0);
}

static void update_poll(struct channel *c);

static void hang_up(struct channel *c, int why)
{
	if (c->hung_up || c->closing)
		return;
	c->hung_up = true;
	uv_poll_stop(&c->poll);
	c->handlers->hangup(c->owner, why == -EPIPE ? 0 : why);
}

static void drop_first(struct channel *c)
{
	struct pending *p = c->first;

	c->first = p->next;
	if (!c->first)
		c->last = &c->first;
	c->queued--;
	channel_message_fini(&p->m);
	free(p);
}

static void drop_all(struct channel *c)
{
	while (c->first)
		drop_first(c);
}

static void flush(struct channel *c)
{
	while (c->first) {
		struct channel_message *m = &c->first->m;
		int rc = send_message(c->fd, m->data, m->len, m->fds, m->n_fds,
				      MSG_DONTWAIT);

		if (rc == -EAGAIN)
			return;
		if (rc == -EPIPE || rc == -ECONNRESET) {
			/* Nobody listens any more; receive() finds the end, behind
			 * what the peer has said. */
			drop_all(c);
			return;
		}
		if (rc < 0) {
			hang_up(c, rc);
			return;
		}
		drop_first(c);
	}
}

static void receive(struct channel *c)
{
	for (int i = 0; i < INPUT_BURST && !c->closing && !c->hung_up; i++) {
		autofini(channel_message) m = { 0 };
		int rc = recv_message(c->fd, &m, MSG_DONTWAIT);

		if (rc == -EAGAIN)
			return;
		if (rc < 0) {
			hang_up(c, rc);
			return;
		}
		c->handlers->message(c->owner, &m);
	}
}

static void poll_ready(uv_poll_t *poll, int status, int events)
{
	struct channel *c = container_of(poll, struct channel, poll);

	if (status < 0) /* reading tells what it is, behind what the peer has said */
		events = UV_READABLE;
	if (events & UV_WRITABLE)
		flush(c);
	if (events & UV_READABLE)
		receive(c);
	if (!c->closing && !c->hung_up)
		update_poll(c);
}

static void update_poll(struct channel *c)
{
	uv_poll_start(&c->poll, UV_READABLE | (c->first ? UV_WRITABLE : 0), poll_ready);
}

struct channel *channel_new(uv_loop_t *loop, int fd,
			    const struct channel_handlers *handlers, void *owner,
			    int *rc)
{
	struct channel *c = mem_new(struct channel);

	c->fd = fd;
	c->handlers = handlers;
	c->owner = owner;
	c->last = &c->first;
	*rc = uv_poll_init(loop, &c->poll, fd);
	if (*rc < 0) {
		close(fd);
		free(c);
		return NULL;
	}
	update_poll(c);
	return c;
}

int channel_send(struct channel *c, const void *data, size_t len, const int *fds,
		 size_t n_fds)
{
	if (len > CHANNEL_MESSAGE_MAX || n_fds > CHANNEL_FDS_MAX)
		return -EMSGSIZE;
	if (c->closing || c->hung_up)
		return -EPIPE;
	if (!c->first) {
		int rc = send_message(c->fd, data, len, fds, n_fds, MSG_DONTWAIT);

		if (rc != -EAGAIN)
			return rc;
	}
	if (c->queued >= CHANNEL_QUEUE_MAX)
		return -ENOBUFS;

	struct pending *p = mem_new(struct pending);

	p->m.data = mem_dup(data, len);
	p->m.len = len;
	for (; p->m.n_fds < n_fds; p->m.n_fds++) {
		int copy = fcntl(fds[p->m.n_fds], F_DUPFD_CLOEXEC, 3);

		if (copy < 0) {
			int rc = -errno;

			channel_message_fini(&p->m);
			free(p);
			return rc;
		}
		p->m.fds[p->m.n_fds] = copy;
	}
	*c->last = p;
	c->last = &p->next;
	c->queued++;
	update_poll(c);
	return 0;
}

int channel_fd(const struct channel *c)
{
	return c->fd;
}

static void poll_closed(uv_handle_t *handle)
{
	struct channel *c = container_of((uv_poll_t *)handle, struct channel, poll);

	close(c->fd);
	free(c);
}

void channel_close(struct channel *c)
{
	if (!c || c->closing)
		return;
	c->closing = true;
	drop_all(c);
	uv_close((uv_handle_t *)&c->poll, poll_closed);
}
