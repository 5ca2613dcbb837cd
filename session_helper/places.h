/*
 * Paths: as sftp-server logged them, as the user sees them, and where they are on the host. By text alone: nothing is looked
 * up in a file system, and a symbolic link is not followed.
 */
#ifndef BERTH_PLACES_H
#define BERTH_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One entry of the view. The bytes belong to whoever called places_sort, and have no closing NUL. */
struct place {
	const char *entry, *target;
	uint32_t entry_length, target_length;
};

struct places {
	struct place *list;
	size_t count;
};

/* places_check: whether entry and target are absolute. Takes slashes off their ends: "/in/" is "/in", "/" becomes "". */
bool places_check(struct place *place);

/* places_sort: once, before places_target. */
void places_sort(struct places *places);

/*
 * places_target: the host's path of an absolute path without "//", "." and "..", as places_resolve makes them: that of the
 * longest entry at or above it. False, with "", when there is none, or it would be longer than size - 1.
 */
bool places_target(const struct places *places, const char *path, char *target, size_t size);

/*
 * places_resolve: the absolute path of a name, which begins at `directory` unless it begins with '/'. "//", "." and ".." are
 * taken out; ".." of the root is the root. False when it had to be cut to size - 1 bytes.
 */
bool places_resolve(const char *directory, const char *name, char *path, size_t size);

#endif
