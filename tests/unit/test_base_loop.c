/*
 * tests/unit/test_base_loop.c - watches and timers may be freed at any moment
 */
#include "tests/unit/test.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/loop.h"

struct rig {
	uv_loop_t loop;
	struct fd_watch *watch;
	struct timer *timer, *other;
	int fds[2];
	int calls;
	bool read_it, free_in_call, set_again;
};

static void setup(struct rig *r)
{
	*r = (struct rig){ .read_it = true };
	T_EQ(uv_loop_init(&r->loop), 0);
	T_EQ(pipe2(r->fds, O_CLOEXEC | O_NONBLOCK), 0);
}

static void teardown(struct rig *r)
{
	fd_watch_free(r->watch);
	timer_free(r->timer);
	timer_free(r->other);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	T_EQ(uv_loop_close(&r->loop), 0);
	cleanup_close(&r->fds[0]);
	cleanup_close(&r->fds[1]);
}

static void turn(struct rig *r)
{
	for (int i = 0; i < 5; i++)
		uv_run(&r->loop, UV_RUN_NOWAIT);
}

static void ready(void *owner)
{
	struct rig *r = owner;
	char c;

	r->calls++;
	if (r->read_it)
		T_EQ(read(r->fds[0], &c, 1), 1);
	if (r->free_in_call)
		fd_watch_free(steal(r->watch));
}

static void a_watch_calls_when_there_is_something_to_read(void)
{
	struct rig r;

	setup(&r);
	r.watch = fd_watch_new(&r.loop, r.fds[0], ready, &r);
	T_OK(r.watch);
	turn(&r);
	T_EQ(r.calls, 0);
	T_EQ(write(r.fds[1], "ab", 2), 2);
	turn(&r);
	T_EQ(r.calls, 2); /* one byte each */
	teardown(&r);
}

static void a_hangup_is_something_to_read(void)
{
	struct rig r;

	setup(&r);
	r.read_it = false;
	r.watch = fd_watch_new(&r.loop, r.fds[0], ready, &r);
	close(steal_fd(&r.fds[1]));
	turn(&r);
	T_OK(r.calls > 0);
	teardown(&r);
}

static void a_watch_freed_in_its_own_call_is_not_called_again(void)
{
	struct rig r;

	setup(&r);
	r.free_in_call = true;
	r.watch = fd_watch_new(&r.loop, r.fds[0], ready, &r);
	T_EQ(write(r.fds[1], "ab", 2), 2);
	turn(&r);
	T_EQ(r.calls, 1);
	T_OK(!r.watch);
	teardown(&r);
}

static void a_freed_watch_is_not_called_and_leaves_the_descriptor_open(void)
{
	struct rig r;

	setup(&r);
	r.watch = fd_watch_new(&r.loop, r.fds[0], ready, &r);
	T_EQ(write(r.fds[1], "a", 1), 1);
	fd_watch_free(steal(r.watch));
	turn(&r);
	T_EQ(r.calls, 0);
	T_OK(fcntl(r.fds[0], F_GETFD) >= 0);
	teardown(&r);
}

static void what_the_kernel_cannot_wait_for_is_refused(void)
{
	autofd int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct rig r;

	setup(&r);
	T_OK(!fd_watch_new(&r.loop, file, ready, &r));
	T_OK(!fd_watch_new(&r.loop, -1, ready, &r));
	T_OK(fcntl(file, F_GETFD) >= 0);
	teardown(&r);
}

static void fired(void *owner)
{
	struct rig *r = owner;

	r->calls++;
	if (r->free_in_call)
		timer_free(steal(r->timer));
	if (r->set_again && r->calls < 3)
		timer_set(r->timer, 1);
}

static void a_timer_fires_once_and_not_early(void)
{
	uint64_t start = clock_mono_ns();
	struct rig r;

	setup(&r);
	r.timer = timer_new(&r.loop, fired, &r);
	timer_set(r.timer, 30);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	T_EQ(r.calls, 1);
	/* libuv counts whole milliseconds. */
	T_OK(clock_mono_ns() - start >= UINT64_C(29) * 1000000);
	teardown(&r);
}

static void an_unset_timer_never_fires(void)
{
	struct rig r;

	setup(&r);
	r.timer = timer_new(&r.loop, fired, &r);
	r.other = timer_new(&r.loop, fired, &r);
	timer_set(r.other, 5);
	timer_clear(r.other);
	timer_clear(r.timer);
	uv_run(&r.loop, UV_RUN_DEFAULT); /* ends: nothing holds the loop */
	T_EQ(r.calls, 0);
	teardown(&r);
}

static void setting_again_forgets_what_was_set(void)
{
	uint64_t start = clock_mono_ns();
	struct rig r;

	setup(&r);
	r.timer = timer_new(&r.loop, fired, &r);
	timer_set(r.timer, 3600 * 1000);
	timer_set(r.timer, 1);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	T_EQ(r.calls, 1);
	T_OK(clock_mono_ns() - start < UINT64_C(3600) * 1000000000);
	teardown(&r);
}

static void a_timer_counts_from_now_after_a_long_callback(void)
{
	struct rig r;
	uint64_t start;

	setup(&r);
	r.timer = timer_new(&r.loop, fired, &r);
	usleep(50 * 1000); /* the loop does not know that this took time */
	start = clock_mono_ns();
	timer_set(r.timer, 30);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	T_OK(clock_mono_ns() - start >= UINT64_C(29) * 1000000);
	teardown(&r);
}

static void a_timer_may_be_set_in_its_own_call(void)
{
	struct rig r;

	setup(&r);
	r.set_again = true;
	r.timer = timer_new(&r.loop, fired, &r);
	timer_set(r.timer, 0);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	T_EQ(r.calls, 3);
	teardown(&r);
}

static void a_timer_may_be_freed_in_its_own_call_or_while_set(void)
{
	struct rig r;

	setup(&r);
	r.free_in_call = true;
	r.timer = timer_new(&r.loop, fired, &r);
	r.other = timer_new(&r.loop, fired, &r);
	timer_set(r.timer, 0);
	timer_set(r.other, 0);
	timer_free(steal(r.other));
	uv_run(&r.loop, UV_RUN_DEFAULT);
	T_EQ(r.calls, 1);
	T_OK(!r.timer);
	teardown(&r);
}

static void freeing_nothing_is_allowed(void)
{
	timer_free(NULL);
	fd_watch_free(NULL);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_watch_calls_when_there_is_something_to_read),
		T_CASE(a_hangup_is_something_to_read),
		T_CASE(a_watch_freed_in_its_own_call_is_not_called_again),
		T_CASE(a_freed_watch_is_not_called_and_leaves_the_descriptor_open),
		T_CASE(what_the_kernel_cannot_wait_for_is_refused),
		T_CASE(a_timer_fires_once_and_not_early),
		T_CASE(an_unset_timer_never_fires),
		T_CASE(setting_again_forgets_what_was_set),
		T_CASE(a_timer_counts_from_now_after_a_long_callback),
		T_CASE(a_timer_may_be_set_in_its_own_call),
		T_CASE(a_timer_may_be_freed_in_its_own_call_or_while_set),
		T_CASE(freeing_nothing_is_allowed),
	};

	return T_RUN(cases);
}
