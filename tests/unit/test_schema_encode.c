/*
 * tests/unit/test_schema_encode.c - every shape comes back as it went out
 *
 * shape_rig.c makes random values of every generated type and compares them field by
 * field: what encoder and decoder forget together would not show in their text.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "schema/codec.h"
#include "schema/gen/api.h"
#include "schema/gen/shape_list.h"
#include "tests/unit/odd_shape.h"
#include "tests/unit/shape_rig.h"

#define ROUNDS 60

static void fail_at(const struct shape *s, const char *what, const char *text)
{
	t_fail(__FILE__, __LINE__, "%s: %s: %.600s", s->name, what, text);
}

static void round_trip(const struct shape *s, uint64_t *seed)
{
	autofree void *v = mem_alloc(s->size), *again = mem_alloc(s->size);
	autofree char *text = NULL, *text_again = NULL;
	autoptr(err) e = NULL;
	const char *differs;

	shape_random(s, seed, v);
	text = shape_format(s, v);
	if (!text)
		fail_at(s, "cannot be formatted", "");
	if (shape_parse(s, text, strlen(text), DECODE_STRICT, again, &e) < 0)
		fail_at(s, e->message, text);
	differs = shape_difference(s, v, again);
	if (differs)
		fail_at(s, differs, text);
	text_again = shape_format(s, again);
	if (strcmp(text, text_again) != 0)
		fail_at(s, "other text", text_again);
	shape_fini(s, v);
	shape_fini(s, again);
}

static void every_shape_survives_a_round_trip(void)
{
	T_OK(shape_list_count > 40);
	for (size_t i = 0; i < shape_list_count; i++) {
		uint64_t seed = i + 1;

		for (int n = 0; n < ROUNDS; n++)
			round_trip(shape_list[i], &seed);
	}
}

static void so_does_one_with_every_kind_of_field(void)
{
	uint64_t seed = 1;

	for (int n = 0; n < 2000; n++)
		round_trip(&odd_shape, &seed);
}

static void a_copy_is_the_same_and_shares_nothing(void)
{
	uint64_t seed = 7;

	for (size_t i = 0; i <= shape_list_count; i++) {
		const struct shape *s =
			i < shape_list_count ? shape_list[i] : &odd_shape;

		for (int n = 0; n < 20; n++) {
			autofree void *v = mem_alloc(s->size);
			autofree void *copy = mem_alloc(s->size);
			autofree char *text = NULL, *text_of_copy = NULL;

			shape_random(s, &seed, v);
			text = shape_format(s, v);
			shape_copy(s, v, copy);
			T_OK(!shape_difference(s, v, copy));
			shape_fini(s, v);
			text_of_copy = shape_format(s, copy);
			T_STR(text_of_copy, text);
			shape_fini(s, copy);
		}
	}
}

static void what_was_freed_is_all_zero_and_may_be_freed_again(void)
{
	uint64_t seed = 3;
	struct odd o, zero;

	shape_random(&odd_shape, &seed, &o);
	odd_fini(&o);
	memset(&zero, 0, sizeof(zero));
	T_OK(memcmp((const void *)&o, (const void *)&zero, sizeof(o)) == 0);
	odd_fini(&o);
}

static void the_text_is_compact_and_in_the_schemas_order(void)
{
	struct kv labels[] = { { "a", "1" }, { "b", "2" } };
	struct odd_point points[] = { { .x = -1 } };
	struct odd o = { .name = "n",
			 .count = 3,
			 .shift = -2,
			 .wide = UINT64_MAX,
			 .wide_shift = INT64_MIN,
			 .flag = true,
			 .colour = ODD_RED,
			 .at = { .x = 1, .note = "\"\\\xc3\xa9" },
			 .points = points,
			 .n_points = 1,
			 .labels = labels,
			 .n_labels = 2 };
	autofree char *text = shape_format(&odd_shape, &o);

	T_STR(text, "{\"name\":\"n\",\"count\":3,\"shift\":-2,"
		    "\"wide\":\"18446744073709551615\","
		    "\"wide_shift\":\"-9223372036854775808\","
		    "\"flag\":true,\"colour\":\"red\","
		    "\"at\":{\"x\":1,\"note\":\"\\\"\\\\\xc3\xa9\"},"
		    "\"points\":[{\"x\":-1}],\"labels\":{\"a\":\"1\",\"b\":\"2\"}}");
}

static void what_is_required_is_there_though_empty(void)
{
	struct vm_list_result none = { 0 };
	autofree char *text = vm_list_result_format(&none);

	T_STR(text, "{\"vms\":[],\"more\":false}");
}

static void a_shape_without_fields_is_an_empty_object(void)
{
	struct system_version_params none = { 0 };
	autofree char *text = system_version_params_format(&none);

	T_STR(text, "{}");
}

static void bytes_that_are_no_utf8_become_question_marks(void)
{
	struct kv labels[] = { { "k", "\xff\xfe" } };
	struct odd o = { .name = "n",
			 .at = { .note = "a\xff"
					 "b" },
			 .lines = "\xc3(\n\xed\xa0\x80",
			 .labels = labels,
			 .n_labels = 1 };
	autofree char *text = shape_format(&odd_shape, &o);

	T_HAS(text, "\"note\":\"a?b\"");
	T_HAS(text, "\"lines\":\"?(\\n???\"");
	T_HAS(text, "\"labels\":{\"k\":\"??\"}");
}

static void an_enum_out_of_range_does_no_harm(void)
{
	struct odd o = { .name = "n", .colour = 77 };
	autofree char *text = shape_format(&odd_shape, &o);

	T_HAS(text, "\"colour\":\"?\"");
}

static void a_notification_is_one_line_of_json_rpc(void)
{
	struct odd_point p = { .x = 5, .note = "a\nb" };
	size_t len = 0;
	autofree char *line =
		shape_notification(&odd_point_shape, "console.end", &p, &len);

	T_STR(line, "{\"jsonrpc\":\"2.0\",\"method\":\"console.end\","
		    "\"params\":{\"x\":5,\"note\":\"a\\nb\"}}");
	T_EQ(len, strlen(line));
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(every_shape_survives_a_round_trip),
		T_CASE(so_does_one_with_every_kind_of_field),
		T_CASE(a_copy_is_the_same_and_shares_nothing),
		T_CASE(what_was_freed_is_all_zero_and_may_be_freed_again),
		T_CASE(the_text_is_compact_and_in_the_schemas_order),
		T_CASE(what_is_required_is_there_though_empty),
		T_CASE(a_shape_without_fields_is_an_empty_object),
		T_CASE(bytes_that_are_no_utf8_become_question_marks),
		T_CASE(an_enum_out_of_range_does_no_harm),
		T_CASE(a_notification_is_one_line_of_json_rpc),
	};

	return T_RUN(cases);
}
