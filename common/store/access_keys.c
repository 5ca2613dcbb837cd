#include "common/store/access_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/access_keys_file.h"
#include "common/store/access_keys_json.h"

static int
read_at(const struct access_keys_place *place, struct access_keys *keys, struct api_error *error)
{
	struct access_keys_text text;
	int result = 0;

	memset(keys, 0, sizeof(*keys));
	if (access_keys_file_read(place, &text, &keys->status, error) == -1)
		return -1;
	if (text.bytes != NULL)
		result = access_keys_json_read(place->path, &text, keys, error);
	access_keys_text_free(&text);
	if (result == -1)
		access_keys_free(keys);
	return result;
}

int
access_keys_read(const char *path, struct access_keys *keys, struct api_error *error)
{
	const struct access_keys_place place = { path, path, AT_FDCWD };

	return read_at(&place, keys, error);
}

bool
access_keys_changed(const char *path, const struct access_keys *keys)
{
	const struct stat *before = &keys->status;
	struct stat now;

	/* A file that can't be looked at is a change: reading it says what is wrong. */
	if (lstat(path, &now) == -1)
		return errno != ENOENT || before->st_ino != 0;
	return now.st_dev != before->st_dev || now.st_ino != before->st_ino || now.st_size != before->st_size ||
	    now.st_mode != before->st_mode || now.st_uid != before->st_uid ||
	    now.st_mtim.tv_sec != before->st_mtim.tv_sec || now.st_mtim.tv_nsec != before->st_mtim.tv_nsec ||
	    now.st_ctim.tv_sec != before->st_ctim.tv_sec || now.st_ctim.tv_nsec != before->st_ctim.tv_nsec;
}

void
access_keys_free(struct access_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		access_key_free(&keys->keys[i]);
	free(keys->keys);
	memset(keys, 0, sizeof(*keys));
}

struct access_key *
access_keys_find(const struct access_keys *keys, const char *id)
{
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->keys[i].id, id) == 0)
			return &keys->keys[i];
	return NULL;
}

/* What is written must be what can be read again, whatever was altered. */
static int
write_text(const char *path, const struct access_keys *keys, struct access_keys_text *text, struct api_error *error)
{
	struct api_error inner = { .code = API_OK };
	struct access_keys again = { 0 };
	int result;

	if (access_keys_json_write(keys, text, error) == -1)
		return -1;
	result = access_keys_json_read(path, text, &again, &inner);
	access_keys_free(&again);
	if (result == 0)
		return 0;
	access_keys_text_free(text);
	return api_fail(error, inner.code == API_UNAVAILABLE ? inner.code : API_INVALID_REQUEST,
	    "nothing was changed, since it couldn't be read again: %s", inner.message);
}

static int
change_at(const struct access_keys_place *place, access_keys_alter *change, void *context, struct api_error *error)
{
	struct access_keys_text text;
	struct access_keys keys;
	int result;

	if (read_at(place, &keys, error) == -1)
		return -1;
	result = change(context, &keys, error);
	if (result == 0)
		result = write_text(place->path, &keys, &text, error);
	access_keys_free(&keys);
	if (result == -1)
		return -1;
	result = access_keys_file_replace(place, &text, error);
	access_keys_text_free(&text);
	return result;
}

int
access_keys_change(const char *path, access_keys_alter *change, void *context, struct api_error *error)
{
	struct access_keys_place place;
	int result;

	if (access_keys_file_lock(path, &place, error) == -1)
		return -1;
	result = change_at(&place, change, context, error);
	access_keys_file_unlock(&place);
	return result;
}

int
access_keys_add(struct access_keys *keys, const struct access_key *key, struct api_error *error)
{
	struct access_key *more;

	if (keys->count >= ACCESS_KEYS_MAX)
		return api_fail(error, API_INVALID_REQUEST, "There are %d access keys, and no more may be", ACCESS_KEYS_MAX);
	if (access_keys_json_check(key, error) == -1)
		return -1;
	/* Not realloc(3), which leaves a copy of the secrets where they were. */
	more = calloc(keys->count + 1, sizeof(*more));
	if (more == NULL)
		return api_fail_memory(error);
	if (keys->count > 0) {
		memcpy(more, keys->keys, keys->count * sizeof(*more));
		explicit_bzero(keys->keys, keys->count * sizeof(*more));
	}
	free(keys->keys);
	more[keys->count++] = *key;
	keys->keys = more;
	return 0;
}

void
access_keys_remove(struct access_keys *keys, struct access_key *key)
{
	struct access_key *last = &keys->keys[keys->count - 1];

	access_key_free(key);
	memmove(key, key + 1, (size_t)(last - key) * sizeof(*key));
	explicit_bzero(last, sizeof(*last));
	keys->count--;
}
