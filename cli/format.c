/*
 * cli/format.c - sizes, times and numbers as people write and read them
 */
#include "cli/format.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

static const char units[] = "KMGT";

/* "", "K", "k", "KB", "KiB": the power of 1024, or -1. */
static int unit_of(const char *suffix)
{
	const char *at;

	if (!*suffix || strcmp(suffix, "B") == 0)
		return 0;
	at = strchr(units, *suffix & ~0x20);
	if (!at || !(suffix[1] == '\0' || strcmp(suffix + 1, "B") == 0 ||
		     strcmp(suffix + 1, "iB") == 0))
		return -1;
	return (int)(at - units) + 1;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at *text, which moves behind them; false when there are none or too many. */
static bool take_digits(const char **text, uint64_t *out)
{
	uint64_t n = 0;

	if (!is_digit(**text))
		return false;
	for (; is_digit(**text); (*text)++)
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(**text - '0'), &n))
			return false;
	*out = n;
	return true;
}

/* ".25" of `unit` bytes, cut to whole bytes. */
static bool take_fraction(const char **text, uint64_t unit, uint64_t *out)
{
	uint64_t sum = 0, scale = 1;

	if (**text != '.')
		return true;
	(*text)++;
	if (!is_digit(**text))
		return false;
	for (; is_digit(**text); (*text)++) {
		if (scale > 100000)
			return false;
		scale *= 10;
		sum = sum * 10 + (uint64_t)(**text - '0');
	}
	*out = sum * unit / scale;
	return true;
}

int size_parse(const char *text, uint64_t *out, struct err **e)
{
	const char *at = text, *fraction;
	uint64_t whole, part = 0;
	int power;

	if (!take_digits(&at, &whole))
		goto bad;
	fraction = at;
	at += strspn(at, ".0123456789");
	power = unit_of(at);
	if (power < 0)
		goto bad;

	uint64_t unit = 1ull << (10 * power);

	if (!take_fraction(&fraction, unit, &part) || fraction != at ||
	    __builtin_mul_overflow(whole, unit, &whole) ||
	    __builtin_add_overflow(whole, part, &whole))
		goto bad;
	*out = whole;
	return 0;
bad:
	err_set(e, ERR_INVALID_PARAMS, "%s is no size", text);
	return err_hint(e, "write it as 512M or 1.5G; without a unit it is bytes");
}

int number_parse(const char *text, uint64_t *out, struct err **e)
{
	const char *at = text;
	uint64_t n;

	if (!take_digits(&at, &n) || *at)
		return err_set(e, ERR_INVALID_PARAMS, "%s is no number", text);
	*out = n;
	return 0;
}

void size_format(uint64_t bytes, struct str *out)
{
	int power = 0;

	while (power < 4 && bytes >> (10 * power) >= 1024)
		power++;
	if (power == 0) {
		str_addf(out, "%" PRIu64, bytes);
		return;
	}

	uint64_t unit = 1ull << (10 * power);
	uint64_t whole = bytes / unit;
	uint64_t tenths = (bytes % unit * 10 + unit / 2) / unit;

	if (tenths == 10) {
		whole++;
		tenths = 0;
	}
	str_addf(out, "%" PRIu64, whole);
	if (tenths)
		str_addf(out, ".%" PRIu64, tenths);
	str_add_char(out, units[power - 1]);
}

void age_format(uint64_t since_us, uint64_t now_us, struct str *out)
{
	uint64_t s = now_us > since_us ? (now_us - since_us) / 1000000 : 0;

	if (s < 60)
		str_addf(out, "%" PRIu64 "s", s);
	else if (s < 3600)
		str_addf(out, "%" PRIu64 "m", s / 60);
	else if (s < 2 * 86400)
		str_addf(out, "%" PRIu64 "h", s / 3600);
	else
		str_addf(out, "%" PRIu64 "d", s / 86400);
}

void time_format(uint64_t us, struct str *out)
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm;
	char text[64];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	str_add(out, text);
}

static char visible(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f ? '?' : c;
}

void text_format(const char *text, struct str *out)
{
	for (; *text; text++)
		str_add_char(out, *text == '\n' ? '\n' : visible(*text));
}

void lines_format(const char *text, const char *prefix, struct str *out)
{
	while (*text) {
		str_add(out, prefix);
		for (; *text && *text != '\n'; text++)
			str_add_char(out, *text == '\t' ? ' ' : visible(*text));
		str_add_char(out, '\n');
		if (*text)
			text++;
	}
}
