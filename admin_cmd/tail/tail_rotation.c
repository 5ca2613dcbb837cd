#include "admin_cmd/tail/tail_rotation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* FILE.7 is older than FILE.6, and FILE-20261121 than FILE-20261122; from here on digits are a date. */
#define DATE_DIGITS 8
/* How often the files are looked at again because they were renamed meanwhile. */
#define TRIES 10

struct file {
	char name[NAME_MAX + 1];
	char age[NAME_MAX + 1]; /* what makes the name: "7", "20261122" */
	bool compressed, current;
	struct stat status;
};

struct files {
	struct file *list; /* oldest first; owned */
	size_t count;
};

int
tail_open(const char *path)
{
	/* NONBLOCK: a FIFO is not waited for. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	struct stat status;

	if (fd == -1)
		return -1;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		return fd;
	close(fd);
	errno = ENOTSUP;
	return -1;
}

/* Whether the name is the log's, rotated; file->age and file->compressed are then set. */
static bool
read_name(const char *base, const char *name, struct file *file)
{
	static const char *const endings[] = { ".gz", ".xz", ".zst", ".bz2", ".lz4" };
	size_t length = strlen(base), digits;

	if (strncmp(name, base, length) != 0 || (name[length] != '.' && name[length] != '-'))
		return false;
	name += length + 1;
	digits = strspn(name, "0123456789-");
	if (digits == 0 || name[0] == '-' || digits > NAME_MAX)
		return false;
	memcpy(file->age, name, digits);
	file->age[digits] = '\0';
	file->compressed = false;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		file->compressed |= strcmp(name + digits, endings[i]) == 0;
	return file->compressed || name[digits] == '\0';
}

static int
compare_times(const struct stat *one, const struct stat *other)
{
	if (one->st_mtim.tv_sec != other->st_mtim.tv_sec)
		return one->st_mtim.tv_sec < other->st_mtim.tv_sec ? -1 : 1;
	return (one->st_mtim.tv_nsec > other->st_mtim.tv_nsec) - (one->st_mtim.tv_nsec < other->st_mtim.tv_nsec);
}

static int
by_age(const void *one, const void *other)
{
	const struct file *a = one, *b = other;
	bool a_dated = strlen(a->age) >= DATE_DIGITS, b_dated = strlen(b->age) >= DATE_DIGITS;
	long a_number = strtol(a->age, NULL, 10), b_number = strtol(b->age, NULL, 10);

	if (a->current != b->current)
		return a->current ? 1 : -1;
	if (a_dated != b_dated)
		return compare_times(&a->status, &b->status);
	if (a_dated && strcmp(a->age, b->age) != 0)
		return strcmp(a->age, b->age);
	if (!a_dated && a_number != b_number)
		return a_number > b_number ? -1 : 1;
	return b->compressed - a->compressed;
}

/* A file that is gone by now is none. */
static int
add_file(struct files *files, int directory, const char *name, struct file *file)
{
	struct file *list;

	if (fstatat(directory, name, &file->status, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(file->status.st_mode))
		return 0;
	if ((list = reallocarray(files->list, files->count + 1, sizeof(*list))) == NULL)
		return -1;
	files->list = list;
	snprintf(file->name, sizeof(file->name), "%s", name);
	list[files->count++] = *file;
	return 0;
}

static int
list_files(DIR *directory, const char *base, struct files *files)
{
	const struct dirent *entry;
	struct file file;

	rewinddir(directory);
	files->list = NULL;
	files->count = 0;
	while ((errno = 0, entry = readdir(directory)) != NULL) {
		memset(&file, 0, sizeof(file));
		file.current = strcmp(entry->d_name, base) == 0;
		if ((file.current || read_name(base, entry->d_name, &file)) &&
		    add_file(files, dirfd(directory), entry->d_name, &file) == -1)
			return -1;
	}
	if (errno != 0)
		return -1;
	if (files->count > 1)
		qsort(files->list, files->count, sizeof(*files->list), by_age);
	return 0;
}

static bool
same_file(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* The first of the files that came after the one with this status. logrotate(8) gives a compressed file the plain one's
 * time. */
static size_t
first_after(const struct files *files, const struct stat *status, struct tail_gap *gap)
{
	size_t i;

	for (i = files->count; i > 0; i--) {
		if (same_file(&files->list[i - 1].status, status))
			return i;
	}
	for (i = files->count; i > 0; i--) {
		const struct file *file = &files->list[i - 1];

		if (file->compressed && file->status.st_mtim.tv_sec == status->st_mtim.tv_sec)
			return i;
	}
	gap->lost = true;
	for (i = 0; i < files->count; i++) {
		if (files->list[i].current || compare_times(&files->list[i].status, status) >= 0)
			break;
	}
	return i;
}

/* The one to read next; NULL: none yet. */
static const struct file *
next_of(const struct files *files, const struct stat *status, struct tail_gap *gap)
{
	*gap = (struct tail_gap){ false, 0 };
	for (size_t i = first_after(files, status, gap); i < files->count; i++) {
		const struct file *file = &files->list[i];

		if (!file->compressed)
			return file->current && file->status.st_size == 0 ? NULL : file;
		/* One that is being compressed is there twice. */
		if (i + 1 == files->count || strcmp(file->age, file[1].age) != 0)
			gap->skipped++;
	}
	return NULL;
}

/* The inode of the file after fd's, as its name says now: 1 with *name, 0 when there is none, -1 with errno. *status is fd's. */
static int
look_for_next(DIR *directory, const char *base, int fd, struct stat *status, struct file *next, struct tail_gap *gap)
{
	const struct file *found = NULL;
	struct files files;
	int result = -1;

	if (list_files(directory, base, &files) == 0 && fstat(fd, status) == 0) {
		found = next_of(&files, status, gap);
		result = found == NULL ? 0 : 1;
	}
	if (found != NULL)
		*next = *found;
	free(files.list);
	return result;
}

/* find_next: a listing can miss a name that moves meanwhile: a file that still has one isn't given up at once. */
static int
find_next(DIR *directory, const char *base, int fd, struct file *next, struct tail_gap *gap)
{
	struct stat status;
	int result = -1;

	for (int i = 0; i < TRIES; i++) {
		result = look_for_next(directory, base, fd, &status, next, gap);
		if (result == -1 || !gap->lost || status.st_nlink == 0)
			break;
	}
	return result;
}

/*
 * Names move while one looks at them: what was FILE a moment ago is FILE.1, and another one is FILE. So the file that was
 * opened must be the next one also afterwards.
 */
static int
open_next(DIR *directory, const char *folder, const char *base, int fd, struct tail_gap *gap)
{
	struct file before, after;
	char path[PATH_MAX + NAME_MAX + 2];
	struct stat status;
	int next, result;

	for (int i = 0; i < TRIES; i++) {
		if ((result = find_next(directory, base, fd, &before, gap)) != 1) {
			errno = result == 0 ? 0 : errno;
			return -1;
		}
		snprintf(path, sizeof(path), "%s/%s", folder, before.name);
		if ((next = tail_open(path)) == -1 && errno != ENOENT)
			return -1;
		if (next != -1 && fstat(next, &status) == 0 && same_file(&status, &before.status) &&
		    find_next(directory, base, fd, &after, gap) == 1 && same_file(&status, &after.status))
			return next;
		if (next != -1)
			close(next);
	}
	errno = 0;
	return -1;
}

int
tail_next_file(const char *path, int fd, struct tail_gap *gap)
{
	struct stat ours, named;
	char folder[PATH_MAX];
	const char *base;
	DIR *directory;
	int next, error;

	if (fstat(fd, &ours) == -1)
		return -1;
	if (lstat(path, &named) == 0 && same_file(&named, &ours)) {
		errno = 0;
		return -1;
	}
	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	base = path + (strrchr(folder, '/') - folder) + 1;
	*strrchr(folder, '/') = '\0';
	if ((directory = opendir(folder[0] == '\0' ? "/" : folder)) == NULL)
		return -1;
	next = open_next(directory, folder, base, fd, gap);
	error = errno;
	closedir(directory);
	errno = error;
	return next;
}
