#include "admin_cmd/setup/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/host/whole_io.h"

#define FILE_MAX (1024 * 1024)

int
setup_fail(char *why, const char *format, ...)
{
	int problem = errno;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, SETUP_WHY_MAX, format, arguments);
	va_end(arguments);
	errno = problem;
	return -1;
}

/* A directory's own path, and the last component. */
static const char *
split(const char *path, char parent[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(parent, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return slash + 1;
}

/*
 * Directories.
 */

/* open_component: `path` is the whole one, as far as this component. */
static int
open_component(int parent, const char *name, const char *path, char *why)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return setup_fail(why, "%s is a symbolic link, or no directory: setup changes nothing behind one", path);
	if (fd < 0 || fstat(fd, &status) != 0) {
		setup_fail(why, "%s: %s", path, strerror(errno));
	} else if (status.st_uid != 0 || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		errno = EPERM;
		setup_fail(why, "others than root can change %s: `chown root %s` or `chmod go-w %s`", path, path, path);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

int
setup_directory_open(const char *path, char *why)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), next, problem;
	char copy[PATH_MAX], whole[PATH_MAX], *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", path);
	while (fd >= 0 && (name = strsep(&rest, "/")) != NULL) {
		if (name[0] == '\0')
			continue;
		snprintf(whole, sizeof(whole), "%.*s", (int)(name + strlen(name) - copy), path);
		next = open_component(fd, name, whole, why);
		problem = errno;
		close(fd);
		errno = problem;
		fd = next;
	}
	return fd;
}

int
setup_directory_make(const char *path, char *why)
{
	char parent[PATH_MAX];
	const char *name = split(path, parent);
	int fd = setup_directory_open(parent, why), made = -1;

	if (fd < 0)
		return -1;
	if (mkdirat(fd, name, 0755) == 0)
		/* Whatever the umask is. */
		made = fchmodat(fd, name, 0755, 0) == 0 && fsync(fd) == 0 ? 1 :
		    setup_fail(why, "%s: %s", path, strerror(errno));
	else
		made = errno == EEXIST ? 0 : setup_fail(why, "%s can't be made: %s", path, strerror(errno));
	close(fd);
	return made;
}

/*
 * Reading.
 */

/* read_text: of a regular file, closed with NUL. */
static char *
read_text(int fd, const struct stat *status, const char *path, char *why)
{
	char *text = NULL;
	ssize_t length;

	if (!S_ISREG(status->st_mode))
		setup_fail(why, "%s is not a regular file", path);
	else if (status->st_uid != 0)
		setup_fail(why, "%s does not belong to root: `chown root %s`", path, path);
	else if (status->st_size > FILE_MAX)
		setup_fail(why, "%s is larger than 1 MiB", path);
	else if ((text = malloc(FILE_MAX + 1)) == NULL)
		setup_fail(why, "%s: no memory", path);
	if (text == NULL)
		return NULL;
	length = whole_read(fd, text, FILE_MAX + 1, 0);
	if (length < 0 || length > FILE_MAX || memchr(text, '\0', (size_t)length) != NULL) {
		setup_fail(why, "%s: %s", path, length < 0 ? strerror(errno) : "it is no text");
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}

/* read_at: 1 with text and status, 0 when there is no such file, -1. */
static int
read_at(int directory, const char *name, const char *path, char **text, struct stat *status, char *why)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*text = NULL;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && errno == ELOOP)
		return setup_fail(why,
		    "%s is a symbolic link: what manages it (authselect or the like) would undo the change, or "
		    "be broken by it. Make it a file of its own: `cp --remove-destination $(readlink -f %s) %s`", path, path,
		    path);
	if (fd < 0)
		return setup_fail(why, "%s: %s", path, strerror(errno));
	if (fstat(fd, status) != 0)
		setup_fail(why, "%s: %s", path, strerror(errno));
	else
		*text = read_text(fd, status, path, why);
	close(fd);
	return *text != NULL ? 1 : -1;
}

