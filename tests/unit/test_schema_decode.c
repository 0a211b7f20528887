/*
 * tests/unit/test_schema_decode.c - what comes in is checked, and refused with its place
 *
 * Where a test needs no particular type, odd_shape.c has a field of every kind.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "schema/codec.h"
#include "schema/gen/api.h"
#include "tests/unit/odd_shape.h"

#define LEAST "\"name\":\"n\",\"at\":{\"x\":1}"

static int parse(const char *text, enum decode_mode mode, struct odd *out,
		 struct err **e)
{
	return shape_parse(&odd_shape, text, strlen(text), mode, out, e);
}

static void good(const char *text, struct odd *out)
{
	autoptr(err) e = NULL;

	if (parse(text, DECODE_STRICT, out, &e) < 0)
		t_fail(__FILE__, __LINE__, "%s: %s", text, e->message);
}

/* It is refused with a sentence that has `says` in it; nothing is left in the output. */
static void bad(const char *text, const char *path, const char *says)
{
	autoptr(err) e = NULL;
	struct odd out, untouched;

	memset(&out, 0xa5, sizeof(out));
	memcpy(&untouched, &out, sizeof(out));
	if (parse(text, DECODE_STRICT, &out, &e) == 0)
		t_fail(__FILE__, __LINE__, "%s is taken", text);
	T_EQ(e->code, ERR_INVALID_PARAMS);
	T_STR(e->path, path);
	T_HAS(e->message, says);
	T_OK(memcmp((const void *)&out, (const void *)&untouched, sizeof(out)) == 0);
	T_EQ(parse(text, DECODE_STRICT, &out, NULL), -1);
}

/* One field more than the least. */
static void bad_field(const char *field, const char *path, const char *says)
{
	autofree char *text = mem_printf("{" LEAST ",%s}", field);

	bad(text, path, says);
}

static void good_field(const char *field, struct odd *out)
{
	autofree char *text = mem_printf("{" LEAST ",%s}", field);

	good(text, out);
}

static void every_kind_is_decoded(void)
{
	autofini(odd) o = { 0 };

	good("{\"name\":\"n1\",\"count\":100,\"shift\":-5,"
	     "\"wide\":\"18446744073709551615\",\"wide_shift\":\"-"
	     "9223372036854775808\","
	     "\"maybe\":0,\"flag\":false,\"colour\":\"red\","
	     "\"at\":{\"x\":-10,\"note\":\"\"},\"from\":{\"x\":10},"
	     "\"words\":[\"a\",\"\",\"\xc3\xa9\"],"
	     "\"points\":[{\"x\":1},{\"x\":2,\"note\":\"two\"}],"
	     "\"labels\":{\"k\":\"v\"},\"lines\":\"a\\n\\tb\"}",
	     &o);
	T_STR(o.name, "n1");
	T_EQ(o.count, 100);
	T_EQ(o.shift, -5);
	T_OK(o.wide == UINT64_MAX);
	T_OK(o.wide_shift == INT64_MIN);
	T_OK(o.has_maybe && o.maybe == 0);
	T_OK(!o.flag);
	T_EQ(o.colour, ODD_RED);
	T_EQ(o.at.x, -10);
	T_STR(o.at.note, "");
	T_EQ(o.from->x, 10);
	T_STR(o.from->note, NULL);
	T_EQ(o.n_words, 3);
	T_STR(o.words[2], "\xc3\xa9");
	T_EQ(o.n_points, 2);
	T_EQ(o.points[1].x, 2);
	T_STR(o.points[1].note, "two");
	T_EQ(o.n_labels, 1);
	T_STR(kv_get(o.labels, o.n_labels, "k"), "v");
	T_STR(kv_get(o.labels, o.n_labels, "l"), NULL);
	T_STR(o.lines, "a\n\tb");
}

