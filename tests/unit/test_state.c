/*
 * tests/unit/test_state.c - the state stream: what it keeps and what it refuses
 */
#include <string.h>

#include "base/mem.h"
#include "tests/unit/test.h"
#include "vmm-worker/state.h"

struct thing {
	uint8_t small;
	bool yes;
	uint16_t medium;
	uint32_t large[3];
	uint64_t huge;
	uint8_t raw[5];
	uint64_t kept; /* not in the table */
	uint32_t added;
};

/* Version 2 added `added`. */
static const struct state_field fields[] = {
	STATE_FIELD(1, STATE_U8, struct thing, small),
	STATE_FIELD(2, STATE_BOOL, struct thing, yes),
	STATE_FIELD(3, STATE_U16, struct thing, medium),
	STATE_ARRAY(4, STATE_U32, struct thing, large),
	STATE_FIELD(5, STATE_U64, struct thing, huge),
	STATE_FIELD(6, STATE_BYTES, struct thing, raw),
	{ .name = "added",
	  .tag = 7,
	  .kind = STATE_U32,
	  .offset = offsetof(struct thing, added),
	  .size = 4,
	  .count = 1,
	  .optional = true },
};
static const struct state_table table_v1 = { fields, COUNT(fields) - 1, 1 };
static const struct state_table table_v2 = { fields, COUNT(fields), 2 };
static const struct state_table table_v3 = { fields, COUNT(fields), 3 };

static const struct thing sample = {
	.small = 0xab,
	.yes = true,
	.medium = 0x1234,
	.large = { 1, 2, 0xffffffff },
	.huge = 0x0123456789abcdef,
	.raw = { 1, 2, 3, 4, 5 },
	.kept = 77,
	.added = 9,
};

static void save(struct str *out, const struct state_table *table)
{
	state_begin(out);
	state_save(out, "thing", "t0", table, &sample);
	state_end(out);
}

static struct span bytes_of(const struct str *s)
{
	return (struct span){ (const uint8_t *)s->data, s->len };
}

static struct state_section first_section(const struct str *stream)
{
	struct state_reader r;
	struct state_section s;

	T_EQ(state_reader_init(&r, bytes_of(stream), NULL), 0);
	T_EQ(state_next(&r, &s, NULL), 1);
	return s;
}

/* All sections and the end; -1 where any is refused. */
static int read_all(struct span stream)
{
	struct state_reader r;
	struct state_section s;
	int rc;

	if (state_reader_init(&r, stream, NULL) < 0)
		return -1;
	while ((rc = state_next(&r, &s, NULL)) > 0)
		;
	return rc;
}

static void add16(struct str *s, uint16_t v)
{
	str_add_bytes(s, &v, sizeof(v));
}

static void add32(struct str *s, uint32_t v)
{
	str_add_bytes(s, &v, sizeof(v));
}

static void add_field(struct str *body, uint16_t tag, uint16_t flags, const void *value,
		      uint32_t len)
{
	add16(body, tag);
	add16(body, flags);
	add32(body, len);
	str_add_bytes(body, value, len);
}

static struct state_section section_of(const struct str *body, uint32_t version)
{
	return (struct state_section){ .type = "thing",
				       .name = "t0",
				       .version = version,
				       .body = bytes_of(body) };
}

/* The body of `sample` by version 1. */
static void sample_body(struct str *body)
{
	autofini(str) stream = { 0 };
	struct state_section s;

	save(&stream, &table_v1);
	s = first_section(&stream);
	str_add_bytes(body, s.body.data, s.body.len);
}

static bool same_bytes(const void *a, const void *b, size_t len)
{
	return memcmp(a, b, len) == 0;
}

/* The section is refused by table_v2, for a reason with `why` in it. */
static void refused(const struct str *body, uint32_t version, const char *why)
{
	struct state_section s = section_of(body, version);
	struct thing t, before;
	autoptr(err) e = NULL;

	memset(&t, 0x5a, sizeof(t));
	memcpy(&before, &t, sizeof(t));
	T_EQ(state_load(&s, &table_v2, &t, sizeof(t), &e), -1);
	T_OK(same_bytes(&before, &t, sizeof(t)));
	T_HAS(e->message, why);
}

static void checksums_are_those_of_rfc_3720(void)
{
	static const uint8_t scsi_read[48] = {
		0x01,	     0xc0,	  [16] = 0x14, [22] = 0x04,
		[27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02,
	};
	uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];

	memset(ones, 0xff, sizeof(ones));
	for (uint8_t i = 0; i < 32; i++) {
		up[i] = i;
		down[i] = 31 - i;
	}
	T_EQ(crc32c(0, zeros, 32), 0x8a9136aa);
	T_EQ(crc32c(0, ones, 32), 0x62a8ab43);
	T_EQ(crc32c(0, up, 32), 0x46dd794e);
	T_EQ(crc32c(0, down, 32), 0x113fdb5c);
	T_EQ(crc32c(0, scsi_read, 48), 0xd9963a56);
	T_EQ(crc32c(0, "123456789", 9), 0xe3069283);
	T_EQ(crc32c(crc32c(0, up, 7), up + 7, 25), crc32c(0, up, 32));
}

