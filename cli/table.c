/*
 * cli/table.c - columns as wide as what is in them
 */
#include "cli/table.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

static void add(struct table *t, char *text)
{
	t->cells = mem_grow(t->cells, t->n_cells + 1, sizeof(*t->cells));
	t->cells[t->n_cells++] = text;
}

void table_add(struct table *t, const char *text)
{
	add(t, mem_strdup(text));
}

void table_add_str(struct table *t, struct str *s)
{
	add(t, str_steal(s));
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

void table_format(const struct table *t, struct str *out)
{
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };

	assert(t->columns && t->columns <= TABLE_COLUMNS_MAX);
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t *w = &widths[i % t->columns];

		*w = MAX(*w, width(t->cells[i]));
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		bool last = (i + 1) % t->columns == 0;
		size_t pad = widths[i % t->columns] - width(t->cells[i]);

		str_add(out, t->cells[i]);
		if (last)
			str_add_char(out, '\n');
		else
			str_addf(out, "%*s", (int)pad + 2, "");
	}
}

void table_fini(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(steal(t->cells));
	t->n_cells = 0;
}
