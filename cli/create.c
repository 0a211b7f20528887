/*
 * cli/create.c - create
 */
#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/power.h"
#include "cli/vm_spec.h"
#include "cli/watch.h"
#include "schema/gen/api_client.h"

struct create_options {
	struct vm_spec spec; /* first: the spec's flags set it */
	bool start;
};

static int create_init(void *options, struct err **e)
{
	return vm_spec_init(&((struct create_options *)options)->spec, e);
}

static void create_fini(void *options)
{
	vm_spec_fini(&((struct create_options *)options)->spec);
}

static int set_start(void *into, const char *value, struct err **e)
{
	((struct create_options *)into)->start = true;
	return 0;
}

/* clang-format off */
static const struct flag create_flags[] = {
	{ "start", 0, NULL, "Start it at once, and wait until it runs.", set_start },
};
/* clang-format on */

static int report(struct cli *cli, const struct vm_create_result *result)
{
	autofree char *text =
		cli->json ? vm_create_result_format(result)
			  : mem_printf("%s: created, id %s", result->vm.definition.name,
				       result->vm.definition.id);

	return output_line(text);
}

static int run_create(struct cli *cli, struct err **e)
{
	struct create_options *o = cli->options;
	struct vm_create_params p = { .project = cli_project(cli), .start = o->start };
	autofini(vm_create_result) result = { 0 };
	int status, started;

	if (vm_spec_check(&o->spec, e) < 0)
		return err_hint(e, "vxctl create --help lists the options");
	if (cli->n_args)
		o->spec.name = mem_strdup(cli->args[0]);
	if (cli_connect(cli, e) < 0 || (o->start && watch_begin(cli, e) < 0))
		return -1;
	p.vm = o->spec; /* borrowed for the call */
	if (client_vm_create(cli->client, &p, &result, e) < 0)
		return err_wrap(e, "create %s", o->spec.name ? o->spec.name : "a VM");
	if (!o->start)
		return report(cli, &result);
	/* With JSON one document is printed: the VM as it runs. */
	status = cli->json ? 0 : report(cli, &result);
	started = power_wait_running(cli, &result.vm);
	return MAX(status, started);
}

const struct command command_create = {
	.name = "create",
	.summary = "define a VM",
	.usage = "--kernel FILE [OPTION]... [NAME]",
	.about = "Define a VM. Without a name it gets one that is free.\n",
	.flags = { { vm_spec_flags, VM_SPEC_FLAGS },
		   { create_flags, COUNT(create_flags) } },
	.options_size = sizeof(struct create_options),
	.init = create_init,
	.fini = create_fini,
	.args_max = 1,
	.run = run_create,
};
