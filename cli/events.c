/*
 * cli/events.c - events: follow what happens
 */
#include "cli/format.h"
#include "cli/output.h"
#include "cli/vm_text.h"
#include "cli/watch.h"
#include "schema/gen/api_client.h"

static int set_after(void *into, const char *value, struct err **e)
{
	struct events_subscribe_params *p = into;

	if (number_parse(value, &p->after_seq, e) < 0)
		return -1;
	p->has_after_seq = true;
	return 0;
}

/* clang-format off */
static const struct flag events_flags[] = {
	{ "after", 0, "N", "Begin behind event number N; else with the next one.", set_after },
};
/* clang-format on */

static int print_event(const struct cli *cli, const struct event *ev)
{
	autofini(str) text = { 0 };
	autofree char *json = NULL;

	if (cli->json) {
		json = event_format(ev);
		return output_line(json);
	}
	event_text(ev, &text);
	return output_str(&text);
}

static int run_events(struct cli *cli, struct err **e)
{
	struct events_subscribe_params *p = cli->options;
	autofini(events_subscribe_result) result = { 0 };
	int status = 0;

	p->project = cli->project; /* borrowed; not said: those of all projects */
	if (cli_connect(cli, e) < 0 ||
	    client_events_subscribe(cli->client, p, &result, e) < 0)
		return -1;
	while (status == 0) {
		autofini(event) ev = { 0 };

		if (watch_next(cli, -1, &ev, e) < 0)
			return -1;
		status = print_event(cli, &ev);
	}
	return status;
}

const struct command command_events = {
	.name = "events",
	.summary = "follow what happens",
	.usage = "[OPTION]...",
	.about = "Print events as they happen, one a line, until interrupted.\n",
	.flags = { { events_flags, COUNT(events_flags) } },
	.options_size = sizeof(struct events_subscribe_params),
	.run = run_events,
};
