/*
 * tests/unit/rpc_rig.h - a server with a few methods, and clients that are sockets
 *
 * Both sides share one loop: what waits for the other lets it run.
 */
#ifndef VX_TESTS_UNIT_RPC_RIG_H
#define VX_TESTS_UNIT_RPC_RIG_H

#include <sys/un.h>

#include "base/clock.h"
#include "rpc/server.h"
#include "tests/unit/test.h"

#define HELD_MAX 300
#define WAIT_MS 10000
#define HEAD "{\"jsonrpc\":\"2.0\","
#define REQUEST(method, id) HEAD "\"id\":" #id ",\"method\":\"" method "\"}"
#define TRUE_ANSWER(id) HEAD "\"id\":" #id ",\"result\":true}"

struct world {
	uv_loop_t loop;
	struct rpc_server *server;
	struct sockaddr_un addr;
	struct call *held[HELD_MAX];
	size_t n_held;
	int decoded;	       /* calls of test.secret that came through */
	int noted;	       /* and of test.note */
	int gone;	       /* connections that closed */
	int drained;	       /* calls of on_drain */
	struct rpc_conn *conn; /* of the last test.subscribe */
	bool closed;
};

void world_init(struct world *w);
/* Closes the server, too, and proves the loop empty. */
void world_fini(struct world *w);
/* For rpc_server_close(): sets `closed`. */
void server_closed(void *app);

/* A connected socket that does not block. */
int client(struct world *w);

/* One round of the loop that does not wait for long. */
void spin(struct world *w);
void spin_for(struct world *w, int ms);
#define SPIN_UNTIL(w, cond)                                                        \
	do {                                                                       \
		uint64_t spin_end = clock_mono_ns() + WAIT_MS * UINT64_C(1000000); \
		while (!(cond)) {                                                  \
			spin(w);                                                   \
			T_OK(clock_mono_ns() < spin_end);                          \
		}                                                                  \
	} while (0)

/* All of `text`, while the server runs. False when it has hung up. */
bool put_bytes(struct world *w, int fd, const char *text, size_t len);
void put(struct world *w, int fd, const char *text);
/* One line without its newline; NULL at the end. free(). */
char *get(struct world *w, int fd);
void expect(struct world *w, int fd, const char *want);
void expect_has(struct world *w, int fd, const char *part);
void expect_end(struct world *w, int fd);
void expect_silence(struct world *w, int fd);

#endif
