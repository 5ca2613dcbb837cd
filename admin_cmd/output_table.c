/*
 * A table for people: one box; a section for each object and list, with its name above.
 */
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/output.h"

struct section {
	struct section *next;
	const char *title;
	size_t columns, rows;
	bool has_header; /* the first row holds the columns' names */
	char **cells;    /* rows * columns; owned */
	size_t *widths;  /* a column's widest cell, in characters */
};

struct table {
	struct section *first, **last;
	size_t width; /* between the outer borders */
};

static size_t
characters(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static struct section *
section_new(struct table *table, const char *title, size_t columns, size_t rows)
{
	struct section *section = calloc(1, sizeof(*section));

	if (section == NULL)
		return NULL;
	section->title = title;
	section->columns = columns;
	section->rows = rows;
	*table->last = section;
	table->last = &section->next;
	section->cells = calloc(columns * rows + 1, sizeof(*section->cells));
	section->widths = calloc(columns + 1, sizeof(*section->widths));
	return section->cells == NULL || section->widths == NULL ? NULL : section;
}

static void
table_free(struct table *table)
{
	struct section *section, *next;

	for (section = table->first; section != NULL; section = next) {
		next = section->next;
		for (size_t i = 0; section->cells != NULL && i < section->columns * section->rows; i++)
			free(section->cells[i]);
		free(section->cells);
		free(section->widths);
		free(section);
	}
}

/* Takes `text` over; NULL is a lack of memory. */
static int
section_set(struct section *section, size_t row, size_t column, char *text)
{
	size_t width;

	if (text == NULL)
		return -1;
	section->cells[row * section->columns + column] = text;
	width = characters(text);
	if (width > section->widths[column])
		section->widths[column] = width;
	return 0;
}

static char *
cell_text(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return item == NULL ? strdup("") : output_scalar(item);
}

/* One object: its members below each other. */
static int
section_object(struct table *table, const char *title, const cJSON *object, const struct output_members *members)
{
	struct section *section = section_new(table, title, 2, members->count);

	for (size_t i = 0; section != NULL && i < members->count; i++) {
		if (section_set(section, i, 0, output_safe(members->names[i])) == -1 ||
		    section_set(section, i, 1, cell_text(object, members->names[i])) == -1)
			return -1;
	}
	return section == NULL ? -1 : 0;
}

/* A list of objects: a row each. */
static int
section_objects(struct table *table, const char *title, const cJSON *list, const struct output_members *members)
{
	struct section *section = section_new(table, title, members->count, 1 + (size_t)cJSON_GetArraySize(list));
	size_t row = 0;

	if (section == NULL)
		return -1;
	section->has_header = true;
	for (size_t i = 0; i < members->count; i++) {
		if (section_set(section, 0, i, output_safe(members->names[i])) == -1)
			return -1;
	}
	for (const cJSON *object = list->child; object != NULL; object = object->next) {
		row++;
		for (size_t i = 0; i < members->count; i++) {
			if (section_set(section, row, i, cell_text(object, members->names[i])) == -1)
				return -1;
		}
	}
	return 0;
}

static int
section_scalars(struct table *table, const char *title, const cJSON *list)
{
	struct section *section = section_new(table, title, 1, (size_t)cJSON_GetArraySize(list));
	size_t row = 0;

	for (const cJSON *item = list->child; section != NULL && item != NULL; item = item->next) {
		if (section_set(section, row++, 0, output_scalar(item)) == -1)
			return -1;
	}
	return section == NULL ? -1 : 0;
}

static int
table_add(struct table *table, const char *title, const cJSON *item)
{
	const cJSON *first = cJSON_IsArray(item) ? item->child : item;
	struct output_members scalars = { NULL, 0 }, nested = { NULL, 0 };
	int result = -1;

	if (output_members(item, true, &scalars) == -1 || output_members(item, false, &nested) == -1)
		goto out;
	if (!cJSON_IsObject(first))
		result = section_scalars(table, title, item);
	else if (cJSON_IsArray(item) && first->next != NULL)
		result = section_objects(table, title, item, &scalars);
	else
		result = section_object(table, title, first, &scalars);
	for (; result == 0 && first != NULL; first = cJSON_IsArray(item) ? first->next : NULL) {
		for (size_t i = 0; result == 0 && i < nested.count; i++) {
			const cJSON *child = cJSON_GetObjectItemCaseSensitive(first, nested.names[i]);

			if (child != NULL && !output_is_scalar(child))
				result = table_add(table, nested.names[i], child);
		}
	}
out:
	free(scalars.names);
	free(nested.names);
	return result;
}

static void
repeat(FILE *stream, char character, size_t count)
{
	while (count-- > 0)
		fputc(character, stream);
}

/* What a column takes between its borders; the last one also takes what the table is wider than the section. */
static size_t
column_width(const struct table *table, const struct section *section, size_t column)
{
	size_t used = section->columns - 1;

	if (column + 1 < section->columns)
		return section->widths[column] + 4;
	for (size_t i = 0; i + 1 < section->columns; i++)
		used += section->widths[i] + 4;
	return table->width - used;
}

static void
table_measure(struct table *table)
{
	for (const struct section *section = table->first; section != NULL; section = section->next) {
		size_t width = section->columns == 0 ? 0 : section->columns - 1;

		for (size_t i = 0; i < section->columns; i++)
			width += section->widths[i] + 4;
		if (width > table->width)
			table->width = width;
		if (characters(section->title) + 4 > table->width)
			table->width = characters(section->title) + 4;
	}
}

static void
print_border(FILE *stream, const struct table *table, const struct section *section)
{
	for (size_t i = 0; i < section->columns; i++) {
		fputc('+', stream);
		repeat(stream, '-', column_width(table, section, i));
	}
	fputs("+\n", stream);
}

static void
print_section(FILE *stream, const struct table *table, const struct section *section)
{
	size_t space = table->width - characters(section->title);

	fputc('|', stream);
	repeat(stream, ' ', space / 2);
	fputs(section->title, stream);
	repeat(stream, ' ', space - space / 2);
	fputs("|\n", stream);
	print_border(stream, table, section);
	for (size_t row = 0; row < section->rows; row++) {
		for (size_t i = 0; i < section->columns; i++) {
			const char *cell = section->cells[row * section->columns + i];

			fprintf(stream, "|  %s", cell);
			repeat(stream, ' ', column_width(table, section, i) - 2 - characters(cell));
		}
		fputs("|\n", stream);
		if (row == 0 && section->has_header)
			print_border(stream, table, section);
	}
	if (section->rows > 0)
		print_border(stream, table, section);
}

int
output_table(FILE *stream, const char *title, const cJSON *item)
{
	struct table table = { .width = 0 };
	int result;

	table.last = &table.first;
	if ((result = table_add(&table, title, item)) == 0) {
		table_measure(&table);
		fputc('+', stream);
		repeat(stream, '-', table.width);
		fputs("+\n", stream);
		for (const struct section *section = table.first; section != NULL; section = section->next) {
			if (section->columns > 0)
				print_section(stream, &table, section);
		}
	}
	table_free(&table);
	return result;
}
