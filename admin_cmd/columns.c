#include "admin_cmd/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_row(const char *const *cells, const int *widths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (widths == NULL)
			printf("%s%s", i == 0 ? "" : "\t", cells[i]);
		else
			printf("%s%-*s", i == 0 ? "" : "  ", i + 1 == count ? 0 : widths[i], cells[i]);
	}
	putchar('\n');
}

static void
print_rows(const struct columns *columns, const char *const *cells, size_t rows, bool aligned)
{
	int widths[COLUMNS_MAX] = { 0 }, width;

	for (size_t i = 0; i < columns->count; i++)
		widths[i] = (int)strlen(columns->names[i]);
	for (size_t i = 0; i < rows * columns->count; i++)
		if ((width = (int)strlen(cells[i])) > widths[i % columns->count])
			widths[i % columns->count] = width;
	if (aligned)
		print_row(columns->names, widths, columns->count);
	for (size_t i = 0; i < rows; i++)
		print_row(cells + i * columns->count, aligned ? widths : NULL, columns->count);
}

int
columns_print(const struct columns *columns, const void *context, size_t rows, bool aligned)
{
	size_t count = rows * columns->count;
	char **cells = calloc(count + 1, sizeof(*cells));
	bool well = true;

	if (cells == NULL)
		return -1;
	for (size_t i = 0; i < rows; i++)
		columns->fill(context, i, cells + i * columns->count);
	for (size_t i = 0; i < count; i++)
		well = well && cells[i] != NULL;
	if (well)
		print_rows(columns, (const char *const *)cells, rows, aligned);
	for (size_t i = 0; i < count; i++)
		free(cells[i]);
	free(cells);
	return well ? 0 : -1;
}
