/*
 * fail_io.so, for LD_PRELOAD: calls on one file fail.
 *
 *   FAIL_IO_FILE   the end of the file's name
 *   FAIL_IO_CALL   sync, write or read; or tmpfile: any file without a name (EOPNOTSUPP); or hold: writes wait
 *   FAIL_IO_WHEN   a file; only while it is there do calls fail, or wait. Who waits makes it empty
 *   FAIL_IO_ERRNO  the number; EIO without it
 */
/* Its inline definitions would be in the way of these. */
#undef _FORTIFY_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

ssize_t pwrite64(int, const void *, size_t, off64_t) EXPORTED;
ssize_t pread64(int, void *, size_t, off64_t) EXPORTED;
int fdatasync(int) EXPORTED;
int fsync(int) EXPORTED;
ssize_t pwrite(int, const void *, size_t, off_t) EXPORTED;
int openat(int, const char *, int, ...) EXPORTED;

/* Whether this call on this file is meant, now. */
static bool
is_meant(int fd, const char *call)
{
	const char *file = getenv("FAIL_IO_FILE"), *which = getenv("FAIL_IO_CALL"), *when = getenv("FAIL_IO_WHEN");
	char link[64], name[PATH_MAX];
	ssize_t length;

	if (file == NULL || which == NULL || strcmp(which, call) != 0 || (when != NULL && access(when, F_OK) == -1))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, name, sizeof(name) - 1);
	if (length < 0 || (size_t)length < strlen(file) || strncmp(name + length - strlen(file), file, strlen(file)) != 0)
		return false;
	return true;
}

static bool
fails(int fd, const char *call)
{
	const char *number = getenv("FAIL_IO_ERRNO");

	if (!is_meant(fd, call))
		return false;
	errno = number == NULL ? EIO : atoi(number);
	return true;
}

static void
hold(int fd)
{
	if (!is_meant(fd, "hold"))
		return;
	if (truncate(getenv("FAIL_IO_WHEN"), 0) == -1)
		perror("fail_io");
	while (is_meant(fd, "hold"))
		usleep(1000);
}

ssize_t
pwrite64(int fd, const void *from, size_t size, off64_t offset)
{
	static ssize_t (*real)(int, const void *, size_t, off64_t);

	if (real == NULL)
		real = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
	hold(fd);
	return fails(fd, "write") ? -1 : real(fd, from, size, offset);
}

ssize_t
pwrite(int fd, const void *from, size_t size, off_t offset)
{
	return pwrite64(fd, from, size, offset);
}

ssize_t
pread64(int fd, void *to, size_t size, off64_t offset)
{
	static ssize_t (*real)(int, void *, size_t, off64_t);

	if (real == NULL)
		real = (ssize_t (*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");
	return fails(fd, "read") ? -1 : real(fd, to, size, offset);
}

int
fdatasync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	return fails(fd, "sync") ? -1 : real(fd);
}

int
fsync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	return fails(fd, "sync") ? -1 : real(fd);
}

int
openat(int directory, const char *name, int flags, ...)
{
	static int (*real)(int, const char *, int, ...);
	const char *which = getenv("FAIL_IO_CALL");
	mode_t mode = 0;
	va_list arguments;

	if (real == NULL)
		real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
	if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
		va_start(arguments, flags);
		mode = va_arg(arguments, mode_t);
		va_end(arguments);
	}
	if ((flags & O_TMPFILE) == O_TMPFILE && which != NULL && strcmp(which, "tmpfile") == 0) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return real(directory, name, flags, mode);
}
