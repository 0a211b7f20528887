/*
 * cli/version.c - version: ours and the daemon's
 */
#include <inttypes.h>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/output.h"
#include "schema/gen/api_client.h"

static int run_version(struct cli *cli, struct err **e)
{
	struct system_version_params p = { 0 };
	autofini(system_version_result) r = { 0 };
	autofini(str) text = { 0 };
	autofree char *json = NULL;

	if (cli_connect(cli, e) < 0 ||
	    client_system_version(cli->client, &p, &r, e) < 0)
		return -1;
	if (cli->json) {
		json = system_version_result_format(&r);
		return output_line(json);
	}
	str_add(&text, "vxctl: " VX_VERSION "\nvxd: ");
	text_format(r.version ? r.version : "?", &text);
	str_addf(&text, " (%s, pid %" PRIu64 ")\ndatabase: %s, epoch %" PRIu64 "\n",
		 r.mode ? r.mode : "?", r.pid, r.db_id ? r.db_id : "?", r.db_epoch);
	return output_str(&text);
}

const struct command command_version = {
	.name = "version",
	.summary = "versions of vxctl and vxd",
	.usage = "[OPTION]...",
	.about = "Print the versions of vxctl and of the vxd that answers.\n",
	.run = run_version,
};
