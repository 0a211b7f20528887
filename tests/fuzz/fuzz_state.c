/*
 * tests/fuzz/fuzz_state.c - the state stream from a stranger
 *
 * The first byte chooses: the rest is a stream as it is, a stream whose checksums are
 * put right first (so that the fuzzer gets behind them), or the body of a section.
 * What is loaded must survive a round trip; what is refused must change nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vmm-worker/state.h"

#define HEADER_SIZE 12
#define SECTION_HEAD 16
#define CRC_SIZE 4

struct thing {
	uint64_t before;
	uint8_t small;
	bool yes[3];
	uint16_t medium;
	uint32_t large[4];
	uint64_t huge;
	uint8_t raw[7];
	uint32_t added;
};

static const struct state_field fields[] = {
	STATE_FIELD(1, STATE_U8, struct thing, small),
	STATE_ARRAY(2, STATE_BOOL, struct thing, yes),
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
static const struct state_table table = { fields, COUNT(fields), 2 };

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool same_bytes(const void *a, const void *b, size_t len)
{
	return memcmp(a, b, len) == 0;
}

static void round_trip(const struct thing *t)
{
	autofini(str) stream = { 0 };
	struct state_reader reader;
	struct state_section s;
	struct thing again;

	state_begin(&stream);
	state_save(&stream, "thing", "t0", &table, t);
	state_end(&stream);

	struct span bytes = { (const uint8_t *)stream.data, stream.len };

	memset(&again, 0xa5, sizeof(again));
	must(state_reader_init(&reader, bytes, NULL) == 0);
	must(state_next(&reader, &s, NULL) == 1);
	must(state_load(&s, &table, &again, sizeof(again), NULL) == 0);
	must(same_bytes(&again, t, sizeof(again)));
	must(state_next(&reader, &s, NULL) == 0);
}

static void load(const struct state_section *s)
{
	autoptr(err) e = NULL;
	struct thing t, untouched;

	memset(&t, 0xa5, sizeof(t));
	memcpy(&untouched, &t, sizeof(t));
	if (state_load(s, &table, &t, sizeof(t), &e) == 0) {
		must(!e && t.before == untouched.before);
		round_trip(&t);
	} else {
		must(e && same_bytes(&t, &untouched, sizeof(t)));
	}
}

static void read_stream(struct span stream)
{
	autoptr(err) e = NULL;
	struct state_reader reader;
	struct state_section s;
	int rc;

	if (state_reader_init(&reader, stream, &e) < 0)
		return;
	while ((rc = state_next(&reader, &s, &e)) > 0) {
		must(s.type[0] && strlen(s.type) < sizeof(s.type));
		must(strlen(s.name) < sizeof(s.name));
		load(&s);
	}
	must(rc == 0 ? reader.ended && !reader.rest.len : e != NULL);
}

static void put_checksums_right(uint8_t *data, size_t size)
{
	uint64_t at = HEADER_SIZE;

	while (at + SECTION_HEAD <= size) {
		uint64_t len = SECTION_HEAD + (uint64_t)le16_get(data + at + 8) +
			       le16_get(data + at + 10) + le32_get(data + at + 12);

		if (len + CRC_SIZE > size - at)
			return;
		le32_put(data + at + len, crc32c(0, data + at, len));
		at += len + CRC_SIZE;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_section s = { .type = "thing", .name = "t0" };

	if (!size)
		return 0;

	uint8_t way = *data++;

	size--;

	autofree uint8_t *copy = mem_dup(data, size);

	switch (way % 4) {
	case 0:
		read_stream((struct span){ copy, size });
		break;
	case 1:
		put_checksums_right(copy, size);
		read_stream((struct span){ copy, size });
		break;
	default:
		s.version = way % 4u - 1;
		s.body = (struct span){ copy, size };
		load(&s);
	}
	return 0;
}
