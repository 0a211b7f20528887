/*
 * daemon/exit_record.c - why an instance ended, judged by what its keeper saw
 *
 * The worker's own word counts first, as long as it said that it is ending; then what
 * killed it; then how it exited. A worker that just disappears has crashed: an end is
 * never mistaken for a stop.
 */
#include "daemon/exit_record.h"

#include <signal.h>
#include <string.h>

#include "base/mem.h"

bool end_reason_is_orderly(enum end_reason r)
{
	switch (r) {
	case END_REASON_GUEST_POWEROFF:
	case END_REASON_GUEST_RESET:
	case END_REASON_STOP:
	case END_REASON_KILL:
	case END_REASON_DEBUG_EXIT:
		return true;
	default:
		return false;
	}
}

static void judge_signal(const struct exit_evidence *ev, struct exit_record *out)
{
	int sig = WTERMSIG(ev->status);

	out->has_signal = true;
	out->signal = (uint64_t)sig;
	if (sig == SIGKILL && ev->told_to) {
		out->reason = END_REASON_KILL;
	} else if (sig == SIGKILL && ev->host_oom) {
		out->reason = END_REASON_OOM;
		out->detail =
			mem_strdup("the kernel ended it: the host had no memory left");
	} else if (sig == SIGSYS) {
		out->reason = END_REASON_SECCOMP;
		out->detail = mem_strdup("it made a system call that it must not make");
	} else {
		out->reason = END_REASON_CRASH;
		out->detail = mem_printf("the worker was ended by signal %d (%s)", sig,
					 strsignal(sig));
	}
}

static void judge_exit(const struct exit_evidence *ev, struct exit_record *out)
{
	enum worker_phase phase =
		ev->report ? ev->report->phase : WORKER_PHASE_STARTING;
	int status = WEXITSTATUS(ev->status);

	out->has_exit_status = true;
	out->exit_status = (uint64_t)status;
	if (out->reason != END_REASON_NONE)
		return; /* it said so itself */
	out->reason = phase == WORKER_PHASE_STARTING || phase == WORKER_PHASE_LOADING
			      ? END_REASON_START_FAILED
			      : END_REASON_CRASH;
	out->detail =
		mem_printf("the worker exited with status %d without a reason", status);
}

void exit_record_judge(const struct exit_evidence *ev, struct exit_record *out)
{
	const struct worker_report *r = ev->report;

	out->reason = END_REASON_NONE;
	if (r)
		out->last_state = mem_strdup(worker_phase_name(r->phase));
	if (ev->last_words && *ev->last_words)
		out->last_words = mem_strdup(ev->last_words);
	if (r && r->phase == WORKER_PHASE_ENDING && r->reason != END_REASON_NONE) {
		out->reason = r->reason;
		out->guest_status = r->status;
		out->has_syscall = r->has_syscall;
		out->syscall = r->syscall;
		out->detail = mem_strdup(r->detail);
	}
	if (WIFEXITED(ev->status))
		judge_exit(ev, out);
	else if (out->reason == END_REASON_NONE)
		judge_signal(ev, out);
}
