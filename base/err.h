/*
 * base/err.h - the one error object
 *
 * Whatever knows a name that a user typed returns 0 or -1 and fills one
 * `struct err`: a code of schema/errors.json (so it already is the RPC error),
 * a sentence, and, where there is one, the object's name and the way out.
 * Context is added on the way up; it is logged once, at the top.
 *
 * `e` may be NULL for a caller that does not care. *e must be NULL on entry.
 */
#ifndef VX_BASE_ERR_H
#define VX_BASE_ERR_H

#include <stdarg.h>

#include "base/cleanup.h"
#include "schema/gen/errors.h" /* enum err_code: constants and nothing else */

struct err {
	enum err_code code;
	char *message;	  /* owned: a sentence, context first */
	char *object;	  /* owned, may be NULL: name of what it is about */
	char *hint;	  /* owned, may be NULL: the way out */
	char *path;	  /* owned, may be NULL: field, as disks[2].format */
	char *last_words; /* owned, may be NULL: what a failed worker said */
};

/* All return -1, so that `return err_set(...)` ends a function. */
int err_set(struct err **e, enum err_code code, const char *fmt, ...) PRINTF(3, 4);
int err_vset(struct err **e, enum err_code code, const char *fmt, va_list args)
	PRINTF(3, 0);
/* "<fmt>: <strerror(errnum)>", with the code that fits `errnum` (>0 or <0). */
int err_sys(struct err **e, int errnum, const char *fmt, ...) PRINTF(3, 4);
/* Put "<fmt>: " before the sentence that is there. */
int err_wrap(struct err **e, const char *fmt, ...) PRINTF(2, 3);
int err_hint(struct err **e, const char *fmt, ...) PRINTF(2, 3);
int err_object(struct err **e, const char *name);
/* Put `segment` before the field path: "[2]" or "disks"; dots are ours. */
int err_path(struct err **e, const char *fmt, ...) PRINTF(2, 3);

/* The code that fits errno value `errnum`. */
enum err_code err_code_of_errno(int errnum);

struct err *err_dup(const struct err *e);
void err_free(struct err *e);

AUTOPTR(err, err_free);

#endif
