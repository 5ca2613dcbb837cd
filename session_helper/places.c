#include <stdlib.h>
#include <string.h>

#include "session_helper/places.h"

bool
places_check(struct place *place)
{
	if (place->entry_length == 0 || *place->entry != '/' || place->target_length == 0 || *place->target != '/')
		return false;
	while (place->entry_length > 0 && place->entry[place->entry_length - 1] == '/')
		place->entry_length--;
	while (place->target_length > 0 && place->target[place->target_length - 1] == '/')
		place->target_length--;
	return true;
}

static int
compare(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	size_t shorter = a->entry_length < b->entry_length ? a->entry_length : b->entry_length;
	int order = shorter > 0 ? memcmp(a->entry, b->entry, shorter) : 0;

	if (order != 0)
		return order;
	return (a->entry_length > b->entry_length) - (a->entry_length < b->entry_length);
}

void
places_sort(struct places *places)
{
	if (places->count > 1)
		qsort(places->list, places->count, sizeof(*places->list), compare);
}

/* find: the entry that is the first `length` bytes of the path. */
static const struct place *
find(const struct places *places, const char *path, size_t length)
{
	const struct place wanted = { .entry = path, .entry_length = (uint32_t)length };

	if (places->count == 0)
		return NULL;
	return bsearch(&wanted, places->list, places->count, sizeof(*places->list), compare);
}

/* find_above: from the whole path up, one component less each time, to the root's "". */
static const struct place *
find_above(const struct places *places, const char *path, size_t length)
{
	const struct place *place;
	const char *slash;

	for (;;) {
		place = find(places, path, length);
		if (place != NULL || length == 0)
			return place;
		slash = memrchr(path, '/', length);
		length = slash != NULL ? (size_t)(slash - path) : 0;
	}
}

bool
places_target(const struct places *places, const char *path, char *target, size_t size)
{
	size_t length = strlen(path), rest;
	const struct place *place;

	*target = '\0';
	if (length == 1)
		length = 0;
	place = find_above(places, path, length);
	if (place == NULL)
		return false;
	rest = length - place->entry_length;
	if (place->target_length + rest + 2 > size)
		return false;
	memcpy(target, place->target, place->target_length);
	memcpy(target + place->target_length, path + place->entry_length, rest);
	target[place->target_length + rest] = '\0';
	if (*target == '\0')
		memcpy(target, "/", 2);
	return true;
}

/* A path that grows: components with a slash before each, and no closing NUL. */
struct building {
	char *path;
	size_t length, size;
	bool cut;
};

static void
add_component(struct building *building, const char *component, size_t length)
{
	size_t room = building->size - 1 - building->length;
	const char *slash;

	if (building->cut || length == 0 || (length == 1 && *component == '.'))
		return;
	if (length == 2 && component[0] == '.' && component[1] == '.') {
		slash = memrchr(building->path, '/', building->length);
		building->length = slash != NULL ? (size_t)(slash - building->path) : 0;
		return;
	}
	if (length + 1 > room) {
		building->cut = true;
		if (room == 0)
			return;
		length = room - 1;
	}
	building->path[building->length] = '/';
	memcpy(building->path + building->length + 1, component, length);
	building->length += length + 1;
}

static void
add_path(struct building *building, const char *path)
{
	while (*path != '\0') {
		size_t length = strcspn(path, "/");

		add_component(building, path, length);
		path += length;
		path += strspn(path, "/");
	}
}

bool
places_resolve(const char *directory, const char *name, char *path, size_t size)
{
	struct building building = { .path = path, .size = size };

	if (*name != '/')
		add_path(&building, directory);
	add_path(&building, name);
	if (building.length == 0)
		path[building.length++] = '/';
	path[building.length] = '\0';
	return !building.cut;
}
