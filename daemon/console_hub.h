/*
 * daemon/console_hub.h - one instance's console output, for whoever reads it
 *
 * Reads the ring that the worker writes and sends it to attached clients, each at its
 * own pace: a slow one loses what the ring has overwritten and is told how much. The hub
 * outlives the worker, so that its last words can be read; the next start replaces it.
 */
#ifndef VX_DAEMON_CONSOLE_HUB_H
#define VX_DAEMON_CONSOLE_HUB_H

#include <stdbool.h>

#include "base/err.h"
#include "schema/gen/types.h"

struct attachment;
struct client;
struct console_hub;
struct managed_vm;
struct vxd;

/* Consumes both descriptors, a ring and an eventfd, which are checked: they may come from
 * a worker. With ring_fd -1 there is nothing to read: a VM that never ran. NULL and *e. */
struct console_hub *console_hub_new(struct vxd *d, struct managed_vm *vm, int ring_fd,
				    int kick_fd, struct err **e) NODISCARD;
/* Attached clients hear of the end first. NULL is allowed. */
void console_hub_free(struct console_hub *h);

/* No more output comes; `end` may be NULL. Clients hear of it behind all output. */
void console_hub_end(struct console_hub *h, const struct vm_end *end);

/* Begin with the next turn of the loop, behind the reply. A second attach of the same
 * client begins anew. -1 and *e. */
int console_hub_attach(struct console_hub *h, struct client *c, bool history,
		       struct err **e);
/* False when that client was not attached. */
bool console_hub_detach(struct console_hub *h, const struct client *c);
/* Does anybody follow it, or has yet to be told of its end? */
bool console_hub_is_read(const struct console_hub *h);

/* For a client's own list. */
void attachment_pump(struct attachment *a);
struct attachment *attachment_next(const struct attachment *a);
void attachment_free(struct attachment *a);

#endif
