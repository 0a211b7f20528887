/*
 * cli/output.h - standard output, standard error, exit status
 */
#ifndef VX_CLI_OUTPUT_H
#define VX_CLI_OUTPUT_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define EXIT_OUTPUT 74	 /* EX_IOERR: standard output took not all of it */
#define EXIT_FAILED_VM 9 /* a VM ended by a failure: as ERR_WORKER_FAILED */

/*
 * All of it to standard output, at once and unbuffered. 0, or EXIT_OUTPUT after the
 * reason went to standard error.
 */
int output_bytes(const void *data, size_t len) NODISCARD;
int output_str(const struct str *s) NODISCARD;
/* A line; for JSON, so that no half of it is ever printed. */
int output_line(const char *text) NODISCARD;

/* "vxctl: <sentence>" and what else is known, in lines below it. */
void error_format(const struct err *e, struct str *out);
/* Print it to standard error: the exit status that fits. Consumes `e`. */
int error_report(struct err *e);
/* A line for people, to standard error: "vxctl: <fmt>". */
void notice(const char *fmt, ...) PRINTF(1, 2);

#endif
