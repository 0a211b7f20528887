/*
 * daemon/events.h - committed events to those who subscribed
 */
#ifndef VX_DAEMON_EVENTS_H
#define VX_DAEMON_EVENTS_H

#include "daemon/vxd.h"

struct client;

/* Send numbered events, in order, to all subscribers. For a commit's `done`. */
void events_publish(struct vxd *d, const struct event *events, size_t n);
/* Read on for a subscriber that is behind, now that it has room. */
void events_catch_up(struct client *c);

#endif
