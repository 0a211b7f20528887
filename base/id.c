/*
 * base/id.c - UUIDs and the identity of this boot and of processes
 */
#include "base/id.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"

static void random_bytes(void *out, size_t len)
{
	if (getrandom(out, len, 0) != (ssize_t)len)
		abort();
}

static void format(const uint8_t b[16], char out[UUID_TEXT])
{
	char *p = out;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += sprintf(p, "%02x", b[i]);
	}
}

static void stamp(uint8_t b[16], uint8_t version)
{
	b[6] = (uint8_t)(version << 4) | (b[6] & 0x0f);
	b[8] = 0x80 | (b[8] & 0x3f);
}

void uuid_v7(char out[UUID_TEXT])
{
	uint8_t b[16];
	uint64_t ms = clock_wall_us() / 1000;

	random_bytes(b, sizeof(b));
	for (int i = 0; i < 6; i++)
		b[i] = (uint8_t)(ms >> (40 - 8 * i));
	stamp(b, 7);
	format(b, out);
}

void uuid_v4(char out[UUID_TEXT])
{
	uint8_t b[16];

	random_bytes(b, sizeof(b));
	stamp(b, 4);
	format(b, out);
}

bool uuid_bytes(const char *text, uint8_t out[16])
{
	uint8_t b[16] = { 0 };
	int digits = 0;

	if (strlen(text) != UUID_TEXT - 1)
		return false;
	for (int i = 0; i < UUID_TEXT - 1; i++) {
		unsigned char c = (unsigned char)text[i];

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (c != '-')
				return false;
			continue;
		}
		if (!isxdigit(c))
			return false;
		int v = isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;

		b[digits / 2] = (uint8_t)(b[digits / 2] << 4 | v);
		digits++;
	}
	memcpy(out, b, sizeof(b));
	return true;
}

bool uuid_valid(const char *text)
{
	uint8_t b[16];

	return uuid_bytes(text, b);
}

int boot_id(char out[UUID_TEXT])
{
	autofree char *text = NULL;
	int rc = fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text,
			      NULL);

	if (rc < 0)
		return rc;
	text[strcspn(text, "\n")] = '\0';
	if (!uuid_valid(text))
		return -EINVAL;
	memcpy(out, text, UUID_TEXT);
	return 0;
}

int process_start_time(pid_t pid, uint64_t *out)
{
	char path[32];
	autofree char *text = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int rc = fd_read_file(AT_FDCWD, path, 4096, &text, NULL);

	if (rc < 0)
		return rc;

	/* The name in field 2 may hold spaces and brackets; count from its end. */
	const char *p = strrchr(text, ')');

	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (!p)
		return -EINVAL;
	*out = strtoull(p + 1, NULL, 10);
	return 0;
}
