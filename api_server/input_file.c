#include "api_server/input_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/host/whole_io.h"

static const char *
unopened(int problem)
{
	if (problem == EACCES)
		return "Permission denied: the configuration's User must be able to read it, and its directory";
	return strerror(problem);
}

/* read_open: NULL, or what is wrong. */
static const char *
read_open(int fd, bool secret, struct input_file *file)
{
	struct stat status;
	ssize_t length;

	if (fstat(fd, &status) != 0)
		return strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "not a regular file";
	if (secret && (status.st_mode & S_IRWXO) != 0)
		return "it is a secret, and others can read it: `chmod o=` keeps them out";
	if (status.st_size > INPUT_FILE_MAX)
		return "larger than such a file ever is";
	file->text = calloc(1, INPUT_FILE_MAX + 1);
	if (file->text == NULL || (length = whole_read(fd, file->text, INPUT_FILE_MAX, 0)) < 0)
		return strerror(errno);
	file->length = (size_t)length;
	return NULL;
}

int
input_file_read(const char *path, bool secret, struct input_file *file, char *problem)
{
	/* A pipe of that name must not keep us waiting. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *reason;

	*file = (struct input_file){ 0 };
	reason = fd < 0 ? unopened(errno) : read_open(fd, secret, file);
	if (fd >= 0)
		close(fd);
	if (reason == NULL)
		return 0;
	snprintf(problem, INPUT_FILE_PROBLEM, "%s: %s", path, reason);
	input_file_forget(file);
	return -1;
}

void
input_file_forget(struct input_file *file)
{
	if (file->text != NULL)
		explicit_bzero(file->text, INPUT_FILE_MAX);
	free(file->text);
	*file = (struct input_file){ 0 };
}
