/*
 * Making the listening socket, or taking systemd's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/listener.h"
#include "common/host/daemon_log.h"
#include "common/host/paths.h"

#define SYSTEMD_FIRST_FD 3
#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

#define LOCK_FILE BERTH_SOCKET ".lock"

static const struct sockaddr_un socket_address = { .sun_family = AF_UNIX, .sun_path = BERTH_SOCKET };

/* fail: logs which call failed on what, and errno. Returns -1. */
static int
fail(const char *call, const char *path)
{
	daemon_log(LOG_ERR, "the socket can't be had: call=%s path=%s reason=\"%s\"", call, path, strerror(errno));
	return -1;
}

static int
socket_option(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &length) != 0)
		return -1;
	return value;
}

/* check_passed: is what systemd passed on a socket that clients of ours connect to? */
static int
check_passed(int fd)
{
	struct sockaddr_un bound = { 0 };
	socklen_t length = sizeof(bound);

	if (socket_option(fd, SO_DOMAIN) != AF_UNIX || socket_option(fd, SO_TYPE) != SOCK_STREAM ||
	    socket_option(fd, SO_ACCEPTCONN) != 1) {
		daemon_log(LOG_ERR, "the socket from systemd can't be used: "
		    "reason=\"descriptor %d is not a listening Unix stream socket\"", fd);
		return -1;
	}
	if (getsockname(fd, (struct sockaddr *)&bound, &length) != 0)
		return fail("getsockname", BERTH_SOCKET);
	if (strncmp(bound.sun_path, BERTH_SOCKET, sizeof(bound.sun_path)) != 0) {
		daemon_log(LOG_ERR, "the socket from systemd can't be used: reason=\"it is not at %s, where clients look\"",
		    BERTH_SOCKET);
		return -1;
	}
	return 0;
}

static int
take_passed(const char *count)
{
	int fd = SYSTEMD_FIRST_FD, flags;

	if (strcmp(count, "1") != 0) {
		daemon_log(LOG_ERR, "the socket from systemd can't be used: reason=\"LISTEN_FDS is %s, and not 1\"", count);
		return -1;
	}
	if (check_passed(fd) != 0)
		return -1;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return fail("fcntl", BERTH_SOCKET);
	return fd;
}

/* make_directory: the socket's directory must be such that only root can put another socket there. */
static int
make_directory(void)
{
	char path[] = BERTH_SOCKET;
	struct stat status;

	*strrchr(path, '/') = '\0';
	if (mkdir(path, 0755) == 0) {
		if (chmod(path, 0755) != 0) /* whatever the umask made of it */
			return fail("chmod", path);
	} else if (errno != EEXIST) {
		return fail("mkdir", path);
	}
	if (lstat(path, &status) != 0)
		return fail("lstat", path);
	if (!S_ISDIR(status.st_mode) || status.st_uid != 0 || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		daemon_log(LOG_ERR, "the socket's directory must be root's, and nobody else may write it: path=%s", path);
		return -1;
	}
	return 0;
}

/* is_served: does somebody listen on the socket that is there now? An agent that is merely busy or stopped does. */
static int
is_served(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result;

	if (fd < 0)
		return fail("socket", BERTH_SOCKET);
	if (connect(fd, (const struct sockaddr *)&socket_address, sizeof(socket_address)) == 0 || errno == EAGAIN)
		result = 1;
	else if (errno == ENOENT || errno == ECONNREFUSED)
		result = 0;
	else
		result = fail("connect", BERTH_SOCKET);
	close(fd);
	return result;
}

/* bind_socket: until listen(2) clients are refused, as they were with the dead socket that this one replaces. */
static int
bind_socket(int fd)
{
	if (unlink(BERTH_SOCKET) != 0 && errno != ENOENT)
		return fail("unlink", BERTH_SOCKET);
	if (bind(fd, (const struct sockaddr *)&socket_address, sizeof(socket_address)) != 0)
		return fail("bind", BERTH_SOCKET);
	if (chmod(BERTH_SOCKET, 0666) != 0)
		return fail("chmod", BERTH_SOCKET);
	if (listen(fd, BACKLOG) != 0)
		return fail("listen", BERTH_SOCKET);
	return 0;
}

/* replace_socket: with the lock held, so that of two agents that start at once one sees the other's socket. */
static int
replace_socket(void)
{
	int served = is_served(), fd;

	if (served > 0)
		daemon_log(LOG_ERR, "another agent serves already: socket=%s", BERTH_SOCKET);
	if (served != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail("socket", BERTH_SOCKET);
	if (bind_socket(fd) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
make_socket(void)
{
	int lock, fd = -1;

	if (geteuid() != 0) {
		daemon_log(LOG_ERR, "there is no socket: start as root, or with a socket from systemd: "
		    "clients believe only a socket that root made");
		return -1;
	}
	if (make_directory() != 0)
		return -1;
	lock = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return fail("open", LOCK_FILE);
	if (flock(lock, LOCK_EX) == 0)
		fd = replace_socket();
	else
		fail("flock", LOCK_FILE);
	close(lock);
	return fd;
}

int
listener_open(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	char own_pid[24];
	int fd;

	snprintf(own_pid, sizeof(own_pid), "%ld", (long)getpid());
	fd = pid != NULL && count != NULL && strcmp(pid, own_pid) == 0 ? take_passed(count) : make_socket();
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return fd;
}
