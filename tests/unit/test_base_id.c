/*
 * tests/unit/test_base_id.c - UUIDs, this boot, and one process for ever
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/id.h"

static void a_uuid_has_its_version_and_variant(void)
{
	for (int i = 0; i < 200; i++) {
		char v4[UUID_TEXT], v7[UUID_TEXT];

		uuid_v4(v4);
		uuid_v7(v7);
		T_OK(uuid_valid(v4) && uuid_valid(v7));
		T_EQ(strlen(v7), 36);
		T_EQ(v4[14], '4');
		T_EQ(v7[14], '7');
		T_OK(strchr("89ab", v4[19]) && strchr("89ab", v7[19]));
		T_EQ(strspn(v4, "0123456789abcdef-"), 36);
		T_EQ(strspn(v7, "0123456789abcdef-"), 36);
	}
}

static uint64_t milliseconds_of(const char *v7)
{
	uint8_t b[16];
	uint64_t ms = 0;

	T_OK(uuid_bytes(v7, b));
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | b[i];
	return ms;
}

static void a_v7_begins_with_the_time_in_milliseconds(void)
{
	uint64_t before = clock_wall_us() / 1000;
	char id[UUID_TEXT];

	uuid_v7(id);
	T_OK(milliseconds_of(id) >= before);
	T_OK(milliseconds_of(id) <= clock_wall_us() / 1000);
}

static void later_ones_sort_behind(void)
{
	char a[UUID_TEXT], b[UUID_TEXT];

	uuid_v7(a);
	usleep(2000);
	uuid_v7(b);
	T_OK(strcmp(a, b) < 0);
}

static void no_two_are_the_same(void)
{
	static char ids[500][UUID_TEXT];

	for (size_t i = 0; i < COUNT(ids); i++) {
		if (i % 2)
			uuid_v4(ids[i]);
		else
			uuid_v7(ids[i]);
		for (size_t k = 0; k < i; k++)
			T_OK(strcmp(ids[k], ids[i]) != 0);
	}
}

static void only_a_uuid_is_one(void)
{
	static const char *const bad[] = {
		"",
		"0",
		"0190163d8694739ea0ea22d0e6ffa81e",
		"0190163d-8694-739e-a0ea-22d0e6ffa81",
		"0190163d-8694-739e-a0ea-22d0e6ffa81e0",
		"0190163d-8694-739e-a0ea-22d0e6ffa81g",
		"0190163d-8694-739e-a0ea22-d0e6ffa81e",
		"0190163d_8694-739e-a0ea-22d0e6ffa81e",
		"{190163d-8694-739e-a0ea-22d0e6ffa81}",
		"0190163d-8694-739e-a0ea-22d0e6ffa8\xc3\xa9",
		"-------------------------------------",
		"------------------------------------",
		" 190163d-8694-739e-a0ea-22d0e6ffa81e",
		"+190163d-8694-739e-a0ea-22d0e6ffa81e",
	};
	uint8_t out[16] = { 1, 2, 3 };

	for (size_t i = 0; i < COUNT(bad); i++) {
		T_OK(!uuid_valid(bad[i]));
		T_OK(!uuid_bytes(bad[i], out));
	}
	T_OK(out[0] == 1 && out[1] == 2 && out[2] == 3);
	T_OK(uuid_valid("00000000-0000-0000-0000-000000000000"));
}

static void the_bytes_are_in_text_order(void)
{
	static const uint8_t want[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
					  0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98,
					  0x76, 0x54, 0x32, 0x10 };
	uint8_t b[16];

	T_OK(uuid_bytes("01234567-89ab-cdef-fedc-ba9876543210", b));
	T_EQ(memcmp(b, want, 16), 0);
	T_OK(uuid_bytes("01234567-89AB-CDEF-FEDC-BA9876543210", b));
	T_EQ(memcmp(b, want, 16), 0);
}

static void a_boot_has_one_id(void)
{
	char a[UUID_TEXT], b[UUID_TEXT];

	T_EQ(boot_id(a), 0);
	T_EQ(boot_id(b), 0);
	T_OK(uuid_valid(a));
	T_STR(a, b);
}

/* A process that waits until it is killed or this one ends, under whatever name. */
static pid_t sleeper(const char *name)
{
	int fds[2];
	char c;

	T_EQ(pipe(fds), 0);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		if (write(fds[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	T_EQ(read(fds[0], &c, 1), 1);
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static void a_start_time_is_constant_and_grows(void)
{
	uint64_t mine = 0, again = 0, later = 0;
	pid_t pid = sleeper("plain");

	T_EQ(process_start_time(getpid(), &mine), 0);
	T_EQ(process_start_time(getpid(), &again), 0);
	T_EQ(process_start_time(pid, &later), 0);
	T_OK(mine > 0);
	T_EQ(mine, again);
	T_OK(later >= mine);
	T_OK(later - mine < 60 * (uint64_t)sysconf(_SC_CLK_TCK));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_name_made_to_confuse_does_not(void)
{
	uint64_t plain = 0, odd = 0;
	pid_t a = sleeper("plain"), b = sleeper("x) R 1 2 (y) 3");

	T_EQ(process_start_time(a, &plain), 0);
	T_EQ(process_start_time(b, &odd), 0);
	T_OK(odd >= plain);
	T_OK(odd - plain < 60 * (uint64_t)sysconf(_SC_CLK_TCK));
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	waitpid(a, NULL, 0);
	waitpid(b, NULL, 0);
}

static void a_process_that_is_gone_has_none(void)
{
	pid_t pid = sleeper("gone");
	uint64_t t = 77;

	kill(pid, SIGKILL);
	T_EQ(waitpid(pid, NULL, 0), pid);
	T_EQ(process_start_time(pid, &t), -ENOENT);
	T_EQ(t, 77);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_uuid_has_its_version_and_variant),
		T_CASE(a_v7_begins_with_the_time_in_milliseconds),
		T_CASE(later_ones_sort_behind),
		T_CASE(no_two_are_the_same),
		T_CASE(only_a_uuid_is_one),
		T_CASE(the_bytes_are_in_text_order),
		T_CASE(a_boot_has_one_id),
		T_CASE(a_start_time_is_constant_and_grows),
		T_CASE(a_name_made_to_confuse_does_not),
		T_CASE(a_process_that_is_gone_has_none),
	};

	return T_RUN(cases);
}
