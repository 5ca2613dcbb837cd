#include "admin_cmd/doctor/places.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/host/whole_io.h"

#define TEXT_MAX (1024 * 1024)

/* Below these a file system is about to be full: uploads and writes of the store fail at any moment. */
#define ROOM_BYTES  (64ull * 1024 * 1024)
#define ROOM_INODES 1000ull

const char *
place_word(const char *path, char *word)
{
	static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@";
	size_t used = 0;

	if (path[strspn(path, PLAIN)] == '\0') {
		snprintf(word, PATH_MAX, "%s", path);
		return word;
	}
	word[used++] = '\'';
	for (; *path != '\0' && used + 6 < PATH_MAX; path++) {
		if (*path == '\'')
			used += (size_t)snprintf(word + used, PATH_MAX - used, "'\\'");
		word[used++] = *path;
	}
	word[used++] = '\'';
	word[used] = '\0';
	return word;
}

const char *
place_above(const char *path, char *directory)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash == NULL || slash == path ? 1 : (size_t)(slash - path);

	snprintf(directory, PATH_MAX, "%.*s", (int)length, slash == NULL ? "." : path);
	return directory;
}

static int
judge_status(const char *path, const struct stat *status, uid_t uid, const char *owner, mode_t denied,
    struct place_fault *fault)
{
	const char *kind = S_ISDIR(status->st_mode) ? " (directory)" : "";
	char word[PATH_MAX];

	place_word(path, word);
	if (status->st_uid != uid) {
		snprintf(fault->found, sizeof(fault->found), "%.500s%s belongs to uid %u, not to %s", path, kind,
		    status->st_uid, owner);
		cure_format(fault->cure, "chown -h %s: %s", owner, word);
		return 1;
	}
	if ((status->st_mode & denied) == 0)
		return 0;
	snprintf(fault->found, sizeof(fault->found), "%.500s%s has mode %04o: others may %s it", path, kind,
	    status->st_mode & 07777, (status->st_mode & denied & 0022) != 0 ? "write" : "read");
	cure_format(fault->cure, "chmod %04o %s", status->st_mode & 07777 & ~denied, word);
	return 1;
}

int
place_judge(const char *path, uid_t uid, const char *owner, mode_t denied, struct place_fault *fault)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return -1;
	if (S_ISLNK(status.st_mode)) {
		snprintf(fault->found, sizeof(fault->found), "%.500s is a symbolic link", path);
		cure_format(fault->cure, "Put what it leads to in its place.");
		return 1;
	}
	return judge_status(path, &status, uid, owner, denied, fault);
}

int
place_judge_path(const char *path, struct place_fault *fault)
{
	char real[PATH_MAX], *slash;
	struct stat status;
	int result;

	if (realpath(path, real) == NULL)
		return -1;
	for (;;) {
		if (stat(real, &status) != 0)
			return -1;
		result = judge_status(real, &status, 0, "root", S_IWGRP | S_IWOTH, fault);
		if (result != 0 || real[1] == '\0')
			return result;
		slash = strrchr(real, '/');
		slash[slash == real ? 1 : 0] = '\0';
	}
}

char *
place_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), problem;
	char *text = fd >= 0 ? malloc(TEXT_MAX + 1) : NULL;
	ssize_t length = text != NULL ? whole_read(fd, text, TEXT_MAX + 1, 0) : -1;

	problem = length > TEXT_MAX ? EFBIG : errno;
	if (fd >= 0)
		close(fd);
	if (length >= 0 && length <= TEXT_MAX) {
		text[length] = '\0';
		return text;
	}
	free(text);
	errno = problem;
	return NULL;
}

/* The number of a place's mount, as the first word of /proc/self/mountinfo has it. */
static int
mount_number(const char *path, uint64_t *number)
{
	struct statx status;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_MNT_ID, &status) != 0)
		return -1;
	if ((status.stx_mask & STATX_MNT_ID) == 0) {
		errno = ENOSYS;
		return -1;
	}
	*number = status.stx_mnt_id;
	return 0;
}

/* undo_octal: mountinfo writes white space as \040. */
static void
undo_octal(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++, to++) {
		if (text[0] == '\\' && strspn(text + 1, "01234567") >= 3) {
			*to = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
			text += 3;
		} else {
			*to = *text;
		}
	}
	*to = '\0';
}

/* read_mount: from a line "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD …] - TYPE …". */
static bool
read_mount(char *line, uint64_t number, struct place_mount *mount)
{
	char *type = strstr(line, " - "), *at = line, *point = NULL;

	if (strtoull(line, NULL, 10) != number || type == NULL)
		return false;
	for (int field = 0; field < 5 && at != NULL; field++)
		point = strsep(&at, " ");
	if (point == NULL)
		return false;
	undo_octal(point);
	snprintf(mount->point, sizeof(mount->point), "%s", point);
	snprintf(mount->type, sizeof(mount->type), "%.*s", (int)strcspn(type + 3, " "), type + 3);
	return true;
}

int
place_mount_find(const char *path, struct place_mount *mount)
{
	FILE *file;
	char *line = NULL;
	size_t size = 0;
	uint64_t number;
	bool found = false;

	if (mount_number(path, &number) != 0 || (file = fopen("/proc/self/mountinfo", "re")) == NULL)
		return -1;
	while (!found && getline(&line, &size, file) > 0)
		found = read_mount(line, number, mount);
	free(line);
	fclose(file);
	errno = ENOENT;
	return found ? 0 : -1;
}

void
place_check_room(struct checks *checks, const char *link, const char *what, const char *path)
{
	struct place_mount mount = { .point = "" };
	char word[PATH_MAX], cure[CURE_MAX];
	struct statvfs status;
	uint64_t left;

	if (statvfs(path, &status) != 0)
		return;
	left = (uint64_t)status.f_bavail * status.f_frsize;
	place_mount_find(path, &mount);
	cure_format(cure, "Make room on the file system at %s: `du -xh %s | sort -h | tail` shows what takes it.",
	    mount.point,
	    place_word(mount.point, word));
	/* A small file system that is less than half full isn't about to be. */
	if (status.f_blocks > 0 && left < ROOM_BYTES && status.f_bavail < status.f_blocks / 2)
		check_warning(checks, link, cure, "%s %s: %llu MiB are left on its file system", what, path,
		    (unsigned long long)(left >> 20));
	else if (status.f_files > 0 && status.f_favail < ROOM_INODES && status.f_favail < status.f_files / 2)
		check_warning(checks, link, cure, "%s %s: %llu inodes are left on its file system", what,
		    path, (unsigned long long)status.f_favail);
}
