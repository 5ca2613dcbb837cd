#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/host/log_format.h"
#include "common/host/log_socket.h"
#include "pam_module/log.h"

#define LINE_MAX_BYTES 2048

void
log_open(struct log *log, const char *service, const char *hook)
{
	time_t now = time(NULL);
	char date[32] = "";
	struct tm local;

	/* syslog's own date format, in the C locale whatever the process has set. */
	static const char months[12][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
	};

	if (localtime_r(&now, &local) != NULL)
		snprintf(date, sizeof(date), "%s %2d %02d:%02d:%02d ", months[local.tm_mon], local.tm_mday, local.tm_hour,
		    local.tm_min, local.tm_sec);
	snprintf(log->stamp, sizeof(log->stamp), "%s%.30s[%d]: pam_berth(%.30s:%s): ", date, service, (int)getpid(), service,
	    hook);
	log->fd = log_socket_open(SYSLOG_SOCKET);
}

void
log_close(struct log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

void
log_line(const struct log *log, int priority, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	size_t used;
	va_list arguments;

	if (log->fd < 0)
		return;
	used = (size_t)snprintf(line, sizeof(line), "<%d>%s", LOG_AUTHPRIV | priority, log->stamp);
	va_start(arguments, format);
	used += log_format(line + used, sizeof(line) - used, format, arguments);
	va_end(arguments);
	/* A full or dead syslog costs the line, not the login. */
	(void)!send(log->fd, line, used, MSG_NOSIGNAL | MSG_DONTWAIT);
}
