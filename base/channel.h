/*
 * base/channel.h - messages with descriptors over a SOCK_SEQPACKET socket
 *
 * The wire between vxd, keeper and worker. libuv cannot pass memory files or
 * eventfds, so this is sendmsg(2) and recvmsg(2) on a uv_poll_t. A message is at
 * most CHANNEL_MESSAGE_MAX bytes with at most CHANNEL_FDS_MAX descriptors; a
 * truncated one ends the channel.
 *
 * Not here: what a message means (schema/), who may connect (callers).
 */
#ifndef VX_BASE_CHANNEL_H
#define VX_BASE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/cleanup.h"

#define CHANNEL_MESSAGE_MAX 65536
#define CHANNEL_FDS_MAX 32
/* Messages waiting to be sent; a peer that lets more pile up is hung up on. */
#define CHANNEL_QUEUE_MAX 256

struct channel_message {
	char *data; /* owned, NUL-terminated behind `len` */
	size_t len;
	int fds[CHANNEL_FDS_MAX]; /* owned, close-on-exec */
	size_t n_fds;
};

void channel_message_fini(struct channel_message *m);
AUTOFINI(channel_message, channel_message_fini);

/*
 * Blocking forms, for the moment before a loop runs and for small programs.
 * 0 or -errno; -EPIPE when the peer is gone, -EMSGSIZE when truncated.
 * `fds` stay the caller's.
 */
int channel_send_now(int fd, const void *data, size_t len, const int *fds,
		     size_t n_fds) NODISCARD;
int channel_recv_now(int fd, struct channel_message *out) NODISCARD;

struct channel;

struct channel_handlers {
	/* One message; it is the channel's again on return: take what is to be kept
	 * by setting the field to -1 or NULL. */
	void (*message)(void *owner, struct channel_message *m);
	/* The peer is gone or broke the rules (why: -errno, 0 for an orderly end).
	 * Called once; the channel must then be closed with channel_close(). */
	void (*hangup)(void *owner, int why);
};

/* Consumes `fd`. NULL and -errno in *rc on failure. */
struct channel *channel_new(uv_loop_t *loop, int fd,
			    const struct channel_handlers *handlers, void *owner,
			    int *rc) NODISCARD;
/*
 * Queue one message; `data` is copied, `fds` are duplicated. Never blocks and
 * never calls back. -ENOBUFS when the queue is full, -EMSGSIZE when too large.
 */
int channel_send(struct channel *c, const void *data, size_t len, const int *fds,
		 size_t n_fds) NODISCARD;
int channel_fd(const struct channel *c);
/* Safe from any callback. Memory goes when libuv has let go; NULL is allowed. */
void channel_close(struct channel *c);

#endif
