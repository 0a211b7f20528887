/*
 * cli/set.c - set: change what is defined
 */
#include <string.h>

#include "base/mem.h"
#include "cli/action.h"
#include "cli/format.h"
#include "cli/output.h"
#include "cli/vm_spec.h"
#include "schema/gen/api_client.h"

struct set_options {
	struct vm_change change;
	uint64_t revision; /* 0: not said */
};

static void set_fini(void *options)
{
	vm_change_fini(&((struct set_options *)options)->change);
}

static struct vm_change *change_of(void *options)
{
	return &((struct set_options *)options)->change;
}

static struct boot_change *boot_of(void *options)
{
	struct vm_change *c = change_of(options);

	if (!c->boot)
		c->boot = mem_new(struct boot_change);
	return c->boot;
}

static int take_text(char **at, const char *value)
{
	free(*at);
	*at = mem_strdup(value);
	return 0;
}

static int take_yes_or_no(const char *value, bool *given, bool *out, struct err **e)
{
	*given = true;
	*out = strcmp(value, "yes") == 0;
	if (*out || strcmp(value, "no") == 0)
		return 0;
	return err_set(e, ERR_INVALID_PARAMS, "%s is neither yes nor no", value);
}

static int set_rename(void *o, const char *value, struct err **e)
{
	return take_text(&change_of(o)->name, value);
}

static int set_kernel(void *o, const char *value, struct err **e)
{
	return path_set(&boot_of(o)->kernel, value, e);
}

static int set_initrd(void *o, const char *value, struct err **e)
{
	return path_set(&boot_of(o)->initrd, value, e);
}

static int set_cmdline(void *o, const char *value, struct err **e)
{
	return take_text(&boot_of(o)->cmdline, value);
}

static int set_protocol(void *o, const char *value, struct err **e)
{
	boot_of(o)->has_protocol = true;
	if (boot_protocol_from_name(value, &boot_of(o)->protocol))
		return 0;
	return err_set(e, ERR_INVALID_PARAMS, "there is no boot protocol %s", value);
}

static int set_cpus(void *o, const char *value, struct err **e)
{
	change_of(o)->has_cpus = true;
	return number_parse(value, &change_of(o)->cpus, e);
}

static int set_memory(void *o, const char *value, struct err **e)
{
	change_of(o)->has_memory = true;
	return size_parse(value, &change_of(o)->memory, e);
}

static int set_on_reboot(void *o, const char *value, struct err **e)
{
	change_of(o)->has_on_reboot = true;
	if (on_reboot_from_name(value, &change_of(o)->on_reboot))
		return 0;
	return err_set(e, ERR_INVALID_PARAMS, "%s is neither restart nor stop", value);
}

static int set_restart(void *o, const char *value, struct err **e)
{
	change_of(o)->has_restart = true;
	if (restart_policy_from_name(value, &change_of(o)->restart))
		return 0;
	return err_set(e, ERR_INVALID_PARAMS, "%s is none of never, on-failure, always",
		       value);
}

static int set_autostart(void *o, const char *value, struct err **e)
{
	struct vm_change *c = change_of(o);

	return take_yes_or_no(value, &c->has_autostart, &c->autostart, e);
}

static int set_debug_exit(void *o, const char *value, struct err **e)
{
	struct vm_change *c = change_of(o);

	return take_yes_or_no(value, &c->has_debug_exit, &c->debug_exit, e);
}

static int set_protect(void *o, const char *value, struct err **e)
{
	struct vm_change *c = change_of(o);

	return take_yes_or_no(value, &c->has_protect, &c->protect, e);
}

static int add_label(void *o, const char *value, struct err **e)
{
	struct vm_change *c = change_of(o);

	return label_add(&c->labels, &c->n_labels, value, e);
}

static int set_revision(void *o, const char *value, struct err **e)
{
	return number_parse(value, &((struct set_options *)o)->revision, e);
}

/* clang-format off */
static const struct flag set_flags[] = {
	{ "rename", 0, "NAME", "Give it another name.", set_rename },
	{ "label", 0, "KEY=VALUE", "Set a label; may be given several times.", add_label },
	{ "protect", 0, "yes|no", "Refuse delete.", set_protect },
	{ "restart", 0, "never|on-failure|always", "Start it again when it ends so.", set_restart },
	{ "autostart", 0, "yes|no", "Start it when vxd starts first after the host did.", set_autostart },
	{ "cpus", 'c', "N", "Virtual CPUs.", set_cpus },
	{ "memory", 'm', "SIZE", "Guest RAM, as 512M or 2G.", set_memory },
	{ "kernel", 'k', "FILE", "Kernel to boot.", set_kernel },
	{ "initrd", 'i', "FILE", "Initial RAM disk.", set_initrd },
	{ "cmdline", 'a', "TEXT", "Kernel command line.", set_cmdline },
	{ "protocol", 0, "NAME", "How the kernel is entered: auto, linux, pvh or multiboot.", set_protocol },
	{ "on-reboot", 0, "restart|stop", "What a reset by the guest does.", set_on_reboot },
	{ "debug-exit", 0, "yes|no", "Give the guest port 0xf4.", set_debug_exit },
	{ "revision", 0, "N", "Only if this is its revision, as show tells it.", set_revision },
};
/* clang-format on */

static int call_set(struct action *a, struct target *t, struct err **e)
{
	const struct set_options *o = a->cli->options;
	struct vm_update_params p = { .project = cli_project(a->cli),
				      .vm = (char *)t->name,
				      .has_revision = o->revision != 0,
				      .revision = o->revision,
				      .change = o->change };
	autofini(vm_update_result) result = { 0 };
	autofree char *text = NULL;

	if (client_vm_update(a->cli->client, &p, &result, e) < 0)
		return err_wrap(e, "set %s", t->name);
	text = a->cli->json
		       ? vm_update_result_format(&result)
		       : mem_printf("%s: revision %llu", result.vm.definition.name,
				    (unsigned long long)result.vm.definition.revision);
	t->status = output_line(text);
	return 0;
}

static int run_set(struct cli *cli, struct err **e)
{
	struct action a = { .cli = cli, .call = call_set };

	return action_run(&a, e);
}

const struct command command_set = {
	.name = "set",
	.summary = "change what is defined",
	.usage = "OPTION... NAME...",
	.about = "Change definitions. What makes up the machine changes only while it\n"
		 "does not run.\n",
	.flags = { { set_flags, COUNT(set_flags) } },
	.options_size = sizeof(struct set_options),
	.fini = set_fini,
	.args_min = 1,
	.args_max = SIZE_MAX,
	.run = run_set,
};
