/*
 * The live sessions of this host: a file each in BERTH_SESSIONS_DIR, written by the PAM module in the session's monitor
 * and removed when it closes. Kept in files and not in the agent, so that they are right when the agent was killed and
 * started again. Root only. libc only.
 */
#ifndef BERTH_REGISTRY_H
#define BERTH_REGISTRY_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "common/wire/limits.h"

struct live_session {
	char id[SESSION_ID_LENGTH + 1];
	char user[USER_NAME_MAX + 1];
	char server_id[SERVER_ID_LENGTH + 1];
	char client[64];         /* address, "-" when sshd didn't say */
	unsigned client_port;
	char fingerprint[64];    /* SHA256:… of the key */
	uint32_t uid;
	time_t since;
	pid_t monitor;           /* sshd's privileged process of this session */
	unsigned long long monitor_started; /* field 22 of /proc/PID/stat: a pid alone may be another's by now */
};

/* registry_add: gives the session its id, the calling process as monitor and the time, and writes its file.
 * Returns 0, or -1 with errno; `session` has its id either way unless getrandom(2) failed. */
int registry_add(struct live_session *session);
/* registry_remove: 0, or -1 with errno. */
int registry_remove(const char *id);

/* registry_list: the sessions whose monitor is still there, oldest first, in *sessions (malloc'ed; the caller frees it).
 * Files of dead ones are removed on the way; a file that can't be read as ours is passed over. Returns the count, or -1
 * with errno. */
ssize_t registry_list(struct live_session **sessions);

/* registry_end: ends a session: SIGTERM to its monitor, which passes it on and closes the session in order; after grace_ms
 * milliseconds SIGKILL to every process of it that is left. Works on pidfds. Returns 0 when it is gone, or -1 with errno. */
int registry_end(const struct live_session *session, int grace_ms);

#endif
