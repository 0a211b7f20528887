/*
 * cli/format.h - sizes, times and numbers as people write and read them
 *
 * Pure.
 */
#ifndef VX_CLI_FORMAT_H
#define VX_CLI_FORMAT_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* "4096", "256M", "1.5G", "2GiB": K, M, G and T are powers of 1024. */
int size_parse(const char *text, uint64_t *out, struct err **e) NODISCARD;
/* Digits alone. */
int number_parse(const char *text, uint64_t *out, struct err **e) NODISCARD;

/* "256M", "1.5G", "512": exact, or rounded to a tenth. */
void size_format(uint64_t bytes, struct str *out);
/* How long ago: "12s", "5m", "3h", "12d". A time that is yet to come is "0s". */
void age_format(uint64_t since_us, uint64_t now_us, struct str *out);
/* "2026-11-26T12:15:41Z" */
void time_format(uint64_t us, struct str *out);

/* Foreign text for a terminal: control characters other than newline become '?'. */
void text_format(const char *text, struct str *out);
/* The same, each line behind `prefix` and ended by a newline. */
void lines_format(const char *text, const char *prefix, struct str *out);

#endif