/* By polynomial division, one bit at a time. */
static void checksums_of_single_bytes_are_remainders(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint32_t crc = ~i & 0xff;
		uint8_t byte = (uint8_t)i;

		crc |= 0xffffff00u;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
		T_EQ(crc32c(0, &byte, 1), (uint32_t)~crc);
	}
}

static void what_was_saved_is_loaded(void)
{
	autofini(str) stream = { 0 };
	struct state_section s;
	struct thing t = { .kept = 1 };

	save(&stream, &table_v2);
	s = first_section(&stream);
	T_STR(s.type, "thing");
	T_STR(s.name, "t0");
	T_EQ(s.version, 2);
	T_EQ(state_load(&s, &table_v2, &t, sizeof(t), NULL), 0);
	T_EQ(t.kept, 1);
	t.kept = sample.kept;
	T_EQ(memcmp(&t, &sample, offsetof(struct thing, raw) + sizeof(t.raw)), 0);
	T_EQ(t.added, 9);
}

static void a_stream_of_nothing_is_read_to_its_end(void)
{
	autofini(str) stream = { 0 };
	struct state_reader r;
	struct state_section s;

	state_begin(&stream);
	state_end(&stream);
	T_EQ(state_reader_init(&r, bytes_of(&stream), NULL), 0);
	T_EQ(state_next(&r, &s, NULL), 0);
	T_EQ(state_next(&r, &s, NULL), 0);
	T_OK(r.ended);
}

static void a_stream_cut_anywhere_is_refused(void)
{
	autofini(str) stream = { 0 };

	save(&stream, &table_v2);
	T_EQ(read_all(bytes_of(&stream)), 0);
	for (size_t len = 0; len < stream.len; len++) {
		autofree uint8_t *cut = mem_dup(stream.data, len ? len : 1);

		T_EQ(read_all((struct span){ cut, len }), -1);
	}
}

static void a_changed_bit_anywhere_is_noticed(void)
{
	autofini(str) stream = { 0 };

	save(&stream, &table_v2);
	for (size_t bit = 0; bit < stream.len * 8; bit++) {
		stream.data[bit / 8] ^= (char)(1u << bit % 8);
		T_EQ(read_all(bytes_of(&stream)), -1);
		stream.data[bit / 8] ^= (char)(1u << bit % 8);
	}
}

static void bytes_after_the_end_are_refused(void)
{
	autofini(str) stream = { 0 };

	save(&stream, &table_v2);
	str_add_char(&stream, 'x');
	T_EQ(read_all(bytes_of(&stream)), -1);
}

/* A section as it comes, with a checksum that holds. */
static int read_section(uint16_t type_len, uint16_t name_len, uint32_t body_len,
			const char *content)
{
	autofini(str) stream = { 0 };
	struct state_reader r;
	struct state_section s;
	size_t start;

	state_begin(&stream);
	start = stream.len;
	str_add(&stream, "VSEC");
	add32(&stream, 1);
	add16(&stream, type_len);
	add16(&stream, name_len);
	add32(&stream, body_len);
	str_add(&stream, content);
	add32(&stream, crc32c(0, stream.data + start, stream.len - start));
	T_EQ(state_reader_init(&r, bytes_of(&stream), NULL), 0);
	return state_next(&r, &s, NULL);
}

static void names_are_short_and_printable(void)
{
	autofree char *text = mem_alloc(129);

	memset(text, 'a', 128);
	T_EQ(read_section(1, 1, 0, "tn"), 1);
	T_EQ(read_section(63, 63, 2, text), 1);
	T_EQ(read_section(64, 63, 1, text), -1);
	T_EQ(read_section(63, 64, 1, text), -1);
	T_EQ(read_section(0, 1, 1, "tn"), -1);
	T_EQ(read_section(2, 0, 0, "t\n"), -1);
	T_EQ(read_section(1, 1, 0, "t\x80"), -1);
}

static void lengths_that_do_not_fit_are_refused(void)
{
	T_EQ(read_section(0xffff, 0xffff, 0xffffffff, "tn"), -1);
	T_EQ(read_section(1, 1, STATE_SECTION_MAX + 1, "tn"), -1);
	T_EQ(read_section(1, 1, STATE_SECTION_MAX, "tn"), -1);
	T_EQ(read_section(1, 1, 1, "tn"), -1);
}

static void an_end_with_something_in_it_is_refused(void)
{
	T_EQ(read_section(3, 0, 0, "end"), 0);
	T_EQ(read_section(3, 1, 0, "endx"), -1);
	T_EQ(read_section(3, 0, 1, "endx"), -1);
}