static void what_is_absent_has_its_default_or_is_absent(void)
{
	autofini(odd) o = { 0 };

	good("{" LEAST "}", &o);
	T_EQ(o.count, 7);
	T_EQ(o.shift, -3);
	T_EQ(o.wide, 0);
	T_OK(!o.has_maybe);
	T_OK(o.flag);
	T_EQ(o.colour, ODD_GREEN);
	T_STR(o.at.note, NULL);
	T_OK(!o.from && !o.words && !o.points && !o.labels);
	T_OK(!o.n_words && !o.n_points && !o.n_labels);
	T_STR(o.lines, "none");
}

static void empty_arrays_and_maps_are_empty(void)
{
	autofini(odd) o = { 0 };

	good_field("\"words\":[],\"points\":[],\"labels\":{}", &o);
	T_OK(!o.words && !o.n_words && !o.points && !o.n_points);
	T_OK(!o.labels && !o.n_labels);
}

static void what_is_required_and_missing_is_named(void)
{
	bad("{}", "name", "name is missing");
	bad("{\"name\":\"n\"}", "at", "at is missing");
	bad("{\"name\":\"n\",\"at\":{}}", "at.x", "at.x is missing");
	bad_field("\"points\":[{\"x\":1},{}]", "points[1].x", "points[1].x is missing");
}

static void a_real_schema_names_its_fields_too(void)
{
	static const char text[] = "{\"vm\":{\"boot\":{}}}";
	struct vm_create_params p;
	autoptr(err) e = NULL;

	T_EQ(vm_create_params_parse(text, strlen(text), DECODE_STRICT, &p, &e), -1);
	T_STR(e->message, "vm.boot.kernel is missing");
	T_STR(e->path, "vm.boot.kernel");
}

static void null_is_not_absent(void)
{
	bad_field("\"count\":null", "count", "must be a whole number, not null");
	bad_field("\"from\":null", "from", "must be an object, not null");
	bad_field("\"labels\":null", "labels", "must be an object, not null");
}

static void a_wrong_type_is_said(void)
{
	bad("{\"name\":1,\"at\":{\"x\":1}}", "name", "must be a string, not a whole");
	bad("{\"name\":\"n\",\"at\":[]}", "at", "must be an object, not an array");
	bad_field("\"count\":\"5\"", "count", "must be a whole number, not a string");
	bad_field("\"count\":5.0", "count",
		  "must be a whole number, not a real number");
	bad_field("\"count\":1e1", "count",
		  "must be a whole number, not a real number");
	bad_field("\"shift\":true", "shift", "must be a whole number, not true");
	bad_field("\"flag\":0", "flag", "must be true or false, not a whole number");
	bad_field("\"colour\":0", "colour", "must be a string, not a whole number");
	bad_field("\"words\":{}", "words", "must be an array, not an object");
	bad_field("\"words\":[false]", "words[0]", "must be a string, not false");
	bad_field("\"labels\":[]", "labels", "must be an object, not an array");
	bad_field("\"labels\":{\"k\":1}", "labels.k", "must be a string, not a whole");
	bad_field("\"wide\":5", "wide", "must be a decimal number");
	bad("[]", NULL, "Odd must be an object, not an array");
}

static void integers_are_taken_at_their_bounds_and_no_further(void)
{
	autofini(odd) o = { 0 };

	good_field("\"count\":1,\"shift\":5", &o);
	T_EQ(o.count, 1);
	T_EQ(o.shift, 5);
	bad_field("\"count\":0", "count", "must be between 1 and 100, not 0");
	bad_field("\"count\":101", "count", "must be between 1 and 100, not 101");
	bad_field("\"count\":-1", "count", "must be between 1 and 100, not -1");
	bad_field("\"shift\":-6", "shift", "must be between -5 and 5, not -6");
	bad_field("\"shift\":6", "shift", "must be between -5 and 5, not 6");
	bad_field("\"count\":9223372036854775807", "count", "not 9223372036854775807");
	bad_field("\"shift\":-9223372036854775808", "shift",
		  "not -9223372036854775808");
}

