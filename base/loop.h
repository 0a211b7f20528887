/*
 * base/loop.h - descriptors to wait for and timers, as single objects
 *
 * libuv's handles live until their close callback has run; these hide that. Both may be
 * freed at any time, also from their own callback, which then is not called again.
 */
#ifndef VX_BASE_LOOP_H
#define VX_BASE_LOOP_H

#include <uv.h>

#include "base/cleanup.h"

struct fd_watch;

/* Call `ready` whenever `fd` (borrowed, must outlive this) is readable or hung up.
 * NULL where the kernel cannot wait for it. */
struct fd_watch *fd_watch_new(uv_loop_t *loop, int fd, void (*ready)(void *owner),
			      void *owner) NODISCARD;
/* NULL is allowed. */
void fd_watch_free(struct fd_watch *w);

struct timer;

struct timer *timer_new(uv_loop_t *loop, void (*fired)(void *owner),
			void *owner) NODISCARD;
/* Fire once, `ms` from now; what was set before is forgotten. */
void timer_set(struct timer *t, uint64_t ms);
void timer_clear(struct timer *t);
/* NULL is allowed. */
void timer_free(struct timer *t);

#endif
