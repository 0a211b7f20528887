/*
 * rpc/client.h - a blocking JSON-RPC client, as vxctl and tests need it
 */
#ifndef VX_RPC_CLIENT_H
#define VX_RPC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct rpc_client;
struct json_t;

/* Connect to the Unix socket at `path`. NULL and *e. */
struct rpc_client *rpc_client_open(const char *path, struct err **e) NODISCARD;
void rpc_client_free(struct rpc_client *c);
AUTOPTR(rpc_client, rpc_client_free);

/* The socket, to poll; readable does not mean that a whole message is there. */
int rpc_client_fd(const struct rpc_client *c);

/*
 * One call, as generated stubs make it. Notifications that arrive meanwhile are
 * kept in order for rpc_client_notification(). 0 and *result (jansson), or -1
 * and the server's error as *e.
 */
int rpc_client_call(struct rpc_client *c, const char *method, struct json_t *params,
		    struct json_t **result, struct err **e);
/*
 * The next notification: 1 and its method and parameters as JSON text (free
 * both), 0 when none came within `timeout_ms` (0: only what is there already,
 * -1: wait), -1 and *e when the connection is gone. Parse the parameters with
 * the generated x_parse().
 */
int rpc_client_notification(struct rpc_client *c, int timeout_ms, char **out_method,
			    char **out_params, struct err **e);
/* One request line as it is and its answer line, for `vxctl` debugging and tests. */
int rpc_client_raw(struct rpc_client *c, const char *line, char **out, struct err **e);

#endif
