/*
 * tests/unit/test_exit_record.c - why an instance ended, from every piece of evidence
 */
#include "tests/unit/test.h"

#include <signal.h>

#include "daemon/exit_record.h"

#define EXITED(status) W_EXITCODE(status, 0)
#define KILLED(sig) W_EXITCODE(0, sig)

static struct worker_report ending(enum end_reason reason)
{
	return (struct worker_report){ .phase = WORKER_PHASE_ENDING, .reason = reason };
}

static void the_workers_own_word_counts_first(void)
{
	for (enum end_reason r = END_REASON_NONE + 1; r < END_REASON_COUNT; r++) {
		static const int statuses[] = { EXITED(0), EXITED(1), KILLED(SIGKILL),
						KILLED(SIGSEGV), KILLED(SIGSYS) };

		for (size_t i = 0; i < COUNT(statuses); i++) {
			struct worker_report report = ending(r);
			autofini(exit_record) out = { 0 };

			exit_record_judge(
				&(struct exit_evidence){ .status = statuses[i],
							 .told_to = true,
							 .report = &report },
				&out);
			T_EQ(out.reason, r);
		}
	}
}

static void what_it_said_with_it_is_kept(void)
{
	struct worker_report report = ending(END_REASON_DEBUG_EXIT);
	autofini(exit_record) out = { 0 };

	report.status = 33;
	report.detail = (char *)(uintptr_t) "a sentence";
	exit_record_judge(&(struct exit_evidence){ .status = EXITED(0),
						   .report = &report,
						   .last_words = "bye\n" },
			  &out);
	T_EQ(out.reason, END_REASON_DEBUG_EXIT);
	T_EQ(out.guest_status, 33);
	T_STR(out.detail, "a sentence");
	T_STR(out.last_state, "ending");
	T_STR(out.last_words, "bye\n");
	T_OK(out.has_exit_status && out.exit_status == 0);
	T_OK(!out.has_signal && !out.has_syscall);
}

static void a_reason_said_before_the_end_is_none(void)
{
	for (enum worker_phase p = 0; p < WORKER_PHASE_ENDING; p++) {
		struct worker_report report = { .phase = p,
						.reason = END_REASON_GUEST_POWEROFF };
		autofini(exit_record) out = { 0 };

		exit_record_judge(&(struct exit_evidence){ .status = EXITED(0),
							   .report = &report },
				  &out);
		T_NE(out.reason, END_REASON_GUEST_POWEROFF);
		T_OK(!end_reason_is_orderly(out.reason));
	}
}

/* What an exit with status 3 and no word is taken for. */
static enum end_reason exit_in(const struct worker_report *report)
{
	autofini(exit_record) out = { 0 };

	exit_record_judge(
		&(struct exit_evidence){ .status = EXITED(3), .report = report }, &out);
	T_OK(out.has_exit_status && out.exit_status == 3 && !out.has_signal);
	T_HAS(out.detail, "status 3");
	return out.reason;
}

static void an_exit_without_a_word_is_a_failed_start_or_a_crash(void)
{
	static const enum end_reason expected[WORKER_PHASE_COUNT] = {
		[WORKER_PHASE_STARTING] = END_REASON_START_FAILED,
		[WORKER_PHASE_LOADING] = END_REASON_START_FAILED,
		[WORKER_PHASE_RUNNING] = END_REASON_CRASH,
		[WORKER_PHASE_PAUSED] = END_REASON_CRASH,
		[WORKER_PHASE_ENDING] = END_REASON_CRASH,
	};

	T_EQ(exit_in(NULL), END_REASON_START_FAILED);
	for (enum worker_phase p = 0; p < WORKER_PHASE_COUNT; p++)
		T_EQ(exit_in(&(struct worker_report){ .phase = p }), expected[p]);
}

static void even_an_exit_with_0_is_no_orderly_end_without_a_word(void)
{
	struct worker_report report = { .phase = WORKER_PHASE_RUNNING };
	autofini(exit_record) out = { 0 };

	exit_record_judge(
		&(struct exit_evidence){ .status = EXITED(0), .report = &report },
		&out);
	T_EQ(out.reason, END_REASON_CRASH);
}

static enum end_reason killed_by(int sig, bool told_to, bool oom, const char *detail)
{
	struct worker_report report = { .phase = WORKER_PHASE_RUNNING };
	autofini(exit_record) out = { 0 };

	exit_record_judge(&(struct exit_evidence){ .status = KILLED(sig),
						   .told_to = told_to,
						   .host_oom = oom,
						   .report = &report },
			  &out);
	T_OK(out.has_signal && out.signal == (uint64_t)sig && !out.has_exit_status);
	if (detail)
		T_HAS(out.detail, detail);
	else
		T_STR(out.detail, NULL);
	return out.reason;
}

static void a_kill_is_ours_only_if_we_were_told_to(void)
{
	T_EQ(killed_by(SIGKILL, true, false, NULL), END_REASON_KILL);
	T_EQ(killed_by(SIGKILL, true, true, NULL), END_REASON_KILL);
	T_EQ(killed_by(SIGKILL, false, true, "no memory"), END_REASON_OOM);
	T_EQ(killed_by(SIGKILL, false, false, "signal 9"), END_REASON_CRASH);
}

static void other_signals_are_crashes_whatever_we_were_told(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGTERM };

	for (size_t i = 0; i < COUNT(sigs); i++) {
		T_EQ(killed_by(sigs[i], false, false, "signal"), END_REASON_CRASH);
		T_EQ(killed_by(sigs[i], true, true, "signal"), END_REASON_CRASH);
	}
}

static void a_forbidden_system_call_has_its_own_reason(void)
{
	T_EQ(killed_by(SIGSYS, false, false, "system call"), END_REASON_SECCOMP);
	T_EQ(killed_by(SIGSYS, true, true, "system call"), END_REASON_SECCOMP);
}

static void nothing_said_leaves_nothing(void)
{
	autofini(exit_record) out = { 0 };

	exit_record_judge(
		&(struct exit_evidence){ .status = KILLED(SIGSEGV), .last_words = "" },
		&out);
	T_EQ(out.reason, END_REASON_CRASH);
	T_STR(out.last_state, NULL);
	T_STR(out.last_words, NULL);
}

static void the_orderly_ends_are_these(void)
{
	static const bool orderly[END_REASON_COUNT] = {
		[END_REASON_GUEST_POWEROFF] = true, [END_REASON_GUEST_RESET] = true,
		[END_REASON_STOP] = true,	    [END_REASON_KILL] = true,
		[END_REASON_DEBUG_EXIT] = true,
	};

	for (enum end_reason r = 0; r < END_REASON_COUNT; r++)
		if (end_reason_is_orderly(r) != orderly[r])
			t_fail(__FILE__, __LINE__, "%s", end_reason_name(r));
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(the_workers_own_word_counts_first),
		T_CASE(what_it_said_with_it_is_kept),
		T_CASE(a_reason_said_before_the_end_is_none),
		T_CASE(an_exit_without_a_word_is_a_failed_start_or_a_crash),
		T_CASE(even_an_exit_with_0_is_no_orderly_end_without_a_word),
		T_CASE(a_kill_is_ours_only_if_we_were_told_to),
		T_CASE(other_signals_are_crashes_whatever_we_were_told),
		T_CASE(a_forbidden_system_call_has_its_own_reason),
		T_CASE(nothing_said_leaves_nothing),
		T_CASE(the_orderly_ends_are_these),
	};

	return T_RUN(cases);
}
