/*
 * base/err.c - build, wrap and free the error object
 */
#include "base/err.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

int err_vset(struct err **e, enum err_code code, const char *fmt, va_list args)
{
	if (!e)
		return -1;
	err_free(*e);
	*e = mem_new(struct err);
	(*e)->code = code;
	(*e)->message = mem_vprintf(fmt, args);
	return -1;
}

int err_set(struct err **e, enum err_code code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	err_vset(e, code, fmt, args);
	va_end(args);
	return -1;
}

enum err_code err_code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOENT:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return ERR_PERMISSION_DENIED;
	case ENOSPC:
	case EDQUOT:
		return ERR_NO_SPACE;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EAGAIN:
		return ERR_NO_CAPACITY;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	default:
		return ERR_INTERNAL;
	}
}

int err_sys(struct err **e, int errnum, const char *fmt, ...)
{
	va_list args;
	int positive = errnum < 0 ? -errnum : errnum;

	va_start(args, fmt);
	autofree char *what = mem_vprintf(fmt, args);
	va_end(args);
	return err_set(e, err_code_of_errno(positive), "%s: %s", what,
		       strerror(positive));
}

static void replace(char **slot, char *with)
{
	free(*slot);
	*slot = with;
}

int err_wrap(struct err **e, const char *fmt, ...)
{
	if (!e || !*e)
		return -1;

	va_list args;

	va_start(args, fmt);
	autofree char *context = mem_vprintf(fmt, args);
	va_end(args);
	replace(&(*e)->message, mem_printf("%s: %s", context, (*e)->message));
	return -1;
}

int err_hint(struct err **e, const char *fmt, ...)
{
	if (!e || !*e)
		return -1;

	va_list args;

	va_start(args, fmt);
	replace(&(*e)->hint, mem_vprintf(fmt, args));
	va_end(args);
	return -1;
}

int err_object(struct err **e, const char *name)
{
	if (e && *e)
		replace(&(*e)->object, mem_strdup(name));
	return -1;
}

int err_path(struct err **e, const char *fmt, ...)
{
	if (!e || !*e)
		return -1;

	va_list args;

	va_start(args, fmt);
	autofree char *segment = mem_vprintf(fmt, args);
	va_end(args);

	const char *rest = (*e)->path ? (*e)->path : "";
	const char *dot = *rest && *rest != '[' ? "." : "";

	replace(&(*e)->path, mem_printf("%s%s%s", segment, dot, rest));
	return -1;
}

struct err *err_dup(const struct err *e)
{
	if (!e)
		return NULL;

	struct err *copy = mem_new(struct err);

	copy->code = e->code;
	copy->message = mem_strdup(e->message);
	copy->object = mem_strdup(e->object);
	copy->hint = mem_strdup(e->hint);
	copy->path = mem_strdup(e->path);
	copy->last_words = mem_strdup(e->last_words);
	return copy;
}

void err_free(struct err *e)
{
	if (!e)
		return;
	free(e->message);
	free(e->object);
	free(e->hint);
	free(e->path);
	free(e->last_words);
	free(e);
}
