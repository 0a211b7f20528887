/*
 * tests/unit/link_rig.h - two links on one socket, or one and a raw other side
 *
 * "worker" serves the table; "vxd" calls and takes notes. All share one loop.
 */
#ifndef VX_TESTS_UNIT_LINK_RIG_H
#define VX_TESTS_UNIT_LINK_RIG_H

#include <jansson.h>
#include <poll.h>

#include "base/clock.h"
#include "rpc/link.h"
#include "tests/unit/test.h"

#define WAIT_MS 10000
#define HEAD "{\"jsonrpc\":\"2.0\","

/* What one call came to. */
struct outcome {
	int times;
	enum err_code code; /* 0: fine */
	char *text;	    /* owned: result or message */
	int fd;		    /* owned: the first that came, else -1 */
	struct link **close_in_done;
};

struct end {
	struct link *link;
	struct call *held[LINK_CALLS_MAX + 8];
	size_t n_held;
	int hangups, notes;
	bool hung_up_in_order;
	char *last; /* owned: method and parameters of the last note, why of hangup */
};

struct world {
	uv_loop_t loop;
	struct end vxd, worker;
	int raw; /* owned: the other side of `worker` in some tests */
};

void world_init(struct world *w);
/* One link, the worker's if it `serves`; the other side is w->raw. */
void world_init_raw(struct world *w, bool serves);
/* Proves the loop empty. */
void world_fini(struct world *w);

#define SPIN_UNTIL(w, cond)                                                        \
	do {                                                                       \
		uint64_t spin_end = clock_mono_ns() + WAIT_MS * UINT64_C(1000000); \
		while (!(cond)) {                                                  \
			uv_run(&(w)->loop, UV_RUN_NOWAIT);                         \
			poll(NULL, 0, 1);                                          \
			T_OK(clock_mono_ns() < spin_end);                          \
		}                                                                  \
	} while (0)

void spin_a_little(struct world *w);

void outcome_fini(struct outcome *o);
AUTOFINI(outcome, outcome_fini);

/* A link_done that writes down its outcome. */
void done(void *owner, const struct json_t *result, int *fds, size_t n_fds,
	  struct err *e);
/* vxd calls; that it can be sent is part of the test. */
void call(struct world *w, const char *method, const char *params, int timeout_ms,
	  struct outcome *o);

/* One message over w->raw, without descriptors. */
void put(struct world *w, const char *text);
char *get(struct world *w);
void expect(struct world *w, const char *want);
void expect_has(struct world *w, const char *part);

#endif
