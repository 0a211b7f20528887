/*
 * tests/fuzz/fuzz_schema.c - JSON from a stranger for every shape there is
 *
 * The first byte chooses a shape, the rest is the text. What is taken must come back
 * from its own text; what clients may say, workers may too; what is refused must be
 * told with a sentence and change nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "schema/codec.h"
#include "schema/gen/shape_list.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* The text of what was read, or NULL when it was refused. */
static char *read_and_format(const struct shape *s, const char *text, size_t len,
			     enum decode_mode mode)
{
	autofree uint8_t *v = mem_alloc(s->size), *untouched = mem_alloc(s->size);
	autoptr(err) e = NULL;
	char *again;

	memset(v, 0xa5, s->size);
	memset(untouched, 0xa5, s->size);
	if (shape_parse(s, text, len, mode, v, &e) < 0) {
		must(e && *e->message && memcmp(v, untouched, s->size) == 0);
		return NULL;
	}
	must(!e);
	again = shape_format(s, v);
	must(again != NULL);
	shape_fini(s, v);
	return again;
}

static void copy_of_it(const struct shape *s, const char *text)
{
	autofree void *v = mem_alloc(s->size), *copy = mem_alloc(s->size);
	autofree char *again = NULL;

	must(shape_parse(s, text, strlen(text), DECODE_STRICT, v, NULL) == 0);
	shape_copy(s, v, copy);
	shape_fini(s, v);
	again = shape_format(s, copy);
	must(strcmp(again, text) == 0);
	shape_fini(s, copy);
}

static void round_trip(const struct shape *s, const char *text)
{
	autofree char *again = read_and_format(s, text, strlen(text), DECODE_STRICT);

	must(again && strcmp(again, text) == 0);
	copy_of_it(s, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;

	const struct shape *s = shape_list[data[0] % shape_list_count];
	const char *text = (const char *)data + 1;
	autofree char *strict = read_and_format(s, text, size - 1, DECODE_STRICT);
	autofree char *lenient = read_and_format(s, text, size - 1, DECODE_LENIENT);

	if (strict)
		must(lenient && strcmp(strict, lenient) == 0);
	if (lenient)
		round_trip(s, lenient);
	return 0;
}
