/*
 * cli/output.c - standard output, standard error, exit status
 *
 * Text is made whole before any of it is written, so that an error on the way prints
 * nothing; a write that fails is an error of its own, never silence.
 */
#include "cli/output.h"

#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/format.h"
#include "schema/gen/error_info.h"

int output_bytes(const void *data, size_t len)
{
	int rc = fd_write_all(STDOUT_FILENO, data, len);

	if (rc == 0)
		return 0;
	notice("standard output: %s", strerror(-rc));
	return EXIT_OUTPUT;
}

int output_str(const struct str *s)
{
	return s->len ? output_bytes(s->data, s->len) : 0;
}

int output_line(const char *text)
{
	autofree char *line = mem_printf("%s\n", text);

	return output_bytes(line, strlen(line));
}

void error_format(const struct err *e, struct str *out)
{
	str_add(out, "vxctl: ");
	text_format(e->message, out);
	str_add_char(out, '\n');
	if (e->path) {
		str_add(out, "  field: ");
		lines_format(e->path, "", out);
	}
	if (e->hint) {
		str_add(out, "  hint: ");
		lines_format(e->hint, "", out);
	}
	if (e->last_words) {
		str_add(out, "  last words of the worker:\n");
		lines_format(e->last_words, "    ", out);
	}
}

int error_report(struct err *e)
{
	autofini(str) text = { 0 };
	int status = err_code_exit(e->code);

	error_format(e, &text);
	/* Nobody is left to tell when standard error fails. */
	int rc UNUSED = fd_write_all(STDERR_FILENO, text.data, text.len);

	err_free(e);
	return status;
}

void notice(const char *fmt, ...)
{
	autofini(str) line = { 0 };
	va_list args;

	va_start(args, fmt);

	autofree char *text = mem_vprintf(fmt, args);

	va_end(args);
	str_add(&line, "vxctl: ");
	text_format(text, &line);
	str_add_char(&line, '\n');

	int rc UNUSED = fd_write_all(STDERR_FILENO, line.data, line.len);
}
