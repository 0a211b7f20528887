/*
 * schema/format.c - what strings may look like
 */
#include "schema/format.h"

#include <string.h>

#include "base/id.h"

#define NAME_MAX_LEN 63

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* U+0080 to U+009F, which terminals obey as they obey escape sequences. */
static bool is_c1_control(const char *s)
{
	return (unsigned char)s[0] == 0xc2 && (unsigned char)s[1] >= 0x80 &&
	       (unsigned char)s[1] <= 0x9f;
}

static bool is_text(const char *s, const char *allowed)
{
	for (; *s; s++)
		if (((unsigned char)*s < 0x20 && !strchr(allowed, *s)) || *s == 0x7f ||
		    is_c1_control(s))
			return false;
	return true;
}

static bool is_plain(const char *s)
{
	return is_text(s, "");
}

static bool is_lines(const char *s)
{
	return is_text(s, "\n\t");
}

static bool is_name(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > NAME_MAX_LEN || !is_alnum(s[0]))
		return false;
	for (; *s; s++)
		if (!is_alnum(*s) && !strchr("._-", *s))
			return false;
	return true;
}

/* In lower case, so that ids can be compared as text. */
static bool is_uuid(const char *s)
{
	for (const char *c = s; *c; c++)
		if (*c != '-' && !is_hex(*c))
			return false;
	return uuid_valid(s);
}

static bool is_path(const char *s)
{
	return s[0] == '/' && is_plain(s);
}

static bool is_base64(const char *s)
{
	size_t n = strlen(s), pad = 0;

	while (pad < 2 && pad < n && s[n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < n - pad; i++)
		if (!is_alnum(s[i]) && s[i] != '+' && s[i] != '/')
			return false;
	return n % 4 == 0;
}

static bool is_mac(const char *s)
{
	for (size_t i = 0; i < 17; i++)
		if (i % 3 == 2 ? s[i] != ':' : !is_hex(s[i]))
			return false; /* also at the end of a short one */
	return s[17] == '\0';
}

static const struct {
	bool (*is)(const char *text);
	const char *must;
} formats[FORMAT_COUNT] = {
	[FORMAT_TEXT] = { is_plain, "must not contain control characters" },
	[FORMAT_LINES] = { is_lines, "must not contain control characters" },
	[FORMAT_NAME] = { is_name, "must be 1 to 63 letters, digits, dots, dashes and "
				   "underscores, the first a letter or digit" },
	[FORMAT_UUID] = { is_uuid, "must be a UUID in lower case" },
	[FORMAT_PATH] = { is_path, "must be an absolute path" },
	[FORMAT_LABEL_KEY] = { is_name,
			       "must be 1 to 63 letters, digits, dots, dashes and "
			       "underscores, the first a letter or digit" },
	[FORMAT_BASE64] = { is_base64, "must be base64" },
	[FORMAT_MAC] = { is_mac, "must be a MAC address like 52:54:00:12:34:56" },
	[FORMAT_VM_REF] = { is_name, "must be the name or id of a VM" },
};

const char *format_check(enum format f, const char *text)
{
	return formats[f].is(text) ? NULL : formats[f].must;
}
