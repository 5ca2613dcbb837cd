/*
 * Paths, and opening them so that they can't lead astray.
 */
#ifndef BERTH_PAM_PATH_H
#define BERTH_PAM_PATH_H

#include <limits.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>

/* Nothing on the way may be a symbolic link, nor lead above where it began. */
#define RESOLVE_TARGET (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

/* open_within: openat2(2), close-on-exec; tried again when a rename elsewhere left the kernel unsure. -1 with errno. */
int open_within(int base, const char *path, int flags, uint64_t resolve);

/* path_component: copies what stands before the next slash; returns its length, or 0 with ENAMETOOLONG. */
size_t path_component(const char *path, char component[NAME_MAX + 1]);

/* path_next: what follows that component and its slash. */
static inline const char *
path_next(const char *path, size_t component_length)
{
	return path + component_length + (path[component_length] == '/');
}

#endif
