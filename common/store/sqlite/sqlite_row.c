/* Reading rows back: nothing in them is taken on trust. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/text.h"
#include "common/store/sqlite/sqlite_store.h"

bool
sqlite_row_has(const struct sqlite_row *row, int column)
{
	return sqlite3_column_type(row->statement, column) != SQLITE_NULL;
}

void
sqlite_row_bad(struct sqlite_row *row, int column, const char *why)
{
	if (row->bad)
		return;
	row->bad = true;
	row->why = why;
	api_fail(row->error, API_INTERNAL,
	    "%s %.1000s: column %s of a record holds %s: was the file edited?%s", sqlite_word(row->store), row->store->path,
	    sqlite3_column_name(row->statement, column), why, row->store->is_cache ? "" : " See `berth fsck`");
}

void
sqlite_row_no_memory(struct sqlite_row *row)
{
	if (row->bad)
		return;
	row->bad = true;
	api_fail_memory(row->error);
}

const char *
sqlite_row_text(struct sqlite_row *row, int column, size_t max)
{
	const char *text;
	size_t length;

	if (!sqlite_row_has(row, column))
		return NULL;
	if (sqlite3_column_type(row->statement, column) != SQLITE_TEXT) {
		sqlite_row_bad(row, column, "something else than text");
		return NULL;
	}
	text = (const char *)sqlite3_column_text(row->statement, column);
	length = (size_t)sqlite3_column_bytes(row->statement, column);
	if (text == NULL)
		sqlite_row_no_memory(row);
	else if (length > max)
		sqlite_row_bad(row, column, "more than it may");
	else if (strlen(text) != length)
		sqlite_row_bad(row, column, "a NUL");
	else if (!text_is_utf8(text, length, NULL))
		sqlite_row_bad(row, column, "bytes that are not UTF-8");
	else
		return text;
	return NULL;
}

char *
sqlite_row_dup(struct sqlite_row *row, int column, size_t max)
{
	const char *text = sqlite_row_text(row, column, max);
	char *copy;

	if (text == NULL)
		return NULL;
	copy = strdup(text);
	if (copy == NULL)
		sqlite_row_no_memory(row);
	return copy;
}

void
sqlite_row_copy(struct sqlite_row *row, int column, char *to, size_t max)
{
	const char *text = sqlite_row_text(row, column, max);

	snprintf(to, max + 1, "%s", text == NULL ? "" : text);
}

uint32_t
sqlite_row_u32(struct sqlite_row *row, int column)
{
	sqlite3_int64 value = sqlite3_column_int64(row->statement, column);

	if (sqlite3_column_type(row->statement, column) != SQLITE_INTEGER || value < 0 || value > UINT32_MAX) {
		sqlite_row_bad(row, column, "something else than an id of 32 bits");
		return ID_NONE;
	}
	return (uint32_t)value;
}

enum home_type
sqlite_row_home_type(struct sqlite_row *row, int column)
{
	const char *text = sqlite_row_text(row, column, 16);

	if (text == NULL)
		return HOME_NOT_GIVEN;
	if (strcmp(text, "PATH") == 0)
		return HOME_PATH;
	if (strcmp(text, "LOGICAL") == 0)
		return HOME_LOGICAL;
	sqlite_row_bad(row, column, "something else than PATH or LOGICAL");
	return HOME_NOT_GIVEN;
}