static void wide_integers_are_decimal_strings(void)
{
	static const char *const texts[] = { "",    "-",   "+1",  " 1",	 "1 ", "0x1",
					     "1.0", "1e3", "1-2", "--1", "a",  "1a" };
	autofini(odd) o = { 0 };

	for (size_t i = 0; i < COUNT(texts); i++) {
		autofree char *u = mem_printf("\"wide\":\"%s\"", texts[i]);
		autofree char *s = mem_printf("\"wide_shift\":\"%s\"", texts[i]);

		bad_field(u, "wide", "must be a decimal number in a string");
		bad_field(s, "wide_shift", "must be a decimal number in a string");
	}
	bad_field("\"wide\":\"-1\"", "wide", "must be a decimal number");
	bad_field("\"wide\":\"18446744073709551616\"", "wide", "must be a decimal");
	bad_field("\"wide_shift\":\"9223372036854775808\"", "wide_shift", "must be");
	bad_field("\"wide_shift\":\"-9223372036854775809\"", "wide_shift", "must be");
	good_field("\"wide\":\"0\",\"wide_shift\":\"9223372036854775807\"", &o);
	T_OK(o.wide == 0 && o.wide_shift == INT64_MAX);
}

static void strings_are_measured_in_bytes(void)
{
	autofini(odd) o = { 0 };

	good_field("\"words\":[\"1234\",\"\xc3\xa9\xc3\xa9\"]", &o);
	bad_field("\"words\":[\"\",\"12345\"]", "words[1]",
		  "must have 0 to 4 bytes, not 5");
	bad_field("\"words\":[\"\xc3\xa9\xc3\xa9x\"]", "words[0]",
		  "0 to 4 bytes, not 5");
	bad("{\"name\":\"\",\"at\":{\"x\":1}}", "name",
	    "must have 1 to 63 bytes, not 0");
}

static void strings_have_their_form(void)
{
	bad("{\"name\":\"-n\",\"at\":{\"x\":1}}", "name",
	    "the first a letter or digit");
	bad_field("\"words\":[\"a\\n\"]", "words[0]", "must not contain control");
	bad_field("\"lines\":\"a\\r\"", "lines", "must not contain control");
}

static void a_word_that_is_none_of_an_enum_is_answered_with_all_that_are(void)
{
	bad_field("\"colour\":\"blue\"", "colour", "must be one of red, green");
	bad_field("\"colour\":\"\"", "colour", "must be one of red, green");
	bad_field("\"colour\":\"Red\"", "colour", "must be one of red, green");
}

static void arrays_and_maps_have_a_limit(void)
{
	autofini(odd) o = { 0 };

	good_field("\"words\":[\"\",\"\",\"\"],"
		   "\"labels\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\"}",
		   &o);
	bad_field("\"words\":[\"\",\"\",\"\",\"\"]", "words",
		  "at most 3 entries, not 4");
	bad_field("\"labels\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\"}",
		  "labels", "must have at most 4 entries, not 5");
}

static void maps_are_sorted_by_their_keys(void)
{
	autofini(odd) o = { 0 };

	good_field("\"labels\":{\"b\":\"2\",\"a.b\":\"1\",\"B\":\"0\",\"c\":\"3\"}",
		   &o);
	T_EQ(o.n_labels, 4);
	T_STR(o.labels[0].key, "B");
	T_STR(o.labels[1].key, "a.b");
	T_STR(o.labels[2].key, "b");
	T_STR(o.labels[3].key, "c");
	for (int i = 0; i < 4; i++)
		T_EQ(o.labels[i].value[0], '0' + i);
}

static void keys_of_maps_have_the_form_of_names(void)
{
	bad_field("\"labels\":{\"\":\"v\"}", "labels", "labels has a key that must be");
	bad_field("\"labels\":{\"a\":\"\",\"b c\":\"v\"}", "labels", "has a key that");
	bad_field("\"labels\":{\"k\":\"123456\"}", "labels.k", "0 to 5 bytes, not 6");
}

