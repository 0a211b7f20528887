/*
 * cli/table.h - columns as wide as what is in them
 *
 * Pure. Zero-initialised is an empty table.
 */
#ifndef VX_CLI_TABLE_H
#define VX_CLI_TABLE_H

#include "base/str.h"

#define TABLE_COLUMNS_MAX 8

struct table {
	char **cells; /* owned: row after row */
	size_t n_cells;
	size_t columns; /* set it before the first cell, at most TABLE_COLUMNS_MAX */
};

/* The next cell, left to right; copied. */
void table_add(struct table *t, const char *text);
/* Consumes the text of `s`. */
void table_add_str(struct table *t, struct str *s);
/* Cells padded to their column, two blanks between; no blanks at the end. */
void table_format(const struct table *t, struct str *out);
void table_fini(struct table *t);

AUTOFINI(table, table_fini);

#endif
