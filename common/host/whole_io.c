#include <errno.h>
#include <unistd.h>

#include "common/host/whole_io.h"

size_t
whole_write(int fd, const void *data, size_t length)
{
	const char *from = data;
	size_t written = 0;
	ssize_t count;

	while (written < length) {
		count = write(fd, from + written, length - written);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		written += (size_t)count;
	}
	return written;
}

ssize_t
whole_read(int fd, void *to, size_t size, off_t offset)
{
	char *start = to;
	size_t used = 0;
	ssize_t count;

	while (used < size) {
		count = pread(fd, start + used, size - used, offset + (off_t)used);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (count == 0)
			break;
		used += (size_t)count;
	}
	return (ssize_t)used;
}