static void a_foreign_header_is_refused(void)
{
	struct state_reader r;
	autoptr(err) e = NULL;
	struct span other = { (const uint8_t *)"VXSTATE2\1\0\0\0", 12 };
	struct span format = { (const uint8_t *)"VXSTATE1\2\0\0\0", 12 };

	T_EQ(state_reader_init(&r, other, NULL), -1);
	T_EQ(state_reader_init(&r, format, &e), -1);
	T_EQ(e->code, ERR_UNSUPPORTED);
}

static void this_version_and_the_one_before_are_read(void)
{
	autofini(str) old = { 0 };
	struct state_section s;
	struct thing t = { .added = 42 };
	autoptr(err) e = NULL;

	save(&old, &table_v1);
	s = first_section(&old);
	T_EQ(state_load(&s, &table_v2, &t, sizeof(t), NULL), 0);
	T_EQ(t.huge, sample.huge);
	T_EQ(t.added, 42); /* as the caller had it */
	T_EQ(state_load(&s, &table_v3, &t, sizeof(t), &e), -1);
	T_EQ(e->code, ERR_UNSUPPORTED);
}

static void versions_zero_and_too_new_are_refused(void)
{
	autofini(str) body = { 0 };
	struct state_section s;
	struct thing t;

	sample_body(&body);
	refused(&body, 3, "version 3");
	refused(&body, 0, "version 0");
	s = section_of(&body, 0); /* one before version 1 is none */
	T_EQ(state_load(&s, &table_v1, &t, sizeof(t), NULL), -1);
}

static void an_unknown_field_is_skipped_only_if_optional(void)
{
	autofini(str) body = { 0 };
	struct state_section s;
	struct thing t = { 0 };

	sample_body(&body);
	add_field(&body, 900, 1, "abc", 3);
	s = section_of(&body, 2);
	T_EQ(state_load(&s, &table_v2, &t, sizeof(t), NULL), 0);
	T_EQ(t.small, sample.small);
	add_field(&body, 901, 0, "abc", 3);
	refused(&body, 2, "901");
}

static void unknown_flags_are_refused(void)
{
	autofini(str) body = { 0 };

	sample_body(&body);
	add_field(&body, 900, 3, "abc", 3);
	refused(&body, 2, "flags");
}

static void a_field_comes_once(void)
{
	autofini(str) body = { 0 };

	sample_body(&body);
	add_field(&body, 1, 0, "x", 1);
	refused(&body, 2, "small comes twice");
}

static void a_missing_field_is_refused(void)
{
	autofini(str) body = { 0 };

	add_field(&body, 1, 0, "x", 1);
	refused(&body, 2, "lacks yes");
}

static void a_field_of_another_size_is_refused(void)
{
	autofini(str) body = { 0 };
	autofini(str) array = { 0 };

	add_field(&body, 1, 0, "xy", 2);
	refused(&body, 2, "small has 2 bytes, not 1");
	add_field(&array, 4, 0, "12345678", 8);
	refused(&array, 2, "large has 8 bytes, not 12");
}

static void a_bool_of_two_is_refused(void)
{
	autofini(str) body = { 0 };

	add_field(&body, 2, 0, "\2", 1);
	refused(&body, 2, "yes is neither true nor false");
}

static void a_body_cut_anywhere_changes_nothing(void)
{
	autofini(str) body = { 0 };

	sample_body(&body);
	for (size_t len = 0; len < body.len; len++) {
		autofini(str) cut = { 0 };

		str_add_bytes(&cut, body.data, len);
		refused(&cut, 2, "thing");
	}
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(checksums_are_those_of_rfc_3720),
		T_CASE(checksums_of_single_bytes_are_remainders),
		T_CASE(what_was_saved_is_loaded),
		T_CASE(a_stream_of_nothing_is_read_to_its_end),
		T_CASE(a_stream_cut_anywhere_is_refused),
		T_CASE(a_changed_bit_anywhere_is_noticed),
		T_CASE(bytes_after_the_end_are_refused),
		T_CASE(names_are_short_and_printable),
		T_CASE(lengths_that_do_not_fit_are_refused),
		T_CASE(an_end_with_something_in_it_is_refused),
		T_CASE(a_foreign_header_is_refused),
		T_CASE(this_version_and_the_one_before_are_read),
		T_CASE(versions_zero_and_too_new_are_refused),
		T_CASE(an_unknown_field_is_skipped_only_if_optional),
		T_CASE(unknown_flags_are_refused),
		T_CASE(a_field_comes_once),
		T_CASE(a_missing_field_is_refused),
		T_CASE(a_field_of_another_size_is_refused),
		T_CASE(a_bool_of_two_is_refused),
		T_CASE(a_body_cut_anywhere_changes_nothing),
	};

	return T_RUN(cases);
}
