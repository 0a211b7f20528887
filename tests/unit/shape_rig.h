/*
 * tests/unit/shape_rig.h - values of any shape: made at random, and compared
 *
 * Both walk the table themselves, so that what the codec forgets is noticed.
 */
#ifndef VX_TESTS_UNIT_SHAPE_RIG_H
#define VX_TESTS_UNIT_SHAPE_RIG_H

#include "schema/shape.h"

/* A valid value, as far as the table can say, into `out`; the same for the same *seed,
 * which moves on. Free it with shape_fini(). */
void shape_random(const struct shape *s, uint64_t *seed, void *out);
/* Name of the first field that differs, or NULL. */
const char *shape_difference(const struct shape *s, const void *a, const void *b);

#endif
