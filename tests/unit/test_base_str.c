/*
 * tests/unit/test_base_str.c - growing strings, spans of bytes, allocation
 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"

static void a_zeroed_string_is_empty_and_may_be_freed(void)
{
	struct str s = { 0 };

	str_clear(&s);
	str_consume(&s, 0);
	str_fini(&s);
	str_fini(&s);

	autofree char *text = str_steal(&s);

	T_STR(text, "");
}

static void a_string_ends_with_a_nul_once_written_to(void)
{
	autofini(str) s = { 0 };

	str_add_bytes(&s, NULL, 0);
	T_STR(s.data, "");
	str_add(&s, "ab");
	str_add_char(&s, 'c');
	str_addf(&s, "%d%s", 12, "!");
	T_STR(s.data, "abc12!");
	T_EQ(s.len, 6);
}

static void it_grows_at_every_length(void)
{
	for (size_t step = 1; step < 200; step += 13) {
		autofini(str) s = { 0 };
		autofree char *piece = mem_alloc(step);

		memset(piece, 'x', step);
		for (size_t n = 0; n < 2000; n += step) {
			str_add_bytes(&s, piece, step);
			T_EQ(s.len, n + step);
			T_OK(s.room > s.len);
			T_EQ(strlen(s.data), s.len);
		}
	}
}

static void bytes_of_any_value_are_kept(void)
{
	autofini(str) s = { 0 };

	str_add_bytes(&s, "a\0b", 3);
	str_add_char(&s, '\0');
	T_EQ(s.len, 4);
	T_EQ(memcmp(s.data, "a\0b\0", 5), 0);
}

static void consuming_drops_the_front(void)
{
	autofini(str) s = { 0 };

	str_add(&s, "hello world");
	str_consume(&s, 6);
	T_STR(s.data, "world");
	T_EQ(s.len, 5);
	str_consume(&s, 5);
	T_STR(s.data, "");
	T_EQ(s.len, 0);
	str_add(&s, "again");
	T_STR(s.data, "again");
}

static void clearing_keeps_the_memory(void)
{
	autofini(str) s = { 0 };
	const char *before;

	str_add(&s, "something");
	before = s.data;
	str_clear(&s);
	T_STR(s.data, "");
	str_add(&s, "else");
	T_OK(s.data == before);
	T_STR(s.data, "else");
}

static void stealing_leaves_it_empty(void)
{
	autofini(str) s = { 0 };

	str_add(&s, "mine");

	autofree char *text = str_steal(&s);

	T_STR(text, "mine");
	T_OK(!s.data && !s.len && !s.room);
	str_add(&s, "new");
	T_STR(s.data, "new");
	T_STR(text, "mine");
}

static void comparing_takes_null(void)
{
	T_OK(str_eq("a", "a"));
	T_OK(!str_eq("a", "b"));
	T_OK(!str_eq("a", NULL));
	T_OK(!str_eq(NULL, "a"));
	T_OK(str_eq(NULL, NULL));
	T_OK(str_starts("abc", "ab"));
	T_OK(str_starts("abc", ""));
	T_OK(str_starts("abc", "abc"));
	T_OK(!str_starts("abc", "abcd"));
	T_OK(!str_starts("", "a"));
}

static void a_span_is_cut_only_inside(void)
{
	static const uint8_t bytes[10] = { 0 };
	const struct span s = { bytes, sizeof(bytes) };

	for (uint64_t off = 0; off <= 12; off++)
		for (uint64_t len = 0; len <= 12; len++) {
			struct span out = { NULL, 77 };
			bool fits = span_sub(s, off, len, &out);

			T_EQ(fits, off + len <= 10);
			T_EQ(out.len, fits ? len : 77);
			T_OK(out.data == (fits ? bytes + off : NULL));
		}
}

static void no_sum_wraps_around_a_span(void)
{
	static const uint8_t bytes[10] = { 0 };
	static const uint64_t far[] = {
		UINT64_MAX,	     UINT64_MAX - 4,	      UINT64_MAX - 9,
		(uint64_t)INT64_MAX, (uint64_t)INT64_MAX + 1, (uint64_t)UINT32_MAX + 1
	};
	const struct span s = { bytes, sizeof(bytes) }, none = { NULL, 0 };
	struct span out = { NULL, 77 };

	for (size_t i = 0; i < COUNT(far); i++)
		for (uint64_t near = 0; near < 11; near++) {
			T_OK(!span_sub(s, far[i], near, &out));
			T_OK(!span_sub(s, near, far[i], &out));
			T_OK(!span_sub(s, far[i], far[i], &out));
		}
	T_EQ(out.len, 77);
	T_OK(!span_sub(none, 0, 1, &out));
	T_OK(!span_sub(none, 1, 0, &out));
	T_OK(span_sub(none, 0, 0, &out));
	T_EQ(out.len, 0);
}

static void fields_are_little_endian_at_any_address(void)
{
	uint8_t b[16] = { 0 };

	for (size_t at = 0; at < 8; at++) {
		le16_put(b + at, 0x1234);
		T_EQ(b[at], 0x34);
		T_EQ(b[at + 1], 0x12);
		T_EQ(le16_get(b + at), 0x1234);
		le32_put(b + at, 0x12345678);
		T_EQ(b[at], 0x78);
		T_EQ(b[at + 3], 0x12);
		T_EQ(le32_get(b + at), 0x12345678);
		le64_put(b + at, 0x123456789abcdef0);
		T_EQ(b[at], 0xf0);
		T_EQ(b[at + 7], 0x12);
		T_OK(le64_get(b + at) == 0x123456789abcdef0);
	}
}

static void aligning_goes_up_or_stays(void)
{
	T_EQ(align_up(0, 4096), 0);
	T_EQ(align_up(1, 4096), 4096);
	T_EQ(align_up(4095, 4096), 4096);
	T_EQ(align_up(4096, 4096), 4096);
	T_EQ(align_up(4097, 4096), 8192);
	T_EQ(align_up(7, 1), 7);
}

static bool all_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static void memory_comes_zeroed_and_never_as_null(void)
{
	autofree char *a = mem_alloc(1000);
	autofree char *b = mem_array(10, 100);
	autofree char *c = mem_try_array(10, 100);
	autofree void *none = mem_alloc(0);
	autofree void *no_items = mem_array(0, 8);
	autofree void *no_size = mem_array(8, 0);

	T_OK(all_zero(a, 1000));
	T_OK(all_zero(b, 1000));
	T_OK(all_zero(c, 1000));
	T_OK(none && no_items && no_size);
}

static void a_size_from_outside_that_overflows_is_refused(void)
{
	volatile size_t huge = SIZE_MAX / 2 + 1;

	T_OK(!mem_try_array(huge, 2));
	T_OK(!mem_try_array(2, huge));
	T_OK(!mem_try_array(huge, huge));
}

static void growing_keeps_what_was_there(void)
{
	autofree int *items = NULL;

	for (int n = 1; n <= 100; n++) {
		items = mem_grow(steal(items), (size_t)n, sizeof(*items));
		items[n - 1] = n;
	}
	for (int n = 1; n <= 100; n++)
		T_EQ(items[n - 1], n);
}

static void copies_are_copies(void)
{
	char bytes[] = "a\0b";
	autofree char *copy = mem_dup(bytes, sizeof(bytes));
	autofree char *nothing = mem_dup(NULL, 0);
	autofree char *text = mem_strdup("text");
	autofree char *cut = mem_strndup("text", 2);
	autofree char *whole = mem_strndup("text", 20);
	autofree char *made = mem_printf("%s-%03d", "x", 7);

	bytes[0] = 'z';
	T_EQ(memcmp(copy, "a\0b", 4), 0);
	T_OK(nothing);
	T_STR(text, "text");
	T_STR(cut, "te");
	T_STR(whole, "text");
	T_STR(made, "x-007");
	T_OK(!mem_strdup(NULL));
	T_OK(!mem_strndup(NULL, 3));
}

static void ownership_leaves_by_stealing(void)
{
	char *taken;
	int fd = 5;

	{
		autofree char *mine = mem_strdup("kept");

		taken = steal(mine);
		T_OK(!mine);
	}
	T_STR(taken, "kept");
	free(taken);
	T_EQ(steal_fd(&fd), 5);
	T_EQ(fd, -1);
}

static void tame(const char *in, size_t max, const char *allowed, const char *out)
{
	autofree char *text = mem_strdup(in);

	str_tame(text, max, allowed);
	T_STR(text, out);
}

static void what_a_stranger_says_is_tamed_before_it_is_shown(void)
{
	tame("", 10, "", "");
	tame("plain \xc3\xa9", 10, "", "plain \xc3\xa9");
	tame("a\x1b[2Jb\nc\x7f", 100, "", "a?[2Jb?c?");
	tame("a\nb\tc\rd", 100, "\n\t", "a\nb\tc?d");
	tame("\xc2\x9b[2J \xc2\xa0", 100, "", "??[2J \xc2\xa0");
	tame("abcdef", 6, "", "abcdef");
	tame("abcdef", 5, "", "abcde");
	tame("ab\xe2\x82\xac", 4, "", "ab");
	tame("ab\xe2\x82\xac", 5, "", "ab\xe2\x82\xac");
	tame("\x80\x80\x80", 2, "", "");
	str_tame(NULL, 3, "");
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_zeroed_string_is_empty_and_may_be_freed),
		T_CASE(a_string_ends_with_a_nul_once_written_to),
		T_CASE(it_grows_at_every_length),
		T_CASE(bytes_of_any_value_are_kept),
		T_CASE(consuming_drops_the_front),
		T_CASE(clearing_keeps_the_memory),
		T_CASE(stealing_leaves_it_empty),
		T_CASE(comparing_takes_null),
		T_CASE(a_span_is_cut_only_inside),
		T_CASE(no_sum_wraps_around_a_span),
		T_CASE(fields_are_little_endian_at_any_address),
		T_CASE(aligning_goes_up_or_stays),
		T_CASE(memory_comes_zeroed_and_never_as_null),
		T_CASE(a_size_from_outside_that_overflows_is_refused),
		T_CASE(growing_keeps_what_was_there),
		T_CASE(copies_are_copies),
		T_CASE(ownership_leaves_by_stealing),
		T_CASE(what_a_stranger_says_is_tamed_before_it_is_shown),
	};

	return T_RUN(cases);
}
