/*
 * base/loop.c - descriptors to wait for and timers, as single objects
 */
#include "base/loop.h"

#include "base/mem.h"

struct fd_watch {
	uv_poll_t poll;
	void (*ready)(void *owner);
	void *owner;
};

static void free_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void poll_ready(uv_poll_t *poll, int status, int events)
{
	struct fd_watch *w = poll->data;

	/* An error is for the owner's next read to find. */
	w->ready(w->owner);
}

struct fd_watch *fd_watch_new(uv_loop_t *loop, int fd, void (*ready)(void *owner),
			      void *owner)
{
	struct fd_watch *w = mem_new(struct fd_watch);

	*w = (struct fd_watch){ .ready = ready, .owner = owner };
	if (uv_poll_init(loop, &w->poll, fd) < 0) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	if (uv_poll_start(&w->poll, UV_READABLE | UV_DISCONNECT, poll_ready) < 0) {
		fd_watch_free(w);
		return NULL;
	}
	return w;
}

void fd_watch_free(struct fd_watch *w)
{
	if (w)
		uv_close((uv_handle_t *)&w->poll, free_closed);
}

struct timer {
	uv_timer_t timer;
	void (*fired)(void *owner);
	void *owner;
};

struct timer *timer_new(uv_loop_t *loop, void (*fired)(void *owner), void *owner)
{
	struct timer *t = mem_new(struct timer);

	*t = (struct timer){ .fired = fired, .owner = owner };
	uv_timer_init(loop, &t->timer); /* cannot fail */
	t->timer.data = t;
	return t;
}

static void timer_fired(uv_timer_t *timer)
{
	struct timer *t = timer->data;

	t->fired(t->owner);
}

void timer_set(struct timer *t, uint64_t ms)
{
	uv_update_time(t->timer.loop);
	uv_timer_start(&t->timer, timer_fired, ms, 0);
}

void timer_clear(struct timer *t)
{
	uv_timer_stop(&t->timer);
}

void timer_free(struct timer *t)
{
	if (t)
		uv_close((uv_handle_t *)&t->timer, free_closed);
}
