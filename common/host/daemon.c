#include "common/host/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <nss.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
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
