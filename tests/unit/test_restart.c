/*
 * tests/unit/test_restart.c - which ends are followed by a start, and when
 */
#include "tests/unit/test.h"

#include "daemon/restart.h"

static bool wanted(enum restart_policy policy, enum desired_state desired,
		   enum end_reason reason, uint64_t status)
{
	struct vm_end end = { .reason = reason, .status = status };
	struct instance_record instance = { .number = 1, .end = &end };
	struct vm_record rec = { .desired = desired, .instance = &instance };

	rec.definition.restart = policy;
	return restart_wanted(&rec);
}

static void each_policy_names_its_ends(void)
{
	const enum desired_state up = DESIRED_STATE_RUNNING;

	for (enum end_reason r = END_REASON_GUEST_POWEROFF; r < END_REASON_COUNT; r++) {
		bool orderly = r == END_REASON_GUEST_POWEROFF ||
			       r == END_REASON_GUEST_RESET || r == END_REASON_STOP ||
			       r == END_REASON_KILL || r == END_REASON_DEBUG_EXIT;

		T_EQ(wanted(RESTART_POLICY_NEVER, up, r, 0), false);
		T_EQ(wanted(RESTART_POLICY_ON_FAILURE, up, r, 0), !orderly);
		T_EQ(wanted(RESTART_POLICY_ALWAYS, up, r, 0), true);
	}
}

static void a_status_of_the_guest_is_a_failure_too(void)
{
	T_OK(wanted(RESTART_POLICY_ON_FAILURE, DESIRED_STATE_RUNNING,
		    END_REASON_DEBUG_EXIT, 1));
	/* A number that is left over from something else says nothing. */
	T_OK(!wanted(RESTART_POLICY_ON_FAILURE, DESIRED_STATE_RUNNING,
		     END_REASON_GUEST_POWEROFF, 1));
}

static void what_somebody_stopped_stays_so(void)
{
	for (enum end_reason r = END_REASON_NONE; r < END_REASON_COUNT; r++)
		T_OK(!wanted(RESTART_POLICY_ALWAYS, DESIRED_STATE_STOPPED, r, 1));
}

static void what_runs_or_never_ran_is_left_alone(void)
{
	struct instance_record instance = { .number = 1 };
	struct vm_record rec = { .desired = DESIRED_STATE_RUNNING };

	rec.definition.restart = RESTART_POLICY_ALWAYS;
	T_OK(!restart_wanted(&rec));
	rec.instance = &instance;
	T_OK(!restart_wanted(&rec));
}

static void the_wait_doubles_up_to_a_minute(void)
{
	static const uint64_t seconds[] = { 1, 2, 4, 8, 16, 32, 60, 60 };

	for (unsigned i = 0; i < COUNT(seconds); i++)
		T_EQ(restart_delay_ms(i), seconds[i] * 1000);
	T_EQ(restart_delay_ms(4000000000u), 60000);
}

static const struct t_case cases[] = {
	T_CASE(each_policy_names_its_ends),
	T_CASE(a_status_of_the_guest_is_a_failure_too),
	T_CASE(what_somebody_stopped_stays_so),
	T_CASE(what_runs_or_never_ran_is_left_alone),
	T_CASE(the_wait_doubles_up_to_a_minute),
};

int main(void)
{
	return T_RUN(cases);
}
