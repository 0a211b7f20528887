/*
 * cli/vm_spec.c - the options that describe a VM
 *
 * Each is a "cli" key of schema/types.json; tests/unit/test_cli_schema.py holds the two
 * against each other. Paths are made absolute here, as vxd lives in another directory.
 */
#include "cli/vm_spec.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "cli/format.h"

#define MODULES_MAX 16
#define LABELS_MAX 64

static void replace(char **at, char *with)
{
	free(*at);
	*at = with;
}

char *path_absolute(const char *path, struct err **e)
{
	autofree char *cwd = NULL;

	if (path[0] == '/')
		return mem_strdup(path);
	if (!path[0]) {
		err_set(e, ERR_INVALID_PARAMS, "the path is empty");
		return NULL;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd) {
		err_sys(e, errno, "find the working directory, for %s", path);
		return NULL;
	}
	while (str_starts(path, "./"))
		path += 2;
	return mem_printf("%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, path);
}

int path_set(char **at, const char *value, struct err **e)
{
	char *path = path_absolute(value, e);

	if (!path)
		return -1;
	replace(at, path);
	return 0;
}

static int set_kernel(void *into, const char *value, struct err **e)
{
	return path_set(&((struct vm_spec *)into)->boot.kernel, value, e);
}

static int set_initrd(void *into, const char *value, struct err **e)
{
	return path_set(&((struct vm_spec *)into)->boot.initrd, value, e);
}

static int add_module(void *into, const char *value, struct err **e)
{
	struct boot *b = &((struct vm_spec *)into)->boot;

	if (b->n_modules == MODULES_MAX)
		return err_set(e, ERR_INVALID_PARAMS, "more than %d modules",
			       MODULES_MAX);

	char *path = path_absolute(value, e);

	if (!path)
		return -1;
	b->modules = mem_grow(b->modules, b->n_modules + 1, sizeof(*b->modules));
	b->modules[b->n_modules++] = path;
	return 0;
}

static int set_cmdline(void *into, const char *value, struct err **e)
{
	replace(&((struct vm_spec *)into)->boot.cmdline, mem_strdup(value));
	return 0;
}

static int set_protocol(void *into, const char *value, struct err **e)
{
	if (boot_protocol_from_name(value, &((struct vm_spec *)into)->boot.protocol))
		return 0;
	err_set(e, ERR_INVALID_PARAMS, "there is no boot protocol %s", value);
	return err_hint(e, "auto, linux, pvh or multiboot");
}

static int set_machine(void *into, const char *value, struct err **e)
{
	if (machine_version_from_name(value, &((struct vm_spec *)into)->machine))
		return 0;
	return err_set(e, ERR_INVALID_PARAMS, "there is no machine %s", value);
}

static int set_cpus(void *into, const char *value, struct err **e)
{
	uint64_t n;

	if (number_parse(value, &n, e) < 0)
		return -1;
	((struct vm_spec *)into)->cpus = n;
	return 0;
}

static int set_memory(void *into, const char *value, struct err **e)
{
	uint64_t n;

	if (size_parse(value, &n, e) < 0)
		return -1;
	((struct vm_spec *)into)->memory = n;
	return 0;
}

static int set_on_reboot(void *into, const char *value, struct err **e)
{
	if (on_reboot_from_name(value, &((struct vm_spec *)into)->on_reboot))
		return 0;
	return err_set(e, ERR_INVALID_PARAMS, "%s is neither restart nor stop", value);
}

static int set_restart(void *into, const char *value, struct err **e)
{
	if (restart_policy_from_name(value, &((struct vm_spec *)into)->restart))
		return 0;
	return err_set(e, ERR_INVALID_PARAMS, "%s is none of never, on-failure, always",
		       value);
}

static int set_autostart(void *into, const char *value, struct err **e)
{
	((struct vm_spec *)into)->autostart = true;
	return 0;
}

static int set_protect(void *into, const char *value, struct err **e)
{
	((struct vm_spec *)into)->protect = true;
	return 0;
}

static int set_debug_exit(void *into, const char *value, struct err **e)
{
	((struct vm_spec *)into)->debug_exit = true;
	return 0;
}

int label_add(struct kv **labels, size_t *n, const char *value, struct err **e)
{
	const char *equals = strchr(value, '=');

	if (!equals || equals == value)
		return err_set(e, ERR_INVALID_PARAMS, "%s is not KEY=VALUE", value);
	if (*n == LABELS_MAX)
		return err_set(e, ERR_INVALID_PARAMS, "more than %d labels",
			       LABELS_MAX);
	autofree char *key = mem_strndup(value, (size_t)(equals - value));

	kv_set(labels, n, key, equals + 1);
	return 0;
}

static int add_label(void *into, const char *value, struct err **e)
{
	struct vm_spec *spec = into;

	return label_add(&spec->labels, &spec->n_labels, value, e);
}

/* clang-format off */
const struct flag vm_spec_flags[VM_SPEC_FLAGS] = {
	{ "kernel", 'k', "FILE", "Kernel to boot: a bzImage, or an ELF file with a PVH note or a multiboot header.", set_kernel },
	{ "initrd", 'i', "FILE", "Initial RAM disk.", set_initrd },
	{ "module", 0, "FILE", "Multiboot or PVH module after the initrd; may be given 16 times.", add_module },
	{ "cmdline", 'a', "TEXT", "Kernel command line.", set_cmdline },
	{ "protocol", 0, "NAME", "How the kernel is entered: auto, linux, pvh or multiboot.", set_protocol },
	{ "cpus", 'c', "N", "Virtual CPUs; else 1.", set_cpus },
	{ "memory", 'm', "SIZE", "Guest RAM, as 512M or 2G; else 256M.", set_memory },
	{ "machine", 0, "NAME", "Machine version: pv-1.", set_machine },
	{ "on-reboot", 0, "restart|stop", "What a reset by the guest does; else restart.", set_on_reboot },
	{ "restart", 0, "never|on-failure|always", "Start it again when it ends so; else never.", set_restart },
	{ "autostart", 0, NULL, "Start it when vxd starts first after the host did.", set_autostart },
	{ "debug-exit", 0, NULL, "Give the guest port 0xf4: a byte written there ends the VM with that status.", set_debug_exit },
	{ "protect", 0, NULL, "Refuse delete.", set_protect },
	{ "label", 0, "KEY=VALUE", "Free label; may be given 64 times.", add_label },
};
/* clang-format on */

int vm_spec_init(struct vm_spec *spec, struct err **e)
{
	/* Only the decoder knows the defaults; it wants a kernel, which goes again. */
	static const char least[] = "{\"boot\":{\"kernel\":\"/\"}}";

	if (vm_spec_parse(least, strlen(least), DECODE_STRICT, spec, e) < 0)
		return -1;
	replace(&spec->boot.kernel, NULL);
	return 0;
}

int vm_spec_check(const struct vm_spec *spec, struct err **e)
{
	if (spec->boot.kernel)
		return 0;
	return err_set(e, ERR_INVALID_PARAMS, "no kernel: --kernel FILE is needed");
}
