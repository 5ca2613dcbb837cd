#include "common/host/service_manager.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/host/daemon_log.h"

static struct {
	int fd; /* not connected: a manager that was started anew has another socket of the same name */
	struct sockaddr_un address;
	socklen_t length;
	int patience;
} manager = { .fd = -1 };

/* number: of a variable; 0 when it isn't there or isn't one. */
static unsigned long long
number(const char *name)
{
	const char *text = getenv(name);
	unsigned long long value;
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' ? value : 0;
}

static int
patience(void)
{
	unsigned long long milliseconds = number("WATCHDOG_USEC") / 1000;

	/* Of another process, which was told and has started us. */
	if (getenv("WATCHDOG_PID") != NULL && number("WATCHDOG_PID") != (unsigned long long)getpid())
		return 0;
	return milliseconds < INT_MAX ? (int)milliseconds : INT_MAX;
}

static int
set_address(const char *path)
{
	size_t length = path != NULL ? strlen(path) : 0;

	if (length == 0 || length >= sizeof(manager.address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return -1;
	manager.address.sun_family = AF_UNIX;
	memcpy(manager.address.sun_path, path, length);
	if (path[0] == '@')
		manager.address.sun_path[0] = '\0'; /* an abstract socket */
	manager.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	return 0;
}

void
service_manager_find(void)
{
	if (set_address(getenv("NOTIFY_SOCKET")) == 0) {
		manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (manager.fd < 0)
			daemon_log(LOG_WARNING, "systemd can't be told anything: reason=\"%s\"", strerror(errno));
		else
			manager.patience = patience();
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void
tell(const char *state, int flags, const char *what)
{
	if (manager.fd >= 0 && sendto(manager.fd, state, strlen(state), MSG_NOSIGNAL | flags,
	    (struct sockaddr *)&manager.address, manager.length) < 0)
		daemon_log_limited(state, LOG_WARNING, "systemd could not be told that the daemon is %s: reason=\"%s\"", what,
		    strerror(errno));
}

void
service_manager_ready(void)
{
	tell("READY=1", 0, "ready");
}

int
service_manager_patience(void)
{
	return manager.patience;
}

int
service_manager_interval(void)
{
	return manager.patience > 3 ? manager.patience / 3 : manager.patience;
}

void
service_manager_alive(void)
{
	if (manager.patience > 0)
		tell("WATCHDOG=1", MSG_DONTWAIT, "alive");
}
