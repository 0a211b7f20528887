/*
 * cli/flags.c - options of a command, from tables
 *
 * Not getopt: tables of several origins are one command's, a value is converted where
 * its option is described, and every error names the option.
 */
#include "cli/flags.h"

#include <string.h>

#define HELP_COLUMN 26
#define HELP_WIDTH 80

struct parser {
	const struct flag_group *groups;
	size_t n_groups;
	int argc;
	char **argv; /* borrowed */
	int at;	     /* next word */
};

static bool flag_matches(const struct flag *f, const char *name, size_t len,
			 char letter)
{
	if (letter)
		return f->letter == letter;
	return strlen(f->name) == len && memcmp(f->name, name, len) == 0;
}

static const struct flag *find(const struct parser *p, const char *name, size_t len,
			       char letter, void **out_into)
{
	for (size_t g = 0; g < p->n_groups; g++) {
		const struct flag_group *group = &p->groups[g];

		for (size_t i = 0; i < group->count; i++)
			if (flag_matches(&group->flags[i], name, len, letter)) {
				*out_into = group->into;
				return &group->flags[i];
			}
	}
	return NULL;
}

static int set(const struct flag *f, void *into, const char *value, struct err **e)
{
	return f->set(into, value, e) < 0 ? err_wrap(e, "--%s", f->name) : 0;
}

/* The value of `f`: what is attached to the option, or the next word. */
static int take_value(struct parser *p, const struct flag *f, void *into,
		      const char *attached, struct err **e)
{
	if (!f->metavar) {
		if (attached)
			return err_set(e, ERR_INVALID_PARAMS, "--%s takes no value",
				       f->name);
		return set(f, into, NULL, e);
	}
	if (!attached) {
		if (p->at == p->argc)
			return err_set(e, ERR_INVALID_PARAMS, "--%s needs a value: %s",
				       f->name, f->metavar);
		attached = p->argv[p->at++];
	}
	return set(f, into, attached, e);
}

static int take_long(struct parser *p, const char *word, struct err **e)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	void *into;
	const struct flag *f = find(p, name, len, 0, &into);

	if (!f)
		return err_set(e, ERR_INVALID_PARAMS, "there is no option --%.*s",
			       (int)len, name);
	return take_value(p, f, into, equals ? equals + 1 : NULL, e);
}

static int take_short(struct parser *p, const char *word, struct err **e)
{
	void *into;
	const struct flag *f = find(p, NULL, 0, word[1], &into);

	if (!f)
		return err_set(e, ERR_INVALID_PARAMS, "there is no option -%c",
			       word[1]);
	return take_value(p, f, into, word[2] ? word + 2 : NULL, e);
}

int flags_parse(const struct flag_group *groups, size_t n_groups, int argc, char **argv,
		bool leading, char **out_args, size_t *out_n, struct err **e)
{
	struct parser p = { groups, n_groups, argc, argv, 0 };
	bool only_args = false;
	size_t n = 0;

	while (p.at < argc) {
		char *word = argv[p.at++];
		int rc = 0;

		if (only_args || word[0] != '-' || !word[1]) {
			out_args[n++] = word;
			only_args |= leading;
		} else if (strcmp(word, "--") == 0) {
			only_args = true;
		} else if (word[1] == '-') {
			rc = take_long(&p, word, e);
		} else {
			rc = take_short(&p, word, e);
		}
		if (rc < 0)
			return -1;
	}
	*out_n = n;
	return 0;
}

/* Words of `text` from HELP_COLUMN on, broken at HELP_WIDTH. */
static void add_wrapped(struct str *out, const char *text)
{
	size_t column = HELP_COLUMN;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column > HELP_COLUMN && column + 1 + len > HELP_WIDTH) {
			str_addf(out, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		} else if (column > HELP_COLUMN) {
			str_add_char(out, ' ');
			column++;
		}
		str_add_bytes(out, text, len);
		column += len;
		text += len + strspn(text + len, " ");
	}
	str_add_char(out, '\n');
}

void flags_help(const struct flag *flags, size_t count, struct str *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct flag *f = &flags[i];
		size_t start = out->len, used;

		if (f->letter)
			str_addf(out, "  -%c, --%s", f->letter, f->name);
		else
			str_addf(out, "      --%s", f->name);
		if (f->metavar)
			str_addf(out, " %s", f->metavar);
		used = out->len - start;
		if (used + 1 < HELP_COLUMN)
			str_addf(out, "%*s", (int)(HELP_COLUMN - used), "");
		else
			str_addf(out, "\n%*s", HELP_COLUMN, "");
		add_wrapped(out, f->help);
	}
}
