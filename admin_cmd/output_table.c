/*
 * A table for people, with the AWS command line's sections: an object's scalars are one, and so are those of a list's
 * objects, a row each; then come its lists and objects, indented. An object of a list that has some of its own stands in a
 * section alone.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "admin_cmd/output.h"
#include "admin_cmd/table.h"

#define ROOM_DEFAULT 80 /* when stdout is no terminal */

static int add(struct table *table, const char *title, size_t indent, const cJSON *item);

static char *
cell_text(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return item == NULL ? strdup("") : output_scalar(item);
}

static int
add_header(struct section *section, const struct output_members *names)
{
	section->has_header = names->count > 0;
	if (!section->has_header)
		return 0;
	if (section_add_row(section) == -1)
		return -1;
	for (size_t i = 0; i < names->count; i++) {
		if (section_set(section, i, output_safe(names->names[i])) == -1)
			return -1;
	}
	return 0;
}

static int
add_row(struct section *section, const cJSON *object, const struct output_members *names)
{
	if (section_add_row(section) == -1)
		return -1;
	for (size_t i = 0; i < names->count; i++) {
		if (section_set(section, i, cell_text(object, names->names[i])) == -1)
			return -1;
	}
	return 0;
}

static int
add_nested(struct table *table, size_t indent, const cJSON *object, const struct output_members *names)
{
	for (size_t i = 0; i < names->count; i++) {
		if (add(table, names->names[i], indent + 1, cJSON_GetObjectItemCaseSensitive(object, names->names[i])) == -1)
			return -1;
	}
	return 0;
}

/* A single scalar needs no line of its own for its name. */
static int
add_lone_scalar(struct table *table, const char *title, size_t indent, const cJSON *object, const char *name)
{
	struct section *section = table_add_section(table, title, indent, 2);

	if (section == NULL || section_add_row(section) == -1 || section_set(section, 0, output_safe(name)) == -1)
		return -1;
	return section_set(section, 1, cell_text(object, name));
}

static int
add_object(struct table *table, const char *title, size_t indent, const cJSON *object, const struct output_members *scalars,
    const struct output_members *nested)
{
	struct section *section;

	if (scalars->count == 1) {
		if (add_lone_scalar(table, title, indent, object, scalars->names[0]) == -1)
			return -1;
	} else if ((section = table_add_section(table, title, indent, scalars->count)) == NULL ||
	    add_header(section, scalars) == -1 || (scalars->count > 0 && add_row(section, object, scalars) == -1)) {
		return -1;
	}
	return add_nested(table, indent, object, nested);
}

static int
add_objects(struct table *table, const char *title, size_t indent, const cJSON *list, const struct output_members *scalars,
    const struct output_members *nested)
{
	struct section *section = NULL;

	for (const cJSON *object = list->child; object != NULL; object = object->next) {
		if (section == NULL || nested->count > 0) {
			section = table_add_section(table, title, indent, scalars->count);
			if (section == NULL || add_header(section, scalars) == -1)
				return -1;
		}
		if (add_row(section, object, scalars) == -1 || add_nested(table, indent, object, nested) == -1)
			return -1;
	}
	return 0;
}

static int
add_scalars(struct table *table, const char *title, size_t indent, const cJSON *list)
{
	struct section *section = table_add_section(table, title, indent, 1);

	for (const cJSON *item = list->child; section != NULL && item != NULL; item = item->next) {
		if (section_add_row(section) == -1 || section_set(section, 0, output_scalar(item)) == -1)
			return -1;
	}
	return section == NULL ? -1 : 0;
}

/* What is absent or empty has no section. */
static int
add(struct table *table, const char *title, size_t indent, const cJSON *item)
{
	struct output_members scalars = { NULL, 0 }, nested = { NULL, 0 };
	int result = -1;

	if (item == NULL || item->child == NULL)
		return 0;
	if (cJSON_IsArray(item) && !cJSON_IsObject(item->child))
		return add_scalars(table, title, indent, item);
	if (output_members(item, true, &scalars) == 0 && output_members(item, false, &nested) == 0)
		result = (cJSON_IsArray(item) ? add_objects : add_object)(table, title, indent, item, &scalars, &nested);
	free(scalars.names);
	free(nested.names);
	return result;
}

static size_t
room(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : ROOM_DEFAULT;
}

int
output_table(FILE *stream, const char *title, const cJSON *item)
{
	/* For the width of characters, whatever the caller's own locale is. */
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before = (locale_t)0;
	struct table table = { NULL, NULL };
	int result;

	if (utf8 != (locale_t)0)
		before = uselocale(utf8);
	if ((result = add(&table, title, 0, item)) == 0 && table.first != NULL)
		result = table_draw(stream, &table, room());
	table_free(&table);
	if (utf8 != (locale_t)0) {
		uselocale(before);
		freelocale(utf8);
	}
	return result;
}
