/*
 * base/log.h - one line to standard error
 *
 * Under systemd the level travels as the <N> prefix of sd-daemon(3), elsewhere
 * as a word. Only the top of a program logs; libraries return errors.
 */
#ifndef VX_BASE_LOG_H
#define VX_BASE_LOG_H

#include "base/cleanup.h"

struct err;

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_COUNT
};

/* Lines above `level` are dropped. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
void log_write(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
/* "<fmt>: <sentence of e> (<hint of e>)". */
void log_err(const struct err *e, const char *fmt, ...) PRINTF(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
