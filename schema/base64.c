/*
 * schema/base64.c - base64 (RFC 4648 §4), padded
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "schema/runtime.h"

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t len)
{
	const uint8_t *in = data;
	char *out = mem_array((len + 2) / 3 + 1, 4), *to = out;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = MIN(len - i, 3);
		uint32_t bits = (uint32_t)in[i] << 16;

		if (n > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (n > 2)
			bits |= in[i + 2];
		*to++ = digits[bits >> 18];
		*to++ = digits[bits >> 12 & 63];
		*to++ = n > 1 ? digits[bits >> 6 & 63] : '=';
		*to++ = n > 2 ? digits[bits & 63] : '=';
	}
	*to = '\0';
	return out;
}

static int digit_value(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Four characters to one to three bytes: the count, or -EINVAL. */
static int decode_group(const char *in, uint8_t out[3])
{
	int n = in[3] != '=' ? 3 : in[2] != '=' ? 2 : 1;
	uint32_t bits = 0;

	for (int i = 0; i < 4; i++) {
		int v = i <= n ? digit_value(in[i]) : 0;

		if (v < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)v;
	}
	/* What the padding cuts off must be zero: one text for one value. */
	if (bits & (0xffffffu >> (8 * n)))
		return -EINVAL;
	for (int i = 0; i < n; i++)
		out[i] = (uint8_t)(bits >> (16 - 8 * i));
	return n;
}

int base64_decode(const char *text, void **out, size_t *out_len)
{
	size_t len = strlen(text), done = 0;
	autofree uint8_t *data = mem_try_array(len / 4 * 3 + 1, 1);

	if (len % 4 || !data)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 4) {
		int n = decode_group(text + i, data + done);

		if (n < 0 || (n < 3 && i + 4 < len))
			return -EINVAL;
		done += (size_t)n;
	}
	*out = steal(data);
	*out_len = done;
	return 0;
}
