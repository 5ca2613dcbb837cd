#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/import/import_source.h"

struct member {
	char *name;
	uint32_t gid;
	size_t order; /* in the file */
};

struct import_groups {
	struct member *members;
	size_t count, size;
};

static int
add(struct import_groups *groups, const char *name, uint32_t gid)
{
	size_t size = groups->size == 0 ? 64 : groups->size * 2;
	struct member *members;

	if (groups->count == groups->size) {
		members = reallocarray(groups->members, size, sizeof(*members));
		if (members == NULL)
			return -1;
		groups->members = members;
		groups->size = size;
	}
	members = &groups->members[groups->count];
	members->name = strdup(name);
	members->gid = gid;
	members->order = groups->count;
	if (members->name == NULL)
		return -1;
	groups->count++;
	return 0;
}

/* name:password:gid:member,member… Lines that are none say nothing. */
static int
read_line(struct import_groups *groups, char *line)
{
	char *name, *text, *gid_text;
	uint32_t gid;

	line[strcspn(line, "\r\n")] = '\0';
	text = line;
	strsep(&text, ":");
	strsep(&text, ":");
	gid_text = strsep(&text, ":");
	if (text == NULL || line[0] == '#' || !import_source_number(gid_text, &gid))
		return 0;
	while ((name = strsep(&text, ",")) != NULL)
		if (name[0] != '\0' && add(groups, name, gid) == -1)
			return -1;
	return 0;
}

static int
compare_members(const void *one, const void *other)
{
	const struct member *a = one, *b = other;
	int names = strcmp(a->name, b->name);

	return names != 0 ? names : a->order < b->order ? -1 : a->order > b->order;
}

static int
read_file(struct import_groups *groups, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	int result = 0;

	while (result == 0 && getline(&line, &size, file) != -1)
		result = read_line(groups, line);
	if (ferror(file))
		result = -1;
	free(line);
	return result;
}

struct import_groups *
import_groups_load(const char *path)
{
	struct import_groups *groups = calloc(1, sizeof(*groups));
	FILE *file = fopen(path, "re");
	int saved;

	if (groups == NULL || file == NULL || read_file(groups, file) == -1) {
		saved = errno;
		if (file != NULL)
			fclose(file);
		import_groups_free(groups);
		errno = saved;
		return NULL;
	}
	fclose(file);
	if (groups->count > 0)
		qsort(groups->members, groups->count, sizeof(*groups->members), compare_members);
	return groups;
}

void
import_groups_free(struct import_groups *groups)
{
	size_t i;

	if (groups == NULL)
		return;
	for (i = 0; i < groups->count; i++)
		free(groups->members[i].name);
	free(groups->members);
	free(groups);
}

/* Where the name's members begin, or would. */
static size_t
find_first(const struct import_groups *groups, const char *name)
{
	size_t low = 0, high = groups->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(groups->members[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t
import_groups_of(const struct import_groups *groups, const char *name, uint32_t *gids, size_t max)
{
	size_t first = find_first(groups, name), count = 0;

	for (; first + count < groups->count && strcmp(groups->members[first + count].name, name) == 0; count++)
		if (count < max)
			gids[count] = groups->members[first + count].gid;
	return count;
}
