/*
 * cli/list.c - list and show
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/vm_text.h"
#include "schema/gen/api_client.h"

/* Append the VMs of `page` to `all`. */
static void take_page(struct vm_list_result *all, struct vm_list_result *page)
{
	all->vms = mem_grow(all->vms, all->n_vms + page->n_vms + 1, sizeof(*all->vms));
	if (page->n_vms)
		memcpy(all->vms + all->n_vms, page->vms,
		       page->n_vms * sizeof(*page->vms));
	all->n_vms += page->n_vms;
	page->n_vms = 0; /* they have moved; the array itself is still the page's */
}

static int fetch_all(struct cli *cli, struct vm_list_result *all, struct err **e)
{
	static const char nothing[] = "{}"; /* for the decoder's default limit */
	bool more = true;

	while (more) {
		autofini(vm_list_params) p = { 0 };
		autofini(vm_list_result) page = { 0 };

		if (vm_list_params_parse(nothing, strlen(nothing), DECODE_STRICT, &p,
					 e) < 0)
			return -1;
		free(p.project);
		p.project = mem_strdup(cli_project(cli));
		if (all->n_vms)
			p.after = mem_strdup(all->vms[all->n_vms - 1].name);
		if (client_vm_list(cli->client, &p, &page, e) < 0)
			return -1;
		/* A page without VMs that promises more would never end. */
		more = page.more && page.n_vms;
		take_page(all, &page);
	}
	return 0;
}

static int run_list(struct cli *cli, struct err **e)
{
	autofini(vm_list_result) all = { 0 };
	autofini(str) text = { 0 };
	autofree char *json = NULL;

	if (cli_connect(cli, e) < 0 || fetch_all(cli, &all, e) < 0)
		return -1;
	if (cli->json) {
		json = vm_list_result_format(&all);
		return output_line(json);
	}
	vm_list_text(all.vms, all.n_vms, clock_wall_us(), &text);
	return output_str(&text);
}

const struct command command_list = {
	.name = "list",
	.summary = "list VMs",
	.usage = "[OPTION]...",
	.about = "List the VMs of a project, by name.\n",
	.run = run_list,
};

static int run_show(struct cli *cli, struct err **e)
{
	struct vm_get_params p = { .project = cli_project(cli), .vm = cli->args[0] };
	autofini(vm_get_result) result = { 0 };
	autofini(str) text = { 0 };
	autofree char *json = NULL;

	if (cli_connect(cli, e) < 0 || client_vm_get(cli->client, &p, &result, e) < 0)
		return -1;
	if (cli->json) {
		json = vm_get_result_format(&result);
		return output_line(json);
	}
	vm_text(&result.vm, clock_wall_us(), &text);
	return output_str(&text);
}

const struct command command_show = {
	.name = "show",
	.summary = "show one VM",
	.usage = "[OPTION]... NAME",
	.about = "Show all that is known of a VM.\n",
	.args_min = 1,
	.args_max = 1,
	.run = run_show,
};