int
setup_file_read(struct setup_file *file, const char *path, char *why)
{
	char parent[PATH_MAX];
	const char *name = split(path, parent);

	*file = (struct setup_file){ .path = path, .directory = setup_directory_open(parent, why) };
	if (file->directory < 0)
		return errno == ENOENT ? 0 : -1;
	if (read_at(file->directory, name, path, &file->text, &file->status, why) < 0)
		return -1;
	if (file->text != NULL && (file->wanted = strdup(file->text)) == NULL)
		return setup_fail(why, "%s: no memory", path);
	return 0;
}

void
setup_file_free(struct setup_file *file)
{
	free(file->text);
	free(file->wanted);
	if (file->directory >= 0)
		close(file->directory);
	*file = (struct setup_file)SETUP_FILE_NONE;
}

void
setup_file_want(struct setup_file *file, char *text)
{
	free(file->wanted);
	file->wanted = text;
}

bool
setup_file_changes(const struct setup_file *file)
{
	if (file->text == NULL || file->wanted == NULL)
		return file->text != file->wanted;
	return strcmp(file->text, file->wanted) != 0;
}

/*
 * The copy.
 */

static int
open_backups(char *why)
{
	char parent[PATH_MAX];
	int fd;

	split(SETUP_BACKUP_DIR, parent);
	if (setup_directory_make(parent, why) < 0 || setup_directory_make(SETUP_BACKUP_DIR, why) < 0)
		return -1;
	fd = setup_directory_open(SETUP_BACKUP_DIR, why);
	if (fd < 0 || fchmod(fd, 0700) == 0)
		return fd;
	setup_fail(why, SETUP_BACKUP_DIR ": %s", strerror(errno));
	close(fd);
	return -1;
}

#define ATTRIBUTE_MAX 65536

/* copy_attributes: the access list, whose mask is in the mode's place, and what users of the file have noted beside it. */
static int
copy_attributes(int from, int to)
{
	char names[ATTRIBUTE_MAX], value[ATTRIBUTE_MAX];
	ssize_t length = flistxattr(from, names, sizeof(names)), size;

	if (length < 0)
		return errno == ENOTSUP ? 0 : -1;
	for (const char *name = names; name < names + length; name += strlen(name) + 1) {
		if (strcmp(name, "system.posix_acl_access") != 0 && strncmp(name, "user.", strlen("user.")) != 0)
			continue;
		size = fgetxattr(from, name, value, sizeof(value));
		if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0) != 0)
			return -1;
	}
	return 0;
}

/* copy_attributes_of: of a file by its name, where it has one. */
static int
copy_attributes_of(int directory, const char *name, int to)
{
	int from = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), result;

	if (from < 0)
		return errno == ENOENT ? 0 : -1;
	result = copy_attributes(from, to);
	close(from);
	return result;
}

/* make_like: a new file with the text, owner and mode of another. */
static int
make_like(int directory, const char *name, const char *text, uid_t uid, gid_t gid, mode_t mode)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), problem;

	if (fd < 0)
		return -1;
	if (whole_write(fd, text, strlen(text)) == strlen(text) && fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0 &&
	    fsync(fd) == 0)
		return fd;
	problem = errno;
	close(fd);
	unlinkat(directory, name, 0);
	errno = problem;
	return -1;
}

/* copy_name: "pam.d-sshd.20261122T203000Z" of /etc/pam.d/sshd; of the second one of a second, with -2. */
static void
copy_name(const char *path, const char *moment, unsigned number, char name[NAME_MAX + 1])
{
	const char *shown = strncmp(path, "/etc/", 5) == 0 ? path + 5 : path + 1;

	if (number > 1)
		snprintf(name, NAME_MAX + 1, "%s.%s-%u", shown, moment, number);
	else
		snprintf(name, NAME_MAX + 1, "%s.%s", shown, moment);
	for (char *slash = name; (slash = strchr(slash, '/')) != NULL;)
		*slash = '-';
}

