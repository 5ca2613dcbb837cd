#include "common/store/access_keys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "common/host/whole_io.h"

#define MODE_PRIVATE    0600
#define LOCK_WAIT_MS    10000
#define LOCK_RETRY_MS   10

/* Under the lock one name is enough; what a writer that was killed has left under it, the next one takes away. */
#define NEW_SUFFIX ".new"

void
access_keys_text_free(struct access_keys_text *text)
{
	if (text->bytes != NULL)
		explicit_bzero(text->bytes, text->size);
	free(text->bytes);
	*text = (struct access_keys_text){ NULL, 0, 0 };
}

/* The secrets in it are only as good as what was true of the file all the time that it lay there. */
static int
check_status(const char *path, const struct stat *status, struct api_error *error)
{
	if (!S_ISREG(status->st_mode))
		return api_fail(error, API_INTERNAL, "%s: not a regular file", path);
	if (status->st_uid != 0 && status->st_uid != geteuid())
		return api_fail(error, API_INTERNAL, "%s: user %u owns it; allowed: User (here %u) and root", path,
		    status->st_uid, geteuid());
	if ((status->st_mode & 077) != 0)
		return api_fail(error, API_INTERNAL, "%s: mode %04o: others than its owner have access; allowed: 0600", path,
		    status->st_mode & 07777);
	if (status->st_size > (off_t)ACCESS_KEYS_FILE_MAX)
		return api_fail(error, API_INTERNAL, "%s: %lld bytes; allowed: at most %u", path, (long long)status->st_size,
		    ACCESS_KEYS_FILE_MAX);
	return 0;
}

static int
read_bytes(int file, const char *path, off_t length, struct access_keys_text *text, struct api_error *error)
{
	ssize_t count;

	text->size = (size_t)length + 1;
	text->bytes = malloc(text->size);
	if (text->bytes == NULL)
		return api_fail_memory(error);
	count = whole_read(file, text->bytes, text->size, 0);
	if (count == (ssize_t)length) {
		text->length = (size_t)length;
		return 0;
	}
	api_fail(error, API_UNAVAILABLE, "%s: %s", path, count < 0 ? strerror(errno) : "it was changed while it was read");
	access_keys_text_free(text);
	return -1;
}

int
access_keys_file_read(const struct access_keys_place *place, struct access_keys_text *text, struct stat *status,
    struct api_error *error)
{
	/* Non-blocking: a pipe in the file's place must not hang us. */
	int file = openat(place->directory, place->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), result;

	*text = (struct access_keys_text){ NULL, 0, 0 };
	memset(status, 0, sizeof(*status));
	if (file == -1 && errno == ENOENT)
		return 0;
	if (file == -1)
		return api_fail(error, API_INTERNAL, "%s: %s", place->path,
		    errno == ELOOP ? "a symbolic link; allowed: a regular file" : strerror(errno));
	if (fstat(file, status) == -1)
		result = api_fail(error, API_UNAVAILABLE, "%s: %s", place->path, strerror(errno));
	else
		result = check_status(place->path, status, error);
	if (result == 0)
		result = read_bytes(file, place->path, status->st_size, text, error);
	close(file);
	if (result == -1)
		memset(status, 0, sizeof(*status));
	return result;
}

static int
open_directory(const char *path, struct api_error *error)
{
	const char *slash = strrchr(path, '/');
	char name[PATH_MAX] = ".";
	int directory;

	if (slash != NULL && (size_t)(slash - path) >= sizeof(name))
		return api_fail(error, API_INTERNAL, "%s: %s", path, strerror(ENAMETOOLONG));
	if (slash != NULL)
		snprintf(name, sizeof(name), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory != -1)
		return directory;
	if (errno == ENOENT)
		return api_fail(error, API_UNAVAILABLE,
		    "%s: its directory is missing: `systemd-tmpfiles --create` makes /var/lib/berth", path);
	return api_fail(error, API_UNAVAILABLE, "%s: its directory: %s", path, strerror(errno));
}

/* Whoever may read the directory may lock it, too, for as long as they like: so it isn't waited for without end. */
static bool
lock(int directory)
{
	const struct timespec pause = { 0, LOCK_RETRY_MS * 1000000 };

	for (int waited = 0; flock(directory, LOCK_EX | LOCK_NB) == -1; waited += LOCK_RETRY_MS) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || waited >= LOCK_WAIT_MS)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

int
access_keys_file_lock(const char *path, struct access_keys_place *place, struct api_error *error)
{
	const char *slash = strrchr(path, '/');

	*place = (struct access_keys_place){ path, slash == NULL ? path : slash + 1, open_directory(path, error) };
	if (place->directory == -1)
		return -1;
	if (lock(place->directory))
		return 0;
	api_fail(error, API_UNAVAILABLE, "%s: the lock on its directory: %s", path,
	    errno == EWOULDBLOCK ? "somebody else keeps it" : strerror(errno));
	access_keys_file_unlock(place);
	return -1;
}

void
access_keys_file_unlock(struct access_keys_place *place)
{
	close(place->directory);
}

/* A file of that name, with these bytes, on disk. */
static int
write_new(int directory, const char *name, const struct access_keys_text *text)
{
	int file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE_PRIVATE), problem = 0;

	if (file == -1)
		return -1;
	if (fchmod(file, MODE_PRIVATE) == -1 || whole_write(file, text->bytes, text->length) != text->length ||
	    fsync(file) == -1)
		problem = errno;
	if (close(file) == -1 && problem == 0)
		problem = errno;
	errno = problem;
	return problem == 0 ? 0 : -1;
}

static int
replace(const struct access_keys_place *place, const char *name, const struct access_keys_text *text)
{
	int problem;

	if (unlinkat(place->directory, name, 0) == -1 && errno != ENOENT)
		return -1;
	if (write_new(place->directory, name, text) == 0 &&
	    renameat(place->directory, name, place->directory, place->name) == 0)
		return fsync(place->directory);
	problem = errno;
	unlinkat(place->directory, name, 0);
	errno = problem;
	return -1;
}

int
access_keys_file_replace(const struct access_keys_place *place, const struct access_keys_text *text, struct api_error *error)
{
	char name[NAME_MAX + 1];

	if (text->length > ACCESS_KEYS_FILE_MAX)
		return api_fail(error, API_INVALID_REQUEST, "%s: it would have %zu bytes; allowed: at most %u", place->path,
		    text->length, ACCESS_KEYS_FILE_MAX);
	if (snprintf(name, sizeof(name), "%s" NEW_SUFFIX, place->name) >= (int)sizeof(name))
		return api_fail(error, API_UNAVAILABLE, "%s: %s", place->path, strerror(ENAMETOOLONG));
	if (replace(place, name, text) == 0)
		return 0;
	return api_fail(error, API_UNAVAILABLE, "%s can't be written: %s", place->path, strerror(errno));
}
