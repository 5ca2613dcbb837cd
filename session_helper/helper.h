/*
 * A session's transfer log, from its first line to its last event's acknowledgement: the helper's loop.
 */
#ifndef BERTH_SESSION_HELPER_H
#define BERTH_SESSION_HELPER_H

#include <sys/types.h>

#include "session_helper/start.h"

struct helper_surroundings {
	int control, lines;     /* descriptors; helper_run closes them. lines_prepare() has seen lines */
	const char *agent_path; /* of the agent's socket, */
	uid_t agent_owner;      /* and who must have made it */
	const char *syslog_path;
};

/* helper_run: returns when the session is over and all is delivered, or nobody was there to take it: the exit status. */
int helper_run(const struct session_start *start, const struct helper_surroundings *surroundings);

/* How long the end of a session whose log is best-effort waits for the agent. */
#define HELPER_LINGER_MS 2000

#endif
