/*
 * Rows for people and for cut(1): the same cells, aligned below their columns' names, or between tabs.
 */
#ifndef BERTH_COLUMNS_H
#define BERTH_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#define COLUMNS_MAX 16

/* A row's cells, one for each column: allocated, NULL where memory was short; columns_print() frees them. They are shown as
 * they are, and may hold nothing that disturbs a terminal; only the last column's may be other than ASCII. */
typedef void columns_fill(const void *context, size_t row, char **cells);

struct columns {
	const char *const *names;
	size_t count; /* at most COLUMNS_MAX */
	columns_fill *fill;
};

/* columns_print: on stdout. Not aligned: tabs, and no names. Returns 0, or -1 when memory is short: nothing is printed. */
int columns_print(const struct columns *columns, const void *context, size_t rows, bool aligned);

#endif
