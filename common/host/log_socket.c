#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/host/log_socket.h"

int
log_socket_open(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int fd, saved;

	if (length >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, length);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static bool
send_whole(int fd, const char *datagram, size_t length)
{
	return send(fd, datagram, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;
}

bool
log_socket_send(int *fd, const char *path, const char *datagram, size_t length)
{
	if (*fd >= 0) {
		if (send_whole(*fd, datagram, length))
			return true;
		/* Somebody is there, but has no room. */
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EMSGSIZE)
			return false;
		close(*fd);
	}
	*fd = log_socket_open(path);
	return *fd >= 0 && send_whole(*fd, datagram, length);
}
