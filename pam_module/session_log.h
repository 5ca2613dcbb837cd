/*
 * A session's transfer log, as the PAM module sees it: the monitor starts berth-session, the session's helper, and the
 * sealed process sends it lines. common/host/session_channel.h says what passes between them.
 */
#ifndef BERTH_PAM_SESSION_LOG_H
#define BERTH_PAM_SESSION_LOG_H

#include <stdbool.h>

#include "common/host/registry.h"
#include "pam_module/log.h"
#include "pam_module/session.h"

struct session_log {
	bool begun, required;
	int control; /* to the helper; the monitor's alone */
	int lines;   /* the session's end of its lines: the monitor's until it closes, and the sealed processes' for good */
};

/*
 * session_log_begin: in the monitor: starts the helper, as SessionUser. With TransferLog off nothing is to be done. What
 * keeps the helper from running is logged by the process that was to become it.
 *
 * With TransferLog required it waits, at most a second, until the agent has taken the session's log; from then on the
 * monitor gets a SIGTERM, from the kernel, as soon as the helper asks for the session's end or is gone itself.
 * Returns 0, or -1 with `reason`.
 */
int session_log_begin(struct session_log *log, const struct config *config, const struct session *session,
    const struct live_session *live, const struct log *syslog, char *reason);

/* session_log_end: in the monitor, when the session is over; the helper then writes its last event and ends. Returns NULL,
 * or what was wrong with the log: when log->required, why it ended the session; else why it isn't whole. */
const char *session_log_end(struct session_log *log);

/* session_log_enter: in the sealed process, before the filter: the descriptor for filter_install(), or -1 when nothing is
 * logged. -2 with `reason` when the log is required and can't be. */
int session_log_enter(struct session_log *log, const struct config *config, char *reason);

/* session_log_sealed: in the sealed process, behind the filter: the session is open. lands: see view_enter(). */
void session_log_sealed(const struct session_log *log, bool lands);

#endif