static void an_unknown_field_is_refused_to_clients_alone(void)
{
	static const char text[] = "{" LEAST ",\"cont\":5}";
	autofini(odd) o = { 0 };
	autoptr(err) e = NULL;

	T_EQ(parse(text, DECODE_STRICT, &o, &e), -1);
	T_EQ(e->code, ERR_INVALID_PARAMS);
	T_STR(e->path, "cont");
	T_STR(e->message, "cont is not a known field");
	T_HAS(e->hint, "known here: name, count, shift");
	T_EQ(parse(text, DECODE_LENIENT, &o, NULL), 0);
	T_EQ(o.count, 7);
}

static void so_it_is_further_down(void)
{
	static const char text[] = "{\"name\":\"n\",\"at\":{\"x\":1,\"y\":2},"
				   "\"points\":[{\"x\":1,\"y\":[{}]}]}";
	static const char in_array[] = "{" LEAST ",\"points\":[{\"x\":1,\"y\":2}]}";
	autofini(odd) o = { 0 };

	bad(text, "at.y", "at.y is not a known field");
	bad(in_array, "points[0].y", "points[0].y is not a known field");
	T_EQ(parse(text, DECODE_LENIENT, &o, NULL), 0);
	T_EQ(o.at.x, 1);
	T_EQ(o.n_points, 1);
}

static void a_shape_without_fields_says_so(void)
{
	struct system_version_params p;
	autoptr(err) e = NULL;

	T_EQ(system_version_params_parse("{}", 2, DECODE_STRICT, &p, NULL), 0);
	T_EQ(system_version_params_parse("{\"x\":1}", 7, DECODE_STRICT, &p, &e), -1);
	T_STR(e->hint, "known here: none");
	T_EQ(system_version_params_parse("{\"x\":1}", 7, DECODE_LENIENT, &p, NULL), 0);
}

static void an_endless_unknown_name_is_cut(void)
{
	autofree char *name = mem_alloc(5001);
	autofree char *text = NULL;
	autoptr(err) e = NULL;
	struct odd o;

	memset(name, 'x', 5000);
	text = mem_printf("{" LEAST ",\"%s\":1}", name);
	T_EQ(parse(text, DECODE_STRICT, &o, &e), -1);
	T_EQ(strlen(e->path), 63);
}

static void what_is_not_json_is_told_apart(void)
{
	static const char *const texts[] = {
		"",
		" ",
		"{",
		"{\"name\":}",
		"{} {}",
		"nul",
		"\"a\"",
		"17",
		"null",
		"\xff",
		"{\"a\":\"\xff\"}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":\"\\u0000\"}",
		"{\"a\":\"\x01\"}",
		"{\"\\u0000\":1}",
		"{'a':1}",
		"{\"a\":NaN}",
		"{\"a\":1e999}",
		"{\"a\":18446744073709551616}",
		"{\"a\":01}",
		"{\"name\":\"n\",\"name\":\"n\",\"at\":{\"x\":1}}",
		"{\"a\":1,}",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		autoptr(err) e = NULL;
		struct odd o;

		if (parse(texts[i], DECODE_LENIENT, &o, &e) == 0)
			t_fail(__FILE__, __LINE__, "%s is taken", texts[i]);
		if (e->code != ERR_PARSE_ERROR)
			t_fail(__FILE__, __LINE__, "%s: %s", texts[i], e->message);
		T_HAS(e->message, "Odd is not JSON: ");
	}
}

static void bytes_behind_the_text_are_refused_and_nul_is_no_end(void)
{
	static const char text[] = "{" LEAST "}\0{}";
	autofini(odd) o = { 0 };

	T_EQ(shape_parse(&odd_shape, text, sizeof(text) - 1, DECODE_LENIENT, &o, NULL),
	     -1);
	T_EQ(shape_parse(&odd_shape, text, strlen(text), DECODE_LENIENT, &o, NULL), 0);
	T_EQ(shape_parse(&odd_shape, text, 5, DECODE_LENIENT, &o, NULL), -1);
}

