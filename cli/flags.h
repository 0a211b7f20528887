/*
 * cli/flags.h - options of a command, from tables
 */
#ifndef VX_CLI_FLAGS_H
#define VX_CLI_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct flag {
	const char *name;    /* without the dashes */
	char letter;	     /* 0: none */
	const char *metavar; /* NULL: takes no value */
	const char *help;    /* a sentence */
	/* `value` is NULL for a flag that takes none. 0, or -1 and *e. */
	int (*set)(void *into, const char *value, struct err **e);
};

struct flag_group {
	const struct flag *flags;
	size_t count;
	void *into; /* borrowed: what the flags' set() gets */
};

/*
 * Take the options out of argv[0 .. argc): `--name value`, `--name=value`, `-n value`,
 * `-nvalue`. What is left goes to `out_args`, which has room for argc, in order; all
 * behind `--` is left. With `leading` parsing ends at the first word that is no
 * option, and all from there on is left.
 */
int flags_parse(const struct flag_group *groups, size_t n_groups, int argc, char **argv,
		bool leading, char **out_args, size_t *out_n, struct err **e);

/* One paragraph for each flag, as `--help` shows it. */
void flags_help(const struct flag *flags, size_t count, struct str *out);

#endif
