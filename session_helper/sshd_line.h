/*
 * Which of the lines that come as sshd's may go on as sshd's. Code of an attacker's in a session can send any: such as
 * "Failed password for root from ADDRESS", for whoever watches the log to block that address. So only these pass that sshd
 * says of this very session when it ends.
 */
#ifndef BERTH_SSHD_LINE_H
#define BERTH_SSHD_LINE_H

#include <stdbool.h>

#include "common/wire/event.h"
#include "session_helper/lines.h"

/* sshd_line_is_own: whether the message is one of those, with the session's own user, address and port. */
bool sshd_line_is_own(const struct syslog_line *line, const struct event_session *session);

#endif
