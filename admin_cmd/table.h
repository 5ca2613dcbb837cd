/*
 * A table as the AWS command line draws it: one box of sections below each other, each with a title and columns of its own;
 * a section within another is indented. output_table.c fills it, table.c draws it.
 */
#ifndef BERTH_TABLE_H
#define BERTH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct section {
	struct section *next;
	const char *title; /* the caller's */
	size_t indent;
	size_t columns, rows, room; /* room: rows that cells has memory for */
	bool has_header;            /* the first row holds the columns' names */
	char **cells;               /* rows * columns; owned */
	size_t *widths;             /* of each column's widest cell, as a terminal shows it */
};

struct table {
	struct section *first, *last;
};

/* table_add_section: below the others, without rows; one may have no columns, and then shows its title. */
struct section *table_add_section(struct table *table, const char *title, size_t indent, size_t columns);
/* section_add_row: of empty cells. section_set: a cell of the last row; text is taken over, NULL is a lack of memory. All
 * return -1 (or NULL) when memory is short. */
int section_add_row(struct section *section);
int section_set(struct section *section, size_t column, char *text);

/* table_draw: a table wider than `room` has its sections of one row upright: a line for each column. 0, or -1 when memory is
 * short. */
int table_draw(FILE *stream, struct table *table, size_t room);
void table_free(struct table *table);

#endif
