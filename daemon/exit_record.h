/*
 * daemon/exit_record.h - why an instance ended, judged by what its keeper saw
 */
#ifndef VX_DAEMON_EXIT_RECORD_H
#define VX_DAEMON_EXIT_RECORD_H

#include <stdbool.h>
#include <sys/wait.h>

#include "schema/gen/worker.h"

#define EXIT_RECORD_NAME "exit.json" /* in the instance's directory */

struct exit_evidence {
	int status;    /* as wait(2) gives it */
	bool told_to;  /* the keeper was told to end the worker */
	bool host_oom; /* the kernel killed something for want of memory meanwhile */
	const struct worker_report *report; /* borrowed: the last one, NULL if none */
	const char *last_words;		    /* borrowed, may be NULL */
};

/* Fill reason, statuses, detail, last state and words of `out`. Pure. */
void exit_record_judge(const struct exit_evidence *ev, struct exit_record *out);

/* Is it an end that leaves the VM stopped, rather than failed? */
bool end_reason_is_orderly(enum end_reason r);

#endif
