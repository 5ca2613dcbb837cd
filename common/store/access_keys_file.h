/*
 * The file of access keys as bytes: read only when nobody else can have read or written it, replaced as a whole, durably,
 * under a lock. For access_keys.c.
 */
#ifndef BERTH_ACCESS_KEYS_FILE_H
#define BERTH_ACCESS_KEYS_FILE_H

#include <stddef.h>
#include <sys/stat.h>

#include "common/model/error.h"

#define ACCESS_KEYS_FILE_MAX (16u * 1024 * 1024)

struct access_keys_text {
	char *bytes; /* NULL: there is no file */
	size_t size, length; /* allocated, and used */
};

/* access_keys_text_free: overwrites it first. */
void access_keys_text_free(struct access_keys_text *text);

/* Where the file is. */
struct access_keys_place {
	const char *path;
	const char *name; /* as seen from the directory */
	int directory;    /* locked; or AT_FDCWD */
};

/* access_keys_file_read: no file is no bytes, and a status of zeros. Returns 0 (release with access_keys_text_free()) or
 * -1. */
int access_keys_file_read(const struct access_keys_place *place, struct access_keys_text *text, struct stat *status,
    struct api_error *error);

/* access_keys_file_lock: the file's directory, open and locked against others who change keys; waits for them, for some
 * seconds. `place` refers to path. Returns 0 (release with access_keys_file_unlock()) or -1. */
int access_keys_file_lock(const char *path, struct access_keys_place *place, struct api_error *error);
void access_keys_file_unlock(struct access_keys_place *place);

/* access_keys_file_replace: within the lock. Durable once it returns 0. */
int access_keys_file_replace(const struct access_keys_place *place, const struct access_keys_text *text,
    struct api_error *error);

#endif
