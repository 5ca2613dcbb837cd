/*
 * Log lines of the PAM module, to syslog's authpriv. Not syslog(3): a sealed process can't reach /dev/log any more, and
 * must not read /etc/localtime, which is the user's file there. So the descriptor and the line's beginning are made before.
 */
#ifndef BERTH_PAM_LOG_H
#define BERTH_PAM_LOG_H

#include <syslog.h>

struct log {
	int fd;          /* -1: there is no /dev/log; lines are lost */
	char stamp[128]; /* "Nov 22 04:19:26 sshd[123]: pam_berth(sshd:session): " */
};

/* log_open: service and hook as pam_syslog(3) shows them. */
void log_open(struct log *log, const char *service, const char *hook);
void log_close(struct log *log);
/* log_line: one line, its format log_format.h's. Never blocks. */
void log_line(const struct log *log, int priority, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
