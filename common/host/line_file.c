/*
 * Opening, mending and writing a log's file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/host/line_file.h"
#include "common/host/whole_io.h"

#define FILE_MODE 0640
/* Read, too: the last lines say what is written already. Non-blocking: a pipe in the file's place must not hang us. */
#define OPEN_FLAGS (O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

#define NOT_REGULAR "not a regular file"

static const char *
open_problem(void)
{
	switch (errno) {
	case ELOOP:
		return "a symbolic link; allowed: a regular file";
	case ENOENT:
		return "its directory is missing: `systemd-tmpfiles --create` makes /var/log/berth, then restart";
	case EROFS:
		return "read-only: if the directory is newer than the daemon, restart it; else see ReadWritePaths in its unit";
	default:
		return strerror(errno);
	}
}

static int
make_file(const char *path)
{
	int fd = open(path, OPEN_FLAGS | O_CREAT | O_EXCL, FILE_MODE);

	if (fd < 0 && errno == EEXIST)
		return open(path, OPEN_FLAGS); /* logrotate has just made it */
	if (fd >= 0 && fchmod(fd, FILE_MODE) != 0) { /* whatever the umask made of it */
		close(fd);
		return -1;
	}
	return fd;
}

static const char *
check_regular(struct line_file *file)
{
	struct stat status;

	if (fstat(file->fd, &status) != 0)
		return strerror(errno);
	if (!S_ISREG(status.st_mode))
		return NOT_REGULAR;
	file->device = status.st_dev;
	file->inode = status.st_ino;
	file->end = status.st_size;
	return NULL;
}

static void
find_lines(const char *lines, size_t length, line_file_found *found, void *context)
{
	const char *end = lines + length, *newline;

	while ((newline = memchr(lines, '\n', (size_t)(end - lines))) != NULL) {
		found(context, lines, (size_t)(newline - lines));
		lines = newline + 1;
	}
}

/* mend: cuts off a last line that has no end, and reports the lines before it. */
static const char *
mend(struct line_file *file, char *tail, line_file_found *found, void *context)
{
	off_t from = file->end > LINE_FILE_TAIL ? file->end - LINE_FILE_TAIL : 0;
	ssize_t length = whole_read(file->fd, tail, (size_t)(file->end - from), from);
	const char *newline;
	size_t whole;

	if (length < 0)
		return strerror(errno);
	newline = memrchr(tail, '\n', (size_t)length);
	if (newline == NULL && from > 0)
		return "not a log of lines: it ends in one of more than 1 MiB";
	whole = newline != NULL ? (size_t)(newline - tail) + 1 : 0;
	if (from + (off_t)whole < file->end && ftruncate(file->fd, from + (off_t)whole) != 0)
		return strerror(errno);
	file->end = from + (off_t)whole;
	if (found != NULL)
		find_lines(tail, whole, found, context);
	return NULL;
}

static const char *
take_stock(struct line_file *file, line_file_found *found, void *context)
{
	const char *problem = check_regular(file);
	char *tail;

	if (problem != NULL || file->end == 0)
		return problem;
	tail = malloc(LINE_FILE_TAIL);
	if (tail == NULL)
		return strerror(errno);
	problem = mend(file, tail, found, context);
	free(tail);
	return problem;
}

const char *
line_file_open(struct line_file *file, const char *path, line_file_found *found, void *context)
{
	const char *problem;

	line_file_close(file);
	file->fd = open(path, OPEN_FLAGS);
	if (file->fd < 0 && errno == ENOENT)
		file->fd = make_file(path);
	if (file->fd < 0)
		return errno == ENXIO ? NOT_REGULAR : open_problem();
	problem = take_stock(file, found, context);
	if (problem != NULL)
		line_file_close(file);
	return problem;
}

void
line_file_close(struct line_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	*file = (struct line_file)LINE_FILE_CLOSED;
}

static bool
cut_torn(struct line_file *file)
{
	if (file->torn && ftruncate(file->fd, file->end) == 0)
		file->torn = false;
	return !file->torn;
}

/* note_torn: the file ends in so many bytes of a line. By its size as it is now: who cuts it (logrotate's copytruncate)
 * doesn't ask us, and may have cut them off. */
static void
note_torn(struct line_file *file, off_t bytes)
{
	struct stat status;

	if (bytes == 0 || fstat(file->fd, &status) != 0 || status.st_size < bytes)
		return;
	file->torn = true;
	file->end = status.st_size - bytes;
}

size_t
line_file_append(struct line_file *file, const char *lines, size_t length)
{
	const char *newline;
	size_t written, whole;
	int problem;

	if (!cut_torn(file))
		return 0;
	written = whole_write(file->fd, lines, length);
	if (written == length)
		return length;
	problem = errno;
	newline = memrchr(lines, '\n', written);
	whole = newline != NULL ? (size_t)(newline - lines) + 1 : 0;
	note_torn(file, (off_t)(written - whole));
	cut_torn(file);
	errno = problem;
	return whole;
}

bool
line_file_has_room(const struct line_file *file, off_t bytes)
{
	struct stat status;

	if (fstat(file->fd, &status) != 0)
		return false;
	return fallocate(file->fd, FALLOC_FL_KEEP_SIZE, status.st_size, bytes) == 0 || errno == EOPNOTSUPP ||
	    errno == ENOSYS || errno == EINTR;
}

bool
line_file_moved(const struct line_file *file, const char *path)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return errno == ENOENT;
	return status.st_dev != file->device || status.st_ino != file->inode;
}

/* test_directory: where the file would be made. */
static const char *
test_directory(const char *path)
{
	char directory[PATH_MAX];
	size_t length = (size_t)(strrchr(path, '/') - path);

	if (length >= sizeof(directory))
		return strerror(ENAMETOOLONG);
	memcpy(directory, path, length);
	directory[length] = '\0';
	if (faccessat(AT_FDCWD, length > 0 ? directory : "/", W_OK | X_OK, AT_EACCESS) == 0)
		return NULL;
	return open_problem();
}

const char *
line_file_test(const char *path)
{
	struct stat status;
	const char *problem = NULL;
	int fd = open(path, OPEN_FLAGS);

	if (fd < 0)
		return errno == ENOENT ? test_directory(path) : errno == ENXIO ? NOT_REGULAR : open_problem();
	if (fstat(fd, &status) != 0)
		problem = strerror(errno);
	else if (!S_ISREG(status.st_mode))
		problem = NOT_REGULAR;
	close(fd);
	return problem;
}
