/*
 * tests/unit/test_schema_format.c - what strings may look like, one by one
 */
#include "tests/unit/test.h"

#include <string.h>

#include "schema/format.h"

#define N63 "a23456789012345678901234567890123456789012345678901234567890123"
#define N64 "a234567890123456789012345678901234567890123456789012345678901234"

static void expect(enum format f, const char *text, bool fits)
{
	const char *must = format_check(f, text);

	if (!must != fits)
		t_fail(__FILE__, __LINE__, "format %d: \"%s\": %s", (int)f, text,
		       must ? must : "is taken");
	if (must)
		T_OK(strncmp(must, "must ", 5) == 0);
}

#define FITS(f, ...) each(f, true, (const char *const[]){ __VA_ARGS__, NULL })
#define REFUSED(f, ...) each(f, false, (const char *const[]){ __VA_ARGS__, NULL })

static void each(enum format f, bool fits, const char *const *texts)
{
	for (; *texts; texts++)
		expect(f, *texts, fits);
}

static void text_has_no_control_characters(void)
{
	char one[2] = "";

	FITS(FORMAT_TEXT, "", " ", "a b", "\xc3\xa9", "\xe2\x82\xac",
	     "\xf0\x9f\x98\x80", "\xc2\xa0", "\xc4\x80");
	REFUSED(FORMAT_TEXT, "a\nb", "a\tb", "\x1b[31m", "\x7f", "a\xc2\x9b[",
		"\xc2\x80", "\xc2\x9f");
	for (char c = 1; c < 127; c++) {
		one[0] = c;
		expect(FORMAT_TEXT, one, c >= ' ');
	}
}

static void lines_may_be_broken_and_indented(void)
{
	char one[2] = "";

	FITS(FORMAT_LINES, "", "a\n\tb\n", "\xc3\xa9");
	REFUSED(FORMAT_LINES, "a\r\n", "\x1b", "\x7f", "\v", "\xc2\x85");
	for (char c = 1; c < 127; c++) {
		one[0] = c;
		expect(FORMAT_LINES, one, c >= ' ' || c == '\n' || c == '\t');
	}
}

static void a_name_is_short_and_plain(void)
{
	static const enum format alike[] = { FORMAT_NAME, FORMAT_LABEL_KEY,
					     FORMAT_VM_REF };

	for (size_t i = 0; i < COUNT(alike); i++) {
		FITS(alike[i], "a", "0", "Z", "web-1", "a.b_c-d", "a.", N63);
		REFUSED(alike[i], "", "-a", ".a", "_a", "a b", "a/b", "a:b", "a\n",
			"\xc3\xa9", "a\xc3\xa9", N64, "..", "a\x7f", "a%");
	}
}

static void a_vm_may_be_named_by_its_id(void)
{
	FITS(FORMAT_VM_REF, "0190163d-8694-739e-a0ea-22d0e6ffa81e");
}

static void a_uuid_is_in_lower_case(void)
{
	FITS(FORMAT_UUID, "0190163d-8694-739e-a0ea-22d0e6ffa81e",
	     "00000000-0000-0000-0000-000000000000");
	REFUSED(FORMAT_UUID, "", "0190163d", "0190163d-8694-739e-a0ea-22d0e6ffa81",
		"0190163d-8694-739e-a0ea-22d0e6ffa81g",
		"0190163D-8694-739E-A0EA-22D0E6FFA81E",
		"0190163d-8694-739e-a0ea-22d0e6ffa81E",
		"0190163d8694739ea0ea22d0e6ffa81e");
}

static void a_path_is_absolute(void)
{
	FITS(FORMAT_PATH, "/", "/a b/c", "/\xc3\xa9", "//x");
	REFUSED(FORMAT_PATH, "", "a", "./a", "~/a", "/a\nb", "/\x1b", "/a\x7f");
}

static void base64_has_whole_groups_and_its_padding_last(void)
{
	FITS(FORMAT_BASE64, "", "QUJD", "QUI=", "QQ==", "+/+/", "QUJDQQ==");
	REFUSED(FORMAT_BASE64, "Q", "QQ", "QUI", "QUJDQ", "QQ=", "Q===", "====", "=QQQ",
		"QQ=B", "QUI=QUJD", "QU D", "QU\nD", "QU-_", "\xc3\xa9QQ", "QQ==QQ==");
}

static void a_mac_address_is_in_lower_case_with_colons(void)
{
	FITS(FORMAT_MAC, "52:54:00:12:34:56", "ff:ff:ff:ff:ff:ff");
	REFUSED(FORMAT_MAC, "", "5", "52", "52:", "52:54:00:12:34", "52:54:00:12:34:5",
		"52:54:00:12:34:56:", "52:54:00:12:34:567", "52-54-00-12-34-56",
		"FF:ff:ff:ff:ff:ff", "5g:54:00:12:34:56", "525400123456",
		":::::::::::::::::");
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(text_has_no_control_characters),
		T_CASE(lines_may_be_broken_and_indented),
		T_CASE(a_name_is_short_and_plain),
		T_CASE(a_vm_may_be_named_by_its_id),
		T_CASE(a_uuid_is_in_lower_case),
		T_CASE(a_path_is_absolute),
		T_CASE(base64_has_whole_groups_and_its_padding_last),
		T_CASE(a_mac_address_is_in_lower_case_with_colons),
	};

	return T_RUN(cases);
}
