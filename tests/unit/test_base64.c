/*
 * tests/unit/test_base64.c - bytes as text, one text for one value
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "schema/format.h"
#include "schema/runtime.h"

/* The examples of RFC 4648 §10. */
static const struct {
	const char *bytes, *text;
} examples[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static void the_examples_of_the_rfc_hold(void)
{
	for (size_t i = 0; i < COUNT(examples); i++) {
		const char *bytes = examples[i].bytes;
		autofree char *text = base64_encode(bytes, strlen(bytes));
		autofree void *back = NULL;
		size_t len = 77;

		T_STR(text, examples[i].text);
		T_EQ(base64_decode(text, &back, &len), 0);
		T_EQ(len, strlen(bytes));
		T_OK(back && memcmp(back, bytes, len) == 0);
	}
}

static void every_length_and_every_byte_comes_back(void)
{
	uint8_t bytes[256];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167 + 13);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		autofree char *text = base64_encode(bytes, n);
		autofree uint8_t *back = NULL;
		size_t len = 0;

		T_EQ(strlen(text), (n + 2) / 3 * 4);
		T_OK(!format_check(FORMAT_BASE64, text));
		T_EQ(base64_decode(text, (void **)&back, &len), 0);
		T_EQ(len, n);
		T_OK(memcmp(back, bytes, n) == 0);
	}
}

static void what_is_no_base64_is_refused(void)
{
	static const char *const bad[] = {
		"Z",	"Zg",	 "Zg=",	 "Zm9vY",      "Zg===",	   "====",
		"=Zg=", "Z===",	 "Z=g=", "Zm=v",       "Zg==Zg==", "Zm8=Zm9v",
		"Zm 9", "Zm9\n", "Zm-_", "Zm\xc3\xa9", "Zm9v====",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		void *out = &out;
		size_t len = 77;

		if (base64_decode(bad[i], &out, &len) != -EINVAL)
			t_fail(__FILE__, __LINE__, "\"%s\" is taken", bad[i]);
		T_OK(out == &out && len == 77);
	}
}

static void bits_that_the_padding_cuts_off_are_zero(void)
{
	void *out = NULL;
	size_t len = 0;

	T_EQ(base64_decode("Zh==", &out, &len), -EINVAL);
	T_EQ(base64_decode("Zm9=", &out, &len), -EINVAL);
	T_EQ(base64_decode("Zm9vZ/==", &out, &len), -EINVAL);
	T_OK(!out);
}

/* All that can be said with four characters of a few kinds: never two for one value. */
static void decoding_and_encoding_again_gives_the_same_text(void)
{
	static const char digits[] = "AZaz09+/Qg=";
	enum { N = sizeof(digits) - 1 };

	for (int i = 0; i < N * N * N * N; i++) {
		const char text[] = { digits[i % N], digits[i / N % N],
				      digits[i / N / N % N], digits[i / N / N / N],
				      '\0' };
		autofree void *bytes = NULL;
		autofree char *again = NULL;
		size_t len;

		if (base64_decode(text, &bytes, &len) < 0)
			continue;
		again = base64_encode(bytes, len);
		T_STR(again, text);
		T_OK(!format_check(FORMAT_BASE64, text));
	}
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(the_examples_of_the_rfc_hold),
		T_CASE(every_length_and_every_byte_comes_back),
		T_CASE(what_is_no_base64_is_refused),
		T_CASE(bits_that_the_padding_cuts_off_are_zero),
		T_CASE(decoding_and_encoding_again_gives_the_same_text),
	};

	return T_RUN(cases);
}
