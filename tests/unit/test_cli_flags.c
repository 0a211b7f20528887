/*
 * tests/unit/test_cli_flags.c - options of vxctl, and those that describe a VM
 */
#include <string.h>

#include "base/mem.h"
#include "cli/flags.h"
#include "cli/vm_spec.h"
#include "tests/unit/test.h"

struct seen {
	char *name;
	unsigned loud;
};

static int set_name(void *into, const char *value, struct err **e)
{
	struct seen *s = into;

	if (strcmp(value, "bad") == 0)
		return err_set(e, ERR_INVALID_PARAMS, "bad is no name");
	free(s->name);
	s->name = mem_strdup(value);
	return 0;
}

static int set_loud(void *into, const char *value, struct err **e)
{
	T_OK(!value);
	((struct seen *)into)->loud++;
	return 0;
}

static const struct flag flags[] = {
	{ "name", 'n', "NAME", "Its name.", set_name },
	{ "loud", 'l', NULL, "Be loud.", set_loud },
};

#define WORDS_MAX 8

/* Parse words that end with NULL; the error, or NULL. */
static struct err *parse(const char *const *words, bool leading, struct seen *s,
			 char **args, size_t *n_args)
{
	struct flag_group groups[] = { { NULL, 0, NULL }, { flags, COUNT(flags), s } };
	char *argv[WORDS_MAX];
	int argc = 0;
	struct err *e = NULL;
	int rc;

	for (; words[argc]; argc++)
		argv[argc] = (char *)words[argc];
	rc = flags_parse(groups, COUNT(groups), argc, argv, leading, args, n_args, &e);
	T_EQ(rc, e ? -1 : 0);
	return e;
}

static void check_name(const char *const *words, const char *name, size_t n_args)
{
	struct seen s = { 0 };
	char *args[WORDS_MAX];
	size_t n = 99;

	T_OK(!parse(words, false, &s, args, &n));
	T_STR(s.name, name);
	T_EQ(n, n_args);
	free(s.name);
}

static void check_error(const char *const *words, const char *text)
{
	struct seen s = { 0 };
	char *args[WORDS_MAX];
	size_t n = 99;
	struct err *e = parse(words, false, &s, args, &n);

	T_OK(e);
	T_EQ(e->code, ERR_INVALID_PARAMS);
	T_STR(e->message, text);
	T_EQ(n, 99);
	err_free(e);
	free(s.name);
}

/* clang-format off */
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
/* clang-format on */

static void a_value_may_be_attached_or_follow(void)
{
	check_name(WORDS("--name", "web", "x"), "web", 1);
	check_name(WORDS("x", "--name=web"), "web", 1);
	check_name(WORDS("-n", "web", "x", "y"), "web", 2);
	check_name(WORDS("-nweb"), "web", 0);
	check_name(WORDS("--name="), "", 0);
	check_name(WORDS("--name", "a", "--name", "b"), "b", 0);
	check_name(WORDS("--name", "--loud"), "--loud", 0);
}

static void what_follows_two_dashes_is_an_argument(void)
{
	check_name(WORDS("-n", "web", "--", "--loud", "-n"), "web", 2);
	check_name(WORDS("-n", "web", "-"), "web", 1);
}

static void leading_options_end_at_the_first_word(void)
{
	struct seen s = { 0 };
	char *args[WORDS_MAX];
	size_t n;

	T_OK(!parse(WORDS("-l", "start", "-n", "web", "-l"), true, &s, args, &n));
	T_EQ(s.loud, 1);
	T_OK(!s.name);
	T_EQ(n, 4);
	T_STR(args[0], "start");
	T_STR(args[3], "-l");
}

static void errors_name_the_option(void)
{
	check_error(WORDS("--nam", "web"), "there is no option --nam");
	check_error(WORDS("--names=web"), "there is no option --names");
	check_error(WORDS("-x"), "there is no option -x");
	check_error(WORDS("x", "--name"), "--name needs a value: NAME");
	check_error(WORDS("-n"), "--name needs a value: NAME");
	check_error(WORDS("--loud=yes"), "--loud takes no value");
	check_error(WORDS("--name", "bad"), "--name: bad is no name");
}

