/*
 * tests/unit/test.h - tests are sentences
 *
 * A test program lists its functions; each prints one line that the runner
 * counts: "ok NAME", "FAIL NAME: where: why" or "skip NAME: reason".
 */
#ifndef VX_TESTS_UNIT_TEST_H
#define VX_TESTS_UNIT_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct t_case {
	const char *name;
	void (*run)(void);
};

#define T_CASE(fn)      \
	{               \
#fn, fn \
	}
#define T_RUN(cases) t_run(cases, COUNT(cases))

/* Exit status for main(): 0, 1 when one failed, 77 when all were skipped. */
int t_run(const struct t_case *cases, size_t n);

/* These end the test at once. */
void t_fail(const char *file, int line, const char *fmt, ...) PRINTF(3, 4)
	__attribute__((noreturn));
void t_skip(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));

void t_eq(const char *file, int line, const char *what, intmax_t got, intmax_t want);
void t_ne(const char *file, int line, const char *what, intmax_t got, intmax_t other);
void t_str(const char *file, int line, const char *what, const char *got,
	   const char *want);
void t_has(const char *file, int line, const char *what, const char *got,
	   const char *part);

#define T_EQ(got, want) \
	t_eq(__FILE__, __LINE__, #got, (intmax_t)(got), (intmax_t)(want))
#define T_NE(got, other) \
	t_ne(__FILE__, __LINE__, #got, (intmax_t)(got), (intmax_t)(other))
#define T_OK(cond)                                                             \
	do {                                                                   \
		if (!(cond))                                                   \
			t_fail(__FILE__, __LINE__, "%s does not hold", #cond); \
	} while (0)
#define T_STR(got, want) t_str(__FILE__, __LINE__, #got, got, want)
#define T_HAS(got, part) t_has(__FILE__, __LINE__, #got, got, part)

/* A fresh directory below TMPDIR, removed with its content at the end of the test. */
const char *t_dir(void);

#endif
