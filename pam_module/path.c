#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "pam_module/path.h"
#include "pam_module/syscalls.h"

int
open_within(int base, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC), .resolve = resolve };
	int fd, tries = 64;

	do
		fd = openat2(base, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN) && --tries > 0);
	return fd;
}

size_t
path_component(const char *path, char component[NAME_MAX + 1])
{
	size_t length = strcspn(path, "/");

	if (length == 0 || length > NAME_MAX) {
		errno = ENAMETOOLONG;
		return 0;
	}
	memcpy(component, path, length);
	component[length] = '\0';
	return length;
}