int
setup_file_copy(struct setup_file *file, const char *moment, char *why)
{
	const struct stat *status = &file->status;
	char name[NAME_MAX + 1];
	int directory, fd = -1;

	if (file->text == NULL)
		return 0;
	directory = open_backups(why);
	if (directory < 0)
		return -1;
	errno = EEXIST;
	for (unsigned number = 1; fd < 0 && errno == EEXIST && number < 100; number++) {
		copy_name(file->path, moment, number, name);
		fd = make_like(directory, name, file->text, status->st_uid, status->st_gid, status->st_mode & 07777);
	}
	if (fd < 0 || fsync(directory) != 0) {
		setup_fail(why, SETUP_BACKUP_DIR "/%s: %s", name, strerror(errno));
		close(directory);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	futimens(fd, (struct timespec[]){ status->st_atim, status->st_mtim });
	snprintf(file->backup, sizeof(file->backup), SETUP_BACKUP_DIR "/%s", name);
	close(fd);
	close(directory);
	return 0;
}

void
setup_file_forget_copy(struct setup_file *file)
{
	if (file->backup[0] != '\0')
		unlink(file->backup);
	file->backup[0] = '\0';
}

/*
 * Replacing.
 */

struct names {
	char parent[PATH_MAX];
	const char *name;
	char old[NAME_MAX + 1], fresh[NAME_MAX + 1];
};

static void
make_names(const struct setup_file *file, struct names *names)
{
	names->name = split(file->path, names->parent);
	snprintf(names->old, sizeof(names->old), ".%s.berth-old", names->name);
	snprintf(names->fresh, sizeof(names->fresh), ".%s.berth-new", names->name);
}

/* is_as_read: nobody has changed it since. */
static bool
is_as_read(const struct setup_file *file, const struct names *names, char *why)
{
	struct stat status;
	char *text;
	int there = read_at(file->directory, names->name, file->path, &text, &status, why);
	bool same = there == 0 ? file->text == NULL : there == 1 && file->text != NULL && strcmp(text, file->text) == 0;

	free(text);
	if (there >= 0 && !same)
		setup_fail(why, "%s: somebody has changed it meanwhile: run it again", file->path);
	return same;
}

static int
replace(struct setup_file *file, const struct names *names)
{
	mode_t mode = file->text != NULL ? file->status.st_mode & 07777 : 0644;
	uid_t uid = file->text != NULL ? file->status.st_uid : 0;
	gid_t gid = file->text != NULL ? file->status.st_gid : 0;
	int fd;

	if (file->text != NULL && linkat(file->directory, names->name, file->directory, names->old, 0) != 0)
		return -1;
	if (file->wanted == NULL)
		return unlinkat(file->directory, names->name, 0);
	fd = make_like(file->directory, names->fresh, file->wanted, uid, gid, mode);
	if (fd < 0)
		return -1;
	if (copy_attributes_of(file->directory, names->name, fd) != 0 || fsync(fd) != 0) {
		close(fd);
		return -1;
	}
	close(fd);
	return renameat(file->directory, names->fresh, file->directory, names->name);
}

int
setup_file_put(struct setup_file *file, char *why)
{
	struct names names;

	make_names(file, &names);
	if (file->directory < 0 && (file->directory = setup_directory_open(names.parent, why)) < 0)
		return -1;
	if (!is_as_read(file, &names, why))
		return -1;
	file->begun = true;
	unlinkat(file->directory, names.old, 0);
	unlinkat(file->directory, names.fresh, 0);
	file->replaced = replace(file, &names) == 0;
	if (file->replaced && fsync(file->directory) == 0)
		return 0;
	return setup_fail(why, "%s: %s", file->path, strerror(errno));
}

int
setup_file_put_back(struct setup_file *file, char *why)
{
	struct names names;
	int result = 0;

	if (!file->begun)
		return 0;
	make_names(file, &names);
	unlinkat(file->directory, names.fresh, 0);
	if (!file->replaced)
		unlinkat(file->directory, names.old, 0); /* the file itself is as it was, be this gone or not */
	else if (file->text != NULL)
		result = renameat(file->directory, names.old, file->directory, names.name);
	else
		result = unlinkat(file->directory, names.name, 0) != 0 && errno != ENOENT ? -1 : 0;
	if (result != 0)
		return setup_fail(why, "%s: %s%s%s", file->path, strerror(errno),
		    file->backup[0] != '\0' ? "; as it was, it is " : "", file->backup);
	file->begun = file->replaced = false;
	fsync(file->directory);
	return 0;
}

void
setup_file_settle(struct setup_file *file)
{
	struct names names;

	file->begun = file->replaced = false;
	if (file->directory < 0)
		return;
	make_names(file, &names);
	unlinkat(file->directory, names.old, 0);
	unlinkat(file->directory, names.fresh, 0);
}
