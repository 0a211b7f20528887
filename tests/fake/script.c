/*
 * tests/fake/script.c - the words of a fake worker's command line
 *
 * Not here: what they do (fake_worker.c).
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "tests/fake/fake_worker.h"

static const char *const moments[MOMENT_COUNT] = {
	[MOMENT_START] = "start",
	[MOMENT_LOADING] = "loading",
	[MOMENT_RUNNING] = "running",
};

static const char *const garbages[GARBAGE_COUNT] = {
	[GARBAGE_NONE] = "none", [GARBAGE_BYTES] = "bytes", [GARBAGE_ARRAY] = "array",
	[GARBAGE_HUGE] = "huge", [GARBAGE_TYPES] = "types", [GARBAGE_DEEP] = "deep",
};

static const struct {
	const char *word;
	size_t at;
} flags[] = {
	{ "mute", offsetof(struct script, mute) },
	{ "liar", offsetof(struct script, liar) },
	{ "badfds", offsetof(struct script, badfds) },
	{ "badkick", offsetof(struct script, badkick) },
	{ "refuse", offsetof(struct script, refuse) },
	{ "fickle", offsetof(struct script, fickle) },
	{ "hang", offsetof(struct script, hang) },
	{ "deaf", offsetof(struct script, deaf) },
	{ "echo", offsetof(struct script, echo) },
	{ "noisy", offsetof(struct script, noisy) },
	{ "wild", offsetof(struct script, wild) },
};

static bool find(const char *const *names, size_t n, const char *name, int *out)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(names[i], name)) {
			*out = (int)i;
			return true;
		}
	}
	return false;
}

static bool take_number(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return *text && !*end;
}

static bool take_text(const char *text, char **out)
{
	free(*out);
	*out = mem_strdup(text);
	for (char *c = *out; *c; c++)
		*c = *c == '~' ? ' ' : *c == '|' ? '\n' : *c;
	return true;
}

/* REASON or REASON:STATUS */
static bool take_end(const char *text, struct script *s)
{
	autofree char *reason = mem_strdup(text);
	char *colon = strchr(reason, ':');

	if (colon)
		*colon++ = '\0';
	s->ends = true;
	return (!colon || take_number(colon, &s->status)) &&
	       end_reason_from_name(reason, &s->end);
}

static bool take_death(const char *text, struct script *s)
{
	const char *colon = strchr(text, ':');
	uint64_t value;

	if (!colon || !take_number(colon + 1, &value))
		return false;
	s->death = str_starts(text, "exit:") ? DEATH_EXIT : DEATH_SIGNAL;
	s->death_value = (int)value;
	return s->death == DEATH_EXIT || str_starts(text, "signal:");
}

static bool take_pair(const char *key, const char *value, struct script *s)
{
	int which;

	if (str_eq(key, "end"))
		return take_end(value, s);
	if (str_eq(key, "die"))
		return take_death(value, s);
	if (str_eq(key, "print"))
		return take_text(value, &s->print);
	if (str_eq(key, "words"))
		return take_text(value, &s->words);
	if (str_eq(key, "after"))
		return take_number(value, &s->after_ms);
	if (str_eq(key, "flood"))
		return take_number(value, &s->flood);
	if (str_eq(key, "when") && find(moments, MOMENT_COUNT, value, &which)) {
		s->when = (enum fake_moment)which;
		return true;
	}
	if (str_eq(key, "garbage") && find(garbages, GARBAGE_COUNT, value, &which)) {
		s->garbage = (enum fake_garbage)which;
		return true;
	}
	return false;
}

static bool take_word(char *word, struct script *s)
{
	char *equals = strchr(word, '=');

	if (equals) {
		*equals = '\0';
		return take_pair(word, equals + 1, s);
	}
	for (size_t i = 0; i < COUNT(flags); i++) {
		if (str_eq(flags[i].word, word)) {
			*(bool *)((char *)s + flags[i].at) = true;
			return true;
		}
	}
	return false;
}

int script_parse(const char *cmdline, struct script *out, struct err **e)
{
	autofree char *copy = mem_strdup(cmdline ? cmdline : "");
	char *rest = copy, *word;

	*out = (struct script){ .end = END_REASON_GUEST_POWEROFF };
	while ((word = strsep(&rest, " ")))
		if (*word && !take_word(word, out))
			return err_set(e, ERR_INVALID_PARAMS,
				       "the fake worker does not know the word \"%s\"",
				       word);
	return 0;
}

void script_fini(struct script *s)
{
	free(s->print);
	free(s->words);
}