/* Every flag of a VM set, through its own table. */
static void the_options_of_a_vm_fill_its_spec(void)
{
	static const char *const words[] = {
		"--kernel",   "/boot/k",  "-i",		 "/boot/i", "--module",
		"/m1",	      "--module", "/m2",	 "-a",	    "console=ttyS0",
		"--protocol", "pvh",	  "-c",		 "4",	    "-m1.5G",
		"--machine",  "pv-1",	  "--on-reboot", "stop",    "--debug-exit",
		"--protect",  "--label",  "b=2",	 "--label", "a=x=y",
		"--label",    "b=3",
	};
	autofini(vm_spec) spec = { 0 };
	struct flag_group group = { vm_spec_flags, VM_SPEC_FLAGS, &spec };
	char *args[COUNT(words)];
	struct err *e = NULL;
	size_t n;

	T_EQ(vm_spec_init(&spec, &e), 0);
	T_EQ(flags_parse(&group, 1, COUNT(words), (char **)words, false, args, &n, &e),
	     0);
	T_EQ(n, 0);
	T_STR(spec.boot.kernel, "/boot/k");
	T_STR(spec.boot.initrd, "/boot/i");
	T_EQ(spec.boot.n_modules, 2);
	T_STR(spec.boot.modules[1], "/m2");
	T_STR(spec.boot.cmdline, "console=ttyS0");
	T_EQ(spec.boot.protocol, BOOT_PROTOCOL_PVH);
	T_EQ(spec.cpus, 4);
	T_EQ(spec.memory, 3ull << 29);
	T_EQ(spec.on_reboot, ON_REBOOT_STOP);
	T_OK(spec.debug_exit && spec.protect && !spec.ephemeral);
	T_EQ(spec.n_labels, 2);
	T_STR(spec.labels[0].key, "a");
	T_STR(spec.labels[0].value, "x=y");
	T_STR(spec.labels[1].value, "3");
}

static void a_spec_begins_with_the_schemas_defaults_and_needs_a_kernel(void)
{
	autofini(vm_spec) spec = { 0 };
	autoptr(err) e = NULL;

	T_EQ(vm_spec_init(&spec, &e), 0);
	T_EQ(spec.cpus, 1);
	T_EQ(spec.memory, 256u << 20);
	T_EQ(spec.on_reboot, ON_REBOOT_RESTART);
	T_EQ(spec.boot.protocol, BOOT_PROTOCOL_AUTO);
	T_EQ(vm_spec_check(&spec, &e), -1);
	T_HAS(e->message, "no kernel");
}

static void bad_values_of_a_vm_are_refused_with_the_option(void)
{
	static const struct {
		const char *option, *value, *says;
	} bad[] = {
		{ "--cpus", "two", "--cpus: two is no number" },
		{ "--cpus", "-1", "--cpus: -1 is no number" },
		{ "--memory", "1X", "--memory: 1X is no size" },
		{ "--protocol", "bios", "--protocol: there is no boot protocol bios" },
		{ "--machine", "pv-2", "--machine: there is no machine pv-2" },
		{ "--on-reboot", "no", "--on-reboot: no is neither restart nor stop" },
		{ "--label", "x", "--label: x is not KEY=VALUE" },
		{ "--label", "=x", "--label: =x is not KEY=VALUE" },
		{ "--kernel", "", "--kernel: the path is empty" },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		autofini(vm_spec) spec = { 0 };
		struct flag_group group = { vm_spec_flags, VM_SPEC_FLAGS, &spec };
		char *argv[] = { (char *)bad[i].option, (char *)bad[i].value },
		     *args[2];
		autoptr(err) e = NULL;
		size_t n;

		T_EQ(vm_spec_init(&spec, &e), 0);
		T_EQ(flags_parse(&group, 1, 2, argv, false, args, &n, &e), -1);
		T_STR(e->message, bad[i].says);
	}
}

static void relative_paths_are_taken_from_the_working_directory(void)
{
	autofree char *dir = realpath(t_dir(), NULL);
	autofree char *want = mem_printf("%s/boot/../k", dir);
	autofree char *same = NULL, *dot = NULL, *relative = NULL, *root = NULL;

	T_EQ(chdir(dir), 0);
	same = path_absolute("/boot/k", NULL);
	T_STR(same, "/boot/k");
	relative = path_absolute("boot/../k", NULL);
	T_STR(relative, want);
	dot = path_absolute("./boot/../k", NULL);
	T_STR(dot, want);
	T_EQ(chdir("/"), 0);
	root = path_absolute("k", NULL);
	T_STR(root, "/k");
}

static void help_is_wrapped_and_ends_no_line_with_a_blank(void)
{
	static const struct flag some[] = {
		{ "a", 0, NULL, "Short.", set_loud },
		{ "long-name-of-an-option", 'l', "A-VALUE", "Begins on its own line.",
		  set_loud },
		{ "b", 'b', "B",
		  "A sentence that is so long that it does not fit into eighty "
		  "columns.",
		  set_loud },
	};
	autofini(str) out = { 0 };

	flags_help(some, COUNT(some), &out);
	T_STR(out.data, "      --a                 Short.\n"
			"  -l, --long-name-of-an-option A-VALUE\n"
			"                          Begins on its own line.\n"
			"  -b, --b B               A sentence that is so long that it "
			"does not fit into\n"
			"                          eighty columns.\n");
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_value_may_be_attached_or_follow),
		T_CASE(what_follows_two_dashes_is_an_argument),
		T_CASE(leading_options_end_at_the_first_word),
		T_CASE(errors_name_the_option),
		T_CASE(the_options_of_a_vm_fill_its_spec),
		T_CASE(a_spec_begins_with_the_schemas_defaults_and_needs_a_kernel),
		T_CASE(bad_values_of_a_vm_are_refused_with_the_option),
		T_CASE(relative_paths_are_taken_from_the_working_directory),
		T_CASE(help_is_wrapped_and_ends_no_line_with_a_blank),
	};

	return T_RUN(cases);
}
