/*
 * tests/unit/test_vm_state.c - the whole table of states, said a second time
 *
 * The matrix below is written from what the words mean, not from daemon/vm_state.c: a
 * change of one must be thought through in the other.
 */
#include "tests/unit/test.h"

#include <assert.h>

#include "daemon/vm_state.h"

/* clang-format off */
#define ______  VM_STATE_COUNT /* refused */
#define START_  VM_STATE_STARTING
#define RUN___  VM_STATE_RUNNING
#define PAUSE_  VM_STATE_PAUSED
#define HALT__  VM_STATE_STOPPING
#define STOP__  VM_STATE_STOPPED
#define FAIL__  VM_STATE_FAILED
#define WHAT__  VM_STATE_UNKNOWN

static const enum vm_state expected[VM_STATE_COUNT][VM_INPUT_COUNT] = {
	/*                         START   STOP    EXPIRED KILL    RUNS    PAUSES  SILENT  ENDED   FAILED */
	[VM_STATE_STOPPED]       = { START_, ______, ______, ______, ______, ______, ______, ______, ______ },
	[VM_STATE_STARTING]      = { ______, ______, ______, HALT__, RUN___, PAUSE_, WHAT__, STOP__, FAIL__ },
	[VM_STATE_RUNNING]       = { ______, HALT__, ______, HALT__, ______, PAUSE_, WHAT__, STOP__, FAIL__ },
	[VM_STATE_PAUSED]        = { ______, ______, ______, HALT__, RUN___, ______, WHAT__, STOP__, FAIL__ },
	[VM_STATE_STOPPING]      = { ______, HALT__, RUN___, HALT__, ______, ______, WHAT__, STOP__, FAIL__ },
	[VM_STATE_SAVED]         = { ______, ______, ______, ______, ______, ______, ______, ______, ______ },
	[VM_STATE_MIGRATING_IN]  = { ______, ______, ______, ______, ______, ______, ______, ______, ______ },
	[VM_STATE_MIGRATING_OUT] = { ______, ______, ______, ______, ______, ______, ______, ______, ______ },
	[VM_STATE_FAILED]        = { START_, ______, ______, ______, ______, ______, ______, ______, ______ },
	[VM_STATE_UNKNOWN]       = { ______, ______, ______, HALT__, RUN___, PAUSE_, ______, STOP__, FAIL__ },
};

static const char *const input_names[] = {
	[VM_INPUT_START] = "start",
	[VM_INPUT_STOP] = "stop",
	[VM_INPUT_STOP_EXPIRED] = "stop expired",
	[VM_INPUT_KILL] = "kill",
	[VM_INPUT_RUNS] = "runs",
	[VM_INPUT_PAUSES] = "pauses",
	[VM_INPUT_SILENT] = "silent",
	[VM_INPUT_ENDED] = "ended",
	[VM_INPUT_FAILED] = "failed",
};
/* clang-format on */
static_assert(COUNT(input_names) == VM_INPUT_COUNT, "all named");

static void every_state_and_input_is_as_expected(void)
{
	for (enum vm_state s = 0; s < VM_STATE_COUNT; s++)
		for (enum vm_input in = 0; in < VM_INPUT_COUNT; in++) {
			enum vm_state to = VM_STATE_COUNT;
			bool happens = vm_state_after(s, in, &to);

			if (happens != (expected[s][in] != VM_STATE_COUNT) ||
			    to != expected[s][in])
				t_fail(__FILE__, __LINE__, "%s + %s gives %s, not %s",
				       vm_state_name(s), input_names[in],
				       vm_state_name(to),
				       vm_state_name(expected[s][in]));
		}
}

static void what_is_refused_leaves_the_output_alone(void)
{
	for (enum vm_state s = 0; s < VM_STATE_COUNT; s++)
		for (enum vm_input in = 0; in < VM_INPUT_COUNT; in++) {
			enum vm_state to = VM_STATE_MIGRATING_OUT;

			if (!vm_state_after(s, in, &to))
				T_EQ(to, VM_STATE_MIGRATING_OUT);
		}
}

static void nonsense_is_refused(void)
{
	enum vm_state to = VM_STATE_SAVED;

	for (enum vm_input in = 0; in < VM_INPUT_COUNT; in++)
		T_OK(!vm_state_after(VM_STATE_COUNT, in, &to));
	for (enum vm_state s = 0; s < VM_STATE_COUNT; s++)
		T_OK(!vm_state_after(s, VM_INPUT_COUNT, &to));
	T_EQ(to, VM_STATE_SAVED);
}

static void a_silent_worker_is_never_taken_for_one_that_ended(void)
{
	for (enum vm_state s = 0; s < VM_STATE_COUNT; s++) {
		enum vm_state to;

		if (vm_state_after(s, VM_INPUT_SILENT, &to))
			T_OK(vm_state_is_live(to));
	}
}

static void whatever_lives_may_end_and_nothing_else(void)
{
	for (enum vm_state s = 0; s < VM_STATE_COUNT; s++) {
		enum vm_state to;

		T_EQ(vm_state_after(s, VM_INPUT_ENDED, &to), vm_state_is_live(s));
		T_EQ(vm_state_after(s, VM_INPUT_FAILED, &to), vm_state_is_live(s));
	}
}

static void whatever_lives_can_be_killed_and_does_not_start_twice(void)
{
	for (enum vm_state s = 0; s < VM_STATE_COUNT; s++) {
		enum vm_state to;

		T_EQ(vm_state_after(s, VM_INPUT_KILL, &to), vm_state_is_live(s));
		if (vm_state_after(s, VM_INPUT_START, &to))
			T_OK(!vm_state_is_live(s) && vm_state_is_live(to));
	}
}

static void only_an_end_leaves_the_living(void)
{
	for (enum vm_state s = 0; s < VM_STATE_COUNT; s++)
		for (enum vm_input in = 0; in < VM_INPUT_COUNT; in++) {
			enum vm_state to;

			if (!vm_state_after(s, in, &to) || !vm_state_is_live(s))
				continue;
			T_EQ(vm_state_is_live(to),
			     in != VM_INPUT_ENDED && in != VM_INPUT_FAILED);
		}
}

static void the_living_are_these(void)
{
	static const bool live[VM_STATE_COUNT] = {
		[VM_STATE_STARTING] = true, [VM_STATE_RUNNING] = true,
		[VM_STATE_PAUSED] = true,   [VM_STATE_STOPPING] = true,
		[VM_STATE_UNKNOWN] = true,
	};

	for (enum vm_state s = 0; s < VM_STATE_COUNT; s++)
		T_EQ(vm_state_is_live(s), live[s]);
	T_OK(!vm_state_is_live(VM_STATE_COUNT));
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(every_state_and_input_is_as_expected),
		T_CASE(what_is_refused_leaves_the_output_alone),
		T_CASE(nonsense_is_refused),
		T_CASE(a_silent_worker_is_never_taken_for_one_that_ended),
		T_CASE(whatever_lives_may_end_and_nothing_else),
		T_CASE(whatever_lives_can_be_killed_and_does_not_start_twice),
		T_CASE(only_an_end_leaves_the_living),
		T_CASE(the_living_are_these),
	};

	return T_RUN(cases);
}
