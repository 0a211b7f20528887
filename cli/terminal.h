/*
 * cli/terminal.h - a terminal in raw mode, given back on every way out
 */
#ifndef VX_CLI_TERMINAL_H
#define VX_CLI_TERMINAL_H

#include "base/err.h"

struct terminal;

/*
 * Make the terminal of `fd` raw: every key is a byte for the guest, Ctrl-C too. It is
 * restored by terminal_restore(), and by exit() at the latest, so the object stays
 * until then. NULL and *e.
 */
struct terminal *terminal_raw(int fd, struct err **e) NODISCARD;
/* As it was before; any number of times, NULL too. */
void terminal_restore(struct terminal *t);

/* A descriptor that becomes readable by SIGINT, SIGTERM, SIGHUP or SIGQUIT, which from
 * then on do nothing else. -1 and *e. */
int signals_open(struct err **e) NODISCARD;
/* The signal that came. */
int signals_take(int fd);
/* Die by `signal`, as if it had not been caught. */
void signals_die(int signal) __attribute__((noreturn));

#endif
