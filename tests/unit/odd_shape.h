/*
 * tests/unit/odd_shape.h - a shape with every kind of field
 *
 * No schema needs all of them, so this one is made by hand.
 */
#ifndef VX_TESTS_UNIT_ODD_SHAPE_H
#define VX_TESTS_UNIT_ODD_SHAPE_H

#include "schema/shape.h"

enum odd_colour { ODD_RED, ODD_GREEN, ODD_COUNT };

struct odd_point {
	int64_t x;
	char *note; /* owned */
};

struct odd {
	char *name; /* owned */
	uint64_t count;
	int64_t shift;
	uint64_t wide;
	int64_t wide_shift;
	bool has_maybe;
	uint64_t maybe;
	bool flag;
	enum odd_colour colour;
	struct odd_point at;
	struct odd_point *from; /* owned */
	char **words;		/* owned */
	size_t n_words;
	struct odd_point *points; /* owned */
	size_t n_points;
	struct kv *labels; /* owned */
	size_t n_labels;
	char *lines; /* owned */
};

extern const struct shape odd_point_shape, odd_shape;

static inline void odd_fini(struct odd *o)
{
	shape_fini(&odd_shape, o);
}
AUTOFINI(odd, odd_fini);

#endif
