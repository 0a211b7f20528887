/*
 * tests/unit/test_cli_format.c - sizes, times and foreign text for people
 */
#include <stdio.h>

#include "cli/format.h"
#include "tests/unit/test.h"

static void sizes_are_read_in_powers_of_1024(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "4096B", 4096 },
		{ "1K", 1024 },
		{ "256M", 256ull << 20 },
		{ "256m", 256ull << 20 },
		{ "2GB", 2ull << 30 },
		{ "2GiB", 2ull << 30 },
		{ "1.5G", 3ull << 29 },
		{ "0.25K", 256 },
		{ "16777215T", 16777215ull << 40 },
		{ "18446744073709551615", UINT64_MAX },
	};

	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint64_t got = 1;

		T_EQ(size_parse(sizes[i].text, &got, NULL), 0);
		T_EQ(got, sizes[i].bytes);
	}
}

static void what_is_no_size_is_refused_and_leaves_the_result_alone(void)
{
	static const char *const bad[] = {
		"",	"M",	 "-1",	 "1X",	      "1Mi",
		"1MBB", "1 M",	 " 1",	 "1..5G",     "1.G",
		".5G",	"1.5.5", "0x10", "16777216T", "18446744073709551616"
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		autoptr(err) e = NULL;
		uint64_t got = 7;

		T_EQ(size_parse(bad[i], &got, &e), -1);
		T_EQ(got, 7);
		T_HAS(e->message, "is no size");
		T_HAS(e->hint, "512M");
	}
}

static void numbers_are_digits_alone(void)
{
	static const char *const bad[] = {
		"", "-1", "+1", "1 ", "1x", "0x1", "18446744073709551616"
	};
	uint64_t got = 0;

	T_EQ(number_parse("18446744073709551615", &got, NULL), 0);
	T_EQ(got, UINT64_MAX);
	for (size_t i = 0; i < COUNT(bad); i++)
		T_EQ(number_parse(bad[i], &got, NULL), -1);
	T_EQ(got, UINT64_MAX);
}

static void sizes_are_shown_short(void)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0" },
		{ 1023, "1023" },
		{ 1024, "1K" },
		{ 1536, "1.5K" },
		{ 256ull << 20, "256M" },
		{ (1ull << 30) - 1, "1024M" },
		{ 3ull << 29, "1.5G" },
		{ 1ull << 40, "1T" },
		{ 2048ull << 40, "2048T" },
	};

	for (size_t i = 0; i < COUNT(sizes); i++) {
		autofini(str) out = { 0 };

		size_format(sizes[i].bytes, &out);
		T_STR(out.data, sizes[i].text);
	}
}

static void ages_have_one_unit(void)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} ages[] = {
		{ 0, "0s" },	     { 59, "59s" },
		{ 60, "1m" },	     { 3599, "59m" },
		{ 3600, "1h" },	     { 2 * 86400 - 1, "47h" },
		{ 2 * 86400, "2d" }, { 400 * 86400ull, "400d" },
	};
	const uint64_t now = 1795694141000000;

	for (size_t i = 0; i < COUNT(ages); i++) {
		autofini(str) out = { 0 };

		age_format(now - ages[i].seconds * 1000000, now, &out);
		T_STR(out.data, ages[i].text);
	}
}

static void a_time_to_come_is_no_age(void)
{
	autofini(str) out = { 0 };

	age_format(2000000, 1000000, &out);
	T_STR(out.data, "0s");
}

static void times_are_utc(void)
{
	autofini(str) out = { 0 };

	time_format(1795694141999999, &out);
	T_STR(out.data, "2026-11-26T11:55:41Z");
	str_clear(&out);
	time_format(0, &out);
	T_STR(out.data, "1970-01-01T00:00:00Z");
}

static void foreign_text_cannot_command_a_terminal(void)
{
	autofini(str) out = { 0 };

	text_format("a\x1b[31mb\r\x7f\n\xc3\xbc", &out);
	T_STR(out.data, "a?[31mb??\n\xc3\xbc");
	str_clear(&out);
	lines_format("one\ttwo\x1b\n\nthree", "  ", &out);
	T_STR(out.data, "  one two?\n  \n  three\n");
	str_clear(&out);
	lines_format("", "  ", &out);
	T_STR(out.data, "");
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(sizes_are_read_in_powers_of_1024),
		T_CASE(what_is_no_size_is_refused_and_leaves_the_result_alone),
		T_CASE(numbers_are_digits_alone),
		T_CASE(sizes_are_shown_short),
		T_CASE(ages_have_one_unit),
		T_CASE(a_time_to_come_is_no_age),
		T_CASE(times_are_utc),
		T_CASE(foreign_text_cannot_command_a_terminal),
	};

	return T_RUN(cases);
}