static void no_depth_breaks_it(void)
{
	enum { DEPTH = 100000 };
	autofini(str) text = { 0 };
	struct odd o;

	str_add(&text, "{" LEAST ",\"x\":");
	for (int i = 0; i < DEPTH; i++)
		str_add(&text, "[");
	T_EQ(shape_parse(&odd_shape, text.data, text.len, DECODE_LENIENT, &o, NULL),
	     -1);
	for (int i = 0; i < DEPTH; i++)
		str_add(&text, "]");
	str_add(&text, "}");
	T_EQ(shape_parse(&odd_shape, text.data, text.len, DECODE_LENIENT, &o, NULL),
	     -1);
}

static void a_failure_far_in_frees_what_came_before(void)
{
	/* LeakSanitizer looks at the rest. */
	bad_field("\"words\":[\"a\",\"b\",5]", "words[2]", "must be a string");
	bad_field("\"points\":[{\"x\":1,\"note\":\"n\"},{\"x\":2,\"note\":5}]",
		  "points[1].note", "must be a string");
	bad_field("\"labels\":{\"a\":\"1\",\"b\":2}", "labels.b", "must be a string");
	bad_field("\"from\":{\"x\":1,\"note\":\"123456789\"}", "from.note",
		  "0 to 8 bytes");
	bad_field("\"words\":[\"a\"],\"labels\":{\"a\":\"1\"},\"lines\":5", "lines",
		  "must be a string");
}

static void enums_have_names(void)
{
	enum vm_state s = VM_STATE_COUNT;

	for (unsigned int i = 0; i < VM_STATE_COUNT; i++) {
		T_OK(vm_state_from_name(vm_state_name((enum vm_state)i), &s));
		T_EQ(s, i);
	}
	T_STR(vm_state_name(VM_STATE_COUNT), "?");
	T_STR(vm_state_name((enum vm_state) - 1), "?");
	s = VM_STATE_PAUSED;
	T_OK(!vm_state_from_name("nothing", &s));
	T_OK(!vm_state_from_name("", &s));
	T_OK(!vm_state_from_name(NULL, &s));
	T_EQ(s, VM_STATE_PAUSED);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(every_kind_is_decoded),
		T_CASE(what_is_absent_has_its_default_or_is_absent),
		T_CASE(empty_arrays_and_maps_are_empty),
		T_CASE(what_is_required_and_missing_is_named),
		T_CASE(a_real_schema_names_its_fields_too),
		T_CASE(null_is_not_absent),
		T_CASE(a_wrong_type_is_said),
		T_CASE(integers_are_taken_at_their_bounds_and_no_further),
		T_CASE(wide_integers_are_decimal_strings),
		T_CASE(strings_are_measured_in_bytes),
		T_CASE(strings_have_their_form),
		T_CASE(a_word_that_is_none_of_an_enum_is_answered_with_all_that_are),
		T_CASE(arrays_and_maps_have_a_limit),
		T_CASE(maps_are_sorted_by_their_keys),
		T_CASE(keys_of_maps_have_the_form_of_names),
		T_CASE(an_unknown_field_is_refused_to_clients_alone),
		T_CASE(so_it_is_further_down),
		T_CASE(a_shape_without_fields_says_so),
		T_CASE(an_endless_unknown_name_is_cut),
		T_CASE(what_is_not_json_is_told_apart),
		T_CASE(bytes_behind_the_text_are_refused_and_nul_is_no_end),
		T_CASE(no_depth_breaks_it),
		T_CASE(a_failure_far_in_frees_what_came_before),
		T_CASE(enums_have_names),
	};

	return T_RUN(cases);
}
