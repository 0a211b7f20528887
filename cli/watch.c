/*
 * cli/watch.c - events of vxd, as they come
 */
#include "cli/watch.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "schema/gen/api_client.h"

int watch_begin(struct cli *cli, struct err **e)
{
	struct events_subscribe_params p = { .project = cli_project(cli) };
	autofini(events_subscribe_result) result = { 0 };

	return client_events_subscribe(cli->client, &p, &result, e);
}

static int take_event(const char *params, struct event *out, struct err **e)
{
	autofini(event_params) p = { 0 };

	/* Lenient: a newer vxd may say more than we know. */
	if (event_params_parse(params, strlen(params), DECODE_LENIENT, &p, e) < 0)
		return err_wrap(e, "an event of vxd");
	*out = p.event;
	p.event = (struct event){ 0 };
	return 1;
}

static int lost(const char *params, struct err **e)
{
	autofini(events_lost_params) p = { 0 };

	if (events_lost_params_parse(params, strlen(params), DECODE_LENIENT, &p, e) < 0)
		return -1;
	err_set(e, ERR_LOST,
		"vxctl was too slow: events after number %" PRIu64 " were not sent",
		p.seq);
	return err_hint(e, "vxctl events --after %" PRIu64 " goes on from there",
			p.seq);
}

int watch_left_ms(uint64_t deadline_ns)
{
	uint64_t now = clock_mono_ns();

	if (now >= deadline_ns)
		return 0;
	return (int)MIN((deadline_ns - now) / 1000000 + 1, (uint64_t)INT_MAX);
}

static int handle(const char *method, const char *params, struct event *out,
		  struct err **e)
{
	if (strcmp(method, "event") == 0)
		return take_event(params, out, e);
	if (strcmp(method, "events.lost") == 0)
		return lost(params, e);
	return 0;
}

int watch_next(struct cli *cli, int timeout_ms, struct event *out, struct err **e)
{
	uint64_t deadline = clock_mono_ns() + (uint64_t)MAX(timeout_ms, 0) * 1000000;

	for (;;) {
		autofree char *method = NULL, *params = NULL;
		int left = timeout_ms < 0 ? -1 : watch_left_ms(deadline);
		int rc =
			rpc_client_notification(cli->client, left, &method, &params, e);

		if (rc <= 0)
			return rc;
		rc = handle(method, params, out, e);
		if (rc != 0)
			return rc;
	}
}
