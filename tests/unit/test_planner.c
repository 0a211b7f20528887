/*
 * tests/unit/test_planner.c - what vxd does about a VM that it finds when it starts
 */
#include "tests/unit/test.h"

#include "daemon/planner.h"

/* Every observation there can be, as the bits of `i`. */
static struct plan_observation observation(int i)
{
	return (struct plan_observation){ .same_boot = i & 1,
					  .exit_record = i & 2,
					  .keeper_alive = i & 4 };
}

static void a_vm_that_never_ran_is_left_alone(void)
{
	const struct vm_record rec = { 0 };

	for (int i = 0; i < 8; i++) {
		struct plan_observation seen = observation(i);

		T_EQ(plan_adoption(&rec, &seen), PLAN_NOTHING);
	}
}

static void so_is_one_whose_end_is_recorded(void)
{
	struct vm_end end = { .reason = END_REASON_CRASH };
	struct instance_record instance = { .number = 3, .end = &end };
	const struct vm_record rec = { .instance = &instance };

	for (int i = 0; i < 8; i++) {
		struct plan_observation seen = observation(i);

		T_EQ(plan_adoption(&rec, &seen), PLAN_NOTHING);
	}
}

static void one_that_may_live_is_judged_by_what_is_seen(void)
{
	static const enum plan_step expected[8] = {
		/* exit_record and keeper_alive: not, record, keeper, both */
		PLAN_HOST_BOOT,	  PLAN_SEEK,	    /* another boot, this one */
		PLAN_RECORD_EXIT, PLAN_RECORD_EXIT, /* with a record */
		PLAN_HOST_BOOT,	  PLAN_ADOPT,	    /* with a keeper */
		PLAN_RECORD_EXIT, PLAN_RECORD_EXIT, /* with both */
	};
	struct instance_record instance = { .number = 3 };
	const struct vm_record rec = { .instance = &instance };

	for (int i = 0; i < 8; i++) {
		struct plan_observation seen = observation(i);

		if (plan_adoption(&rec, &seen) != expected[i])
			t_fail(__FILE__, __LINE__, "observation %d: step %d, not %d", i,
			       (int)plan_adoption(&rec, &seen), (int)expected[i]);
	}
}

static void what_was_asked_for_does_not_change_what_is(void)
{
	struct instance_record instance = { .number = 3 };

	for (int i = 0; i < 8; i++) {
		struct plan_observation seen = observation(i);
		struct vm_record a = { .desired = DESIRED_STATE_STOPPED,
				       .instance = &instance };
		struct vm_record b = { .desired = DESIRED_STATE_RUNNING,
				       .instance = &instance };

		T_EQ(plan_adoption(&a, &seen), plan_adoption(&b, &seen));
	}
}

static void a_keeper_of_another_boot_is_a_stranger_with_its_number(void)
{
	struct instance_record instance = { .number = 3 };
	const struct vm_record rec = { .instance = &instance };
	const struct plan_observation seen = { .keeper_alive = true };

	T_NE(plan_adoption(&rec, &seen), PLAN_ADOPT);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_vm_that_never_ran_is_left_alone),
		T_CASE(so_is_one_whose_end_is_recorded),
		T_CASE(one_that_may_live_is_judged_by_what_is_seen),
		T_CASE(what_was_asked_for_does_not_change_what_is),
		T_CASE(a_keeper_of_another_boot_is_a_stranger_with_its_number),
	};

	return T_RUN(cases);
}
