/*
 * berth-session: keeps one session's transfer log. The session's monitor starts it, as SessionUser and with the descriptors
 * of common/host/session_channel.h; there is nothing that a person could do with it.
 */
#include <signal.h>
#include <unistd.h>

#include "common/host/log_socket.h"
#include "common/host/paths.h"
#include "common/host/session_channel.h"
#include "common/wire/deadline.h"
#include "session_helper/helper.h"
#include "session_helper/host_log.h"
#include "session_helper/lines.h"
#include "session_helper/sandbox.h"

/* refuse: says why in syslog. */
static int
refuse(const char *reason)
{
	struct host_log log;

	host_log_open(&log, SYSLOG_SOCKET, deadline_now());
	host_log_say(&log, LOG_ERR, "refuses to start: reason=\"%s\"", reason);
	host_log_close(&log);
	return 1;
}

int
main(void)
{
	const struct helper_surroundings surroundings = {
		.control = SESSION_FD_CONTROL,
		.lines = SESSION_FD_LINES,
		.agent_path = BERTH_SOCKET,
		.agent_owner = 0,
		.syslog_path = SYSLOG_SOCKET,
	};
	static struct session_start start;
	const char *wrong;

	if (getuid() == 0 || geteuid() == 0)
		return refuse("it must not run as root");
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sandbox_prepare(SESSION_FD_START + 1) != 0)
		return refuse("it can't give up what it doesn't need");
	wrong = session_start_read(SESSION_FD_START, &start);
	if (wrong != NULL)
		return refuse(wrong);
	close(SESSION_FD_START);
	lines_prepare(SESSION_FD_LINES);
	if (sandbox_enter() != 0)
		return refuse("it can't enter its sandbox");
	return helper_run(&start, &surroundings);
}
