/*
 * One event of the transfer log, and its form on the wire between a session's helper (berth-session), which makes it, and
 * the agent, which writes it down. docs/transfer-log.md describes the line of JSON that it becomes. libc only.
 */
#ifndef BERTH_EVENT_H
#define BERTH_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/limits.h"
#include "common/wire/wire.h"

/* Lengths in bytes. A path of sftp's log is at most 500, one joined to the landing directory or a target longer. */
#define EVENT_PATH_MAX   PATH_BYTES_MAX
#define EVENT_TARGET_MAX (2 * PATH_BYTES_MAX)
#define EVENT_STATUS_MAX 100
#define EVENT_TEXT_MAX   2048
/* The longest event, encoded. */
#define EVENT_BYTES_MAX  (2 * EVENT_PATH_MAX + 2 * EVENT_TARGET_MAX + EVENT_STATUS_MAX + EVENT_TEXT_MAX + 256)

#define EVENT_CLIENT_MAX 63

#define EVENT_STATUS_OK "ok"

/* The numbers are the wire's: new ones go to the end. */
enum event_operation {
	EVENT_SESSION_OPEN = 1,
	EVENT_SESSION_CLOSE = 2,
	EVENT_PUT = 3,
	EVENT_GET = 4,
	EVENT_APPEND = 5,
	EVENT_LIST = 6,
	EVENT_MKDIR = 7,
	EVENT_RMDIR = 8,
	EVENT_RENAME = 9,
	EVENT_REMOVE = 10,
	EVENT_LINK = 11,
	EVENT_SYMLINK = 12,
	EVENT_SETSTAT = 13,
	EVENT_DROPPED = 14, /* events that were lost: totals.dropped says how many */
	EVENT_OTHER = 15,   /* a line of sftp's that fits no form: text */
	EVENT_OPERATIONS
};

/* event_operation_name: as in the log, "session-open", "put"; NULL for a number that isn't one. */
const char *event_operation_name(enum event_operation operation);
/* event_operation_is_transfer: put, get and append, which have bytes and are complete or not. */
bool event_operation_is_transfer(enum event_operation operation);
/* event_operation_find: 0 when there is none of this name. */
enum event_operation event_operation_find(const char *name);

/* Whose events: what the session's monitor, as root, said of it. */
struct event_session {
	char id[SESSION_ID_LENGTH + 1];
	char server_id[SERVER_ID_LENGTH + 1];
	char user[USER_NAME_MAX + 1];
	char client[EVENT_CLIENT_MAX + 1]; /* address, "-" when sshd didn't say */
	uint32_t client_port;
	char fingerprint[FINGERPRINT_MAX + 1]; /* of the key, SHA256:… */
	uint32_t uid;
};

/* Of a whole session, in its EVENT_SESSION_CLOSE. */
struct event_totals {
	uint64_t files_put, files_got; /* whole ones: put and append, get */
	uint64_t bytes_put, bytes_got; /* of all transfers, whole or not */
	uint64_t operations, failed;   /* events between open and close; those of them whose status isn't "ok" */
	uint64_t dropped;              /* events and lines that were lost */
};

enum event_flag {
	EVENT_HAS_BYTES = 1,
	EVENT_HAS_DURATION = 2,
	EVENT_COMPLETE = 4, /* put, get, append: the file was closed, and nothing failed on the way */
	EVENT_CUT = 8,      /* sftp's line was cut at 500 characters: a path, or what comes after it, is not whole */
	EVENT_FLAGS = 15
};

/* Strings are bytes as in the file system, whatever their encoding, without NUL; "" stands for absent. Who fills in an
 * event owns what they point to. */
struct event {
	uint64_t sequence; /* 1 for a session's first event, and no gaps */
	int64_t time;      /* microseconds since 1970 */
	enum event_operation operation;
	uint32_t flags;    /* enum event_flag */
	uint64_t bytes;    /* put, append: written; get: read */
	uint64_t duration; /* microseconds: put, get, append: from open to close; session-close: of the session */
	uint64_t corrects; /* the sequence of an event whose status turned out otherwise; 0: none */
	const char *status; /* EVENT_STATUS_OK, or sftp's word for the failure */
	const char *path, *new_path;     /* as the user sees them: absolute */
	const char *target, *new_target; /* on the host: absolute; "" when the path lies below no entry */
	const char *text;   /* other: the line; setstat: what was set, "mode 0644"; symlink: what it points to */
	struct event_totals totals; /* session-close, dropped */
};

/* event_put: into out; out->overflow when there is no room for all of it. */
void event_put(struct wire_out *out, const struct event *event);

/* event_get: an event of hostile bytes, all of which must be used up. Strings are copied to `memory` (EVENT_BYTES_MAX), and
 * live as long as that. False unless every member is within its limits. */
bool event_get(const void *data, size_t length, struct event *event, char *memory);

/* event_put_session, event_get_session: the same for the identity; false (or the input's `bad`) when a member is not of its
 * shape: every string is one word of visible ASCII. */
void event_put_session(struct wire_out *out, const struct event_session *session);
bool event_get_session(struct wire_in *in, struct event_session *session);

#endif
