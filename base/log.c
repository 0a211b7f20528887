/*
 * base/log.c - one line to standard error
 *
 * A line is written with one write(2), so that lines of several processes on
 * one descriptor do not mix.
 */
#include "base/log.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static atomic_int log_level = LOG_LEVEL_INFO;

static const struct {
	const char *word;
	const char *prefix; /* sd-daemon(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", "<3>" },
	[LOG_LEVEL_WARN] = { "warning", "<4>" },
	[LOG_LEVEL_INFO] = { "info", "<6>" },
	[LOG_LEVEL_DEBUG] = { "debug", "<7>" },
};
static_assert(COUNT(levels) == LOG_LEVEL_COUNT, "name every log level");

void log_set_level(enum log_level level)
{
	log_level = level;
}

static void write_line(enum log_level level, const char *text)
{
	bool journal = getenv("JOURNAL_STREAM") != NULL;
	autofree char *line =
		journal ? mem_printf("%s%s\n", levels[level].prefix, text)
			: mem_printf("%s: %s\n", levels[level].word, text);

	/* Nobody is left to tell when standard error is gone. */
	ssize_t n UNUSED = write(STDERR_FILENO, line, strlen(line));
}

void log_write(enum log_level level, const char *fmt, ...)
{
	if ((int)level > log_level)
		return;

	va_list args;

	va_start(args, fmt);
	autofree char *text = mem_vprintf(fmt, args);
	va_end(args);
	write_line(level, text);
}

void log_err(const struct err *e, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	autofree char *what = mem_vprintf(fmt, args);
	va_end(args);

	const char *hint = e && e->hint ? e->hint : NULL;
	autofree char *text =
		mem_printf("%s: %s%s%s%s", what, e ? e->message : "unknown error",
			   hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
	write_line(LOG_LEVEL_ERROR, text);
}
