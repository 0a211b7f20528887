/*
 * cli/console.h - a VM's serial console on our standard input and output
 */
#ifndef VX_CLI_CONSOLE_H
#define VX_CLI_CONSOLE_H

#include "cli/command.h"
#include "schema/gen/types.h"

enum console_outcome {
	CONSOLE_ENDED,	  /* the VM ended */
	CONSOLE_DETACHED, /* by the key */
	CONSOLE_SIGNAL,	  /* a signal came */
	CONSOLE_OUTPUT,	  /* standard output takes no more; that was reported */
};

struct console_result {
	enum console_outcome outcome;
	int signal;   /* CONSOLE_SIGNAL */
	bool has_end; /* CONSOLE_ENDED: the VM ran once */
	struct vm_end end;
};

void console_result_fini(struct console_result *r);
AUTOFINI(console_result, console_result_fini);

/*
 * Show the console of `vm` (a name or id; `name` is for people) and pass on what is
 * typed, until something of enum console_outcome happens. The terminal is raw
 * meanwhile, if standard input is one. -1 and *e; ERR_NOT_FOUND when there is no such
 * VM.
 */
int console_attach(struct cli *cli, const char *vm, const char *name, bool history,
		   struct console_result *out, struct err **e);
/* Only wait for the end, no longer than `timeout_ms`: as console_attach() afterwards. */
int console_wait_end(struct cli *cli, const char *id, int timeout_ms,
		     struct console_result *out, struct err **e);

#endif
