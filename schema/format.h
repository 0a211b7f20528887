/*
 * schema/format.h - the closed list of what strings may look like
 */
#ifndef VX_SCHEMA_FORMAT_H
#define VX_SCHEMA_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

enum format {
	FORMAT_TEXT,	  /* UTF-8 without control characters */
	FORMAT_LINES,	  /* the same with line feeds and tabs */
	FORMAT_NAME,	  /* [A-Za-z0-9][A-Za-z0-9._-]{0,62} */
	FORMAT_UUID,	  /* 8-4-4-4-12 hexadecimal digits, lower case */
	FORMAT_PATH,	  /* absolute */
	FORMAT_LABEL_KEY, /* like a name */
	FORMAT_BASE64,	  /* RFC 4648 §4, padded */
	FORMAT_MAC,	  /* six pairs of lower-case hexadecimal digits and colons */
	FORMAT_VM_REF,	  /* a name or a UUID */
	FORMAT_COUNT
};

/* NULL when `text` has the form, else what it must be: "must be an absolute path". */
const char *format_check(enum format f, const char *text);

#endif
