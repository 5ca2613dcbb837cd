#include "admin_cmd/table.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define PADDING 4 /* of a cell, both sides together */
#define BORDERS 2

/* What a terminal needs for it, in the locale that output_table() has chosen. */
static size_t
text_width(const char *text)
{
	size_t width = 0, length, left = strlen(text);
	mbstate_t state = { 0 };
	wchar_t character;
	int columns;

	for (; left > 0; text += length, left -= length) {
		length = mbrtowc(&character, text, left, &state);
		columns = length > left ? -1 : wcwidth(character);
		width += columns < 0 ? 1 : (size_t)columns;
		if (length > left) { /* no character of the locale: a byte */
			length = 1;
			memset(&state, 0, sizeof(state));
		}
	}
	return width;
}

struct section *
table_add_section(struct table *table, const char *title, size_t indent, size_t columns)
{
	struct section *section = calloc(1, sizeof(*section));

	if (section == NULL || (section->widths = calloc(columns + 1, sizeof(*section->widths))) == NULL) {
		free(section);
		return NULL;
	}
	section->title = title;
	section->indent = indent;
	section->columns = columns;
	if (table->last == NULL)
		table->first = section;
	else
		table->last->next = section;
	table->last = section;
	return section;
}

int
section_add_row(struct section *section)
{
	size_t room = section->room == 0 ? 16 : 2 * section->room;
	char **cells;

	if (section->rows == section->room) {
		if ((cells = reallocarray(section->cells, room, (section->columns + 1) * sizeof(*cells))) == NULL)
			return -1;
		section->cells = cells;
		section->room = room;
	}
	if (section->columns > 0)
		memset(section->cells + section->rows * section->columns, 0, section->columns * sizeof(*cells));
	section->rows++;
	return 0;
}

int
section_set(struct section *section, size_t column, char *text)
{
	size_t width;

	if (text == NULL)
		return -1;
	section->cells[(section->rows - 1) * section->columns + column] = text;
	width = text_width(text);
	if (width > section->widths[column])
		section->widths[column] = width;
	return 0;
}

static void
section_clear(struct section *section)
{
	for (size_t i = 0; i < section->columns * section->rows; i++)
		free(section->cells[i]);
	free(section->cells);
	free(section->widths);
}

void
table_free(struct table *table)
{
	struct section *section, *next;

	for (section = table->first; section != NULL; section = next) {
		next = section->next;
		section_clear(section);
		free(section);
	}
}

/* The one row and its header, side by side. */
static int
section_turn(struct section *section)
{
	struct section upright = *section;

	upright.columns = 2;
	upright.rows = upright.room = 0;
	upright.has_header = false;
	upright.cells = NULL;
	if ((upright.widths = calloc(upright.columns, sizeof(*upright.widths))) == NULL)
		return -1;
	for (size_t i = 0; i < section->columns; i++) {
		if (section_add_row(&upright) == -1 || section_set(&upright, 0, strdup(section->cells[i])) == -1 ||
		    section_set(&upright, 1, strdup(section->cells[section->columns + i])) == -1) {
			section_clear(&upright);
			return -1;
		}
	}
	section_clear(section);
	*section = upright;
	return 0;
}

static size_t
table_width(const struct table *table)
{
	size_t widest = 0;

	for (const struct section *section = table->first; section != NULL; section = section->next) {
		size_t title = text_width(section->title), width = 0;

		for (size_t i = 0; i < section->columns; i++)
			width += section->widths[i] + PADDING;
		width = (width > title ? width : title) + BORDERS + 2 * section->indent;
		if (width > widest)
			widest = width;
	}
	return widest;
}

static size_t
round_half_even(double value)
{
	size_t whole = (size_t)value;
	double rest = value - (double)whole;

	return whole + (rest > 0.5 || (rest == 0.5 && whole % 2 == 1));
}

/* Makes the columns, borders included, as wide as the section together: each grows in proportion, and what rounding has
 * left is added from the last one on, or taken from the first one on. */
static void
stretch(struct section *section, size_t width)
{
	size_t sum = 0, scaled = 0;
	double factor;

	for (size_t i = 0; i < section->columns; i++)
		sum += section->widths[i] + PADDING;
	factor = (double)width / (double)sum;
	for (size_t i = 0; i < section->columns; i++) {
		section->widths[i] = round_half_even(factor * (double)(section->widths[i] + PADDING));
		scaled += section->widths[i];
	}
	for (size_t i = 0; scaled > width; i = (i + 1) % section->columns, scaled--)
		section->widths[i]--;
	for (size_t i = 0; scaled < width; i = (i + 1) % section->columns, scaled++)
		section->widths[section->columns - 1 - i]++;
}

static void
repeat(FILE *stream, char character, size_t count)
{
	while (count-- > 0)
		fputc(character, stream);
}

static void
draw_border(FILE *stream, const struct section *section)
{
	repeat(stream, '|', section->indent);
	for (size_t i = 0; i < section->columns; i++) {
		if (i == 0)
			fputc('+', stream);
		repeat(stream, '-', section->widths[i] - (i == 0 ? 2 : 1));
		fputc('+', stream);
	}
	repeat(stream, '|', section->indent);
	fputc('\n', stream);
}

/* A cell with the border at its right, and for the first one of a row the one at its left. */
static void
draw_cell(FILE *stream, const char *text, size_t width, bool first, bool centred)
{
	size_t used = text_width(text) + 1 + first, before;

	if (centred)
		before = width / 2 > text_width(text) / 2 + 1 ? width / 2 - text_width(text) / 2 - 1 : 0;
	else
		before = used + 2 <= width ? 2 : 0;
	if (first)
		fputc('|', stream);
	repeat(stream, ' ', before);
	fputs(text, stream);
	repeat(stream, ' ', used + before < width ? width - used - before : 0);
	fputc('|', stream);
}

static void
draw_rows(FILE *stream, const struct section *section)
{
	draw_border(stream, section);
	for (size_t row = 0; row < section->rows; row++) {
		bool header = row == 0 && section->has_header;

		repeat(stream, '|', section->indent);
		for (size_t i = 0; i < section->columns; i++)
			draw_cell(stream, section->cells[row * section->columns + i], section->widths[i], i == 0, header);
		repeat(stream, '|', section->indent);
		fputc('\n', stream);
		if (header)
			draw_border(stream, section);
	}
	draw_border(stream, section);
}

static void
draw_section(FILE *stream, struct section *section, size_t width)
{
	repeat(stream, '|', section->indent);
	draw_cell(stream, section->title, width, true, true);
	repeat(stream, '|', section->indent);
	fputc('\n', stream);
	if (section->columns > 0) {
		stretch(section, width);
		draw_rows(stream, section);
	} else if (section->rows == 0) {
		repeat(stream, '|', section->indent);
		fputc('+', stream);
		repeat(stream, '-', width - BORDERS);
		fputc('+', stream);
		repeat(stream, '|', section->indent);
		fputc('\n', stream);
	}
}

int
table_draw(FILE *stream, struct table *table, size_t room)
{
	size_t width = table_width(table);

	for (struct section *section = table->first; section != NULL && width > room; section = section->next) {
		if (section->has_header && section->rows == 2 && section_turn(section) == -1)
			return -1;
	}
	width = table_width(table);
	repeat(stream, '-', width);
	fputc('\n', stream);
	for (struct section *section = table->first; section != NULL; section = section->next)
		draw_section(stream, section, width - 2 * section->indent);
	return 0;
}
