#include "common/host/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <nss.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/host/daemon_log.h"

int
daemon_prepare(void)
{
	static const char *const databases[] = { "passwd", "group", "initgroups" };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int fd;

	/* Never through our own module, which would wait for the agent: for this very process, maybe. */
	for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
		if (__nss_configure_lookup(databases[i], "files") != 0)
			return -1;
	}
	umask(077);
	do {
		/* The standard descriptors, should one be closed, don't become a socket that stderr's text goes to. */
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	close(fd);
	return sigaction(SIGPIPE, &ignore, NULL);
}

void
daemon_raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			daemon_log(LOG_WARNING, "the limit of open files stays as it is: reason=\"%s\"", strerror(errno));
	}
	limit.rlim_cur = limit.rlim_max = 0;
	if (setrlimit(RLIMIT_CORE, &limit) != 0)
		daemon_log(LOG_WARNING, "core files stay possible: reason=\"%s\"", strerror(errno));
}

void
daemon_notify_ready(void)
{
	static const char ready[] = "READY=1";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = path != NULL ? strlen(path) : 0;
	int fd;

	if (length == 0 || length >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* an abstract socket */
	unsetenv("NOTIFY_SOCKET");
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, ready, strlen(ready), MSG_NOSIGNAL, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		daemon_log(LOG_WARNING, "systemd could not be told that the daemon is ready: reason=\"%s\"", strerror(errno));
	if (fd >= 0)
		close(fd);
}
