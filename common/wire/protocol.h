/*
 * The agent's protocol, whole.
 *
 * A client connects to the Unix stream socket BERTH_SOCKET, sends one request, reads one answer, and the connection is
 * over (but for WIRE_EVENTS, whose connection stays). Both sides are on one host and one kernel, so integers are in the
 * host's byte order.
 *
 *   request:  u32 magic | u16 version | u16 verb   | u32 length | length bytes
 *   answer:   u32 magic | u16 version | u16 status | u32 length | length bytes
 *
 *   u16, u32, u64   unsigned integers, not aligned
 *   string     u32 length | bytes: UTF-8 or ASCII, no NUL inside, no closing NUL
 *   list       u32 count | that many items
 *
 * Before an answer there may be WIRE_WAIT, in the same form, which says that it takes longer.
 *
 * Anything that is too long, too short, has bytes left over, an unknown version or an unknown verb is answered with
 * WIRE_BAD_REQUEST, and on the client's side taken as no answer at all.
 *
 * Who is who is told by SO_PEERCRED. The agent's socket is made by root (by systemd, or by berthd before it becomes
 * its User), so a client accepts only a peer that was uid 0 when it called listen(2). Who may ask what stands with each
 * verb; anybody else is answered with WIRE_DENIED.
 *
 * The agent knows no record whose name or uid stands in /etc/passwd (ShareUid excepted), or whose ids are below the
 * floors: such a user is WIRE_NOT_FOUND, and the agent logs why. Clients check the same again: an answer is hostile
 * input to them.
 */
#ifndef BERTH_PROTOCOL_H
#define BERTH_PROTOCOL_H

#include "common/wire/limits.h"

#define WIRE_MAGIC   0x48545242u /* "BRTH" in memory on a little-endian host */
#define WIRE_VERSION 1
#define WIRE_HEADER  12

/* The longest payload of a request, and of any answer but a session's. */
#define WIRE_REQUEST_MAX 8192
#define WIRE_ANSWER_MAX  (256 * 1024)
/* A session's answer holds up to 8 MiB of mappings, with their counts. */
#define WIRE_SESSION_MAX (12 * 1024 * 1024)
/* A status: three texts, and the metrics. */
#define WIRE_STATUS_LENGTH_MAX (3 * (4 + STATUS_TEXT_MAX) + 4 + STATUS_METRICS_MAX * (4 + STATUS_NAME_MAX + 8))

enum wire_verb {
	/*
	 * passwd entries. Anyone.
	 * BY_NAME request: string name.  BY_UID request: u32 uid.
	 * Answer: string name | u32 uid | u32 gid | string home: the landing directory, as seen inside the view.
	 */
	WIRE_PASSWD_BY_NAME = 1,
	WIRE_PASSWD_BY_UID = 2,

	/*
	 * Is this the Gid or a secondary gid of any record? Anyone.
	 * Request: u32 gid. Answer: nothing (WIRE_OK or WIRE_NOT_FOUND). The name is GROUP_NAME_PREFIX + gid.
	 */
	WIRE_GROUP = 3,

	/*
	 * A user's groups. Anyone.
	 * Request: string name. Answer: u32 gid | list of u32 secondary gids.
	 */
	WIRE_INITGROUPS = 4,

	/*
	 * A user's public keys. Root, and the configuration's KeysUser.
	 * Request: string name | u32 uid | string type | string base64.
	 * A uid other than ID_NONE must be the record's, else WIRE_NOT_FOUND. A type and base64 that aren't empty ask
	 * for that key alone. Answer: list of (string type | string base64), of length 0 when none fits.
	 */
	WIRE_KEYS = 5,

	/*
	 * All that a session needs. Root only.
	 * Request: string name | string type | string base64: the key that opened the session; both empty when it isn't
	 * known yet. Answer, WIRE_OK:
	 *   string server id | u32 uid | u32 gid | list of u32 secondary gids |
	 *   u32 home type (enum wire_home_type) | string landing directory |
	 *   list of (u32 mapping type (enum wire_mapping_type) | string entry | string target) |
	 *   string fingerprint of the request's key, "SHA256:…" as ssh-keygen -l prints it; "" when it had none
	 * The list is empty for WIRE_HOME_PATH, and in the record's order for WIRE_HOME_LOGICAL. Landing directory: for
	 * WIRE_HOME_PATH the record's HomeDirectory, "" when it has none.
	 * Answer, WIRE_REFUSED: string reason, one line for the log (server offline, no profile, key not this user's).
	 */
	WIRE_SESSION = 6,

	/*
	 * A session's transfer log. Root, and the configuration's SessionUser.
	 * Request: string session id | string server id | string user | string client | u32 client port |
	 *   string fingerprint | u32 uid (event_put_session() in event.h).
	 * Answer, WIRE_OK: u64, the sequence of the session's last event that is written down already; 0: none is known.
	 * WIRE_UNAVAILABLE: the log can't be written now; ask again later.
	 * After WIRE_OK the connection stays until either side closes it:
	 *   client:  u32 length | an event (event_put()), any number of times, in the order of their sequences
	 *   agent:   u64 sequence: this event and all before it are in the log; now and then, not for each
	 * What wasn't acknowledged the client sends again on its next connection; the agent leaves out what it has by then.
	 */
	WIRE_EVENTS = 7,

	/*
	 * How the agent is doing. Root, and the configuration's User.
	 * Request: nothing. Answer: string version | string server id, "" when the configuration names none | string store |
	 *   list of (string name | u64 value), which agent/metrics.h describes. Texts are cut at STATUS_TEXT_MAX. Readers pass
	 * over names that they don't know.
	 */
	WIRE_STATUS = 8,
};

enum wire_home_type { WIRE_HOME_PATH = 1, WIRE_HOME_LOGICAL = 2 };
enum wire_mapping_type { WIRE_MAPPING_DIRECTORY = 1, WIRE_MAPPING_FILE = 2 };

/* Every answer but WIRE_OK has an empty payload, unless its verb says otherwise. */
enum wire_status {
	WIRE_OK = 0,
	WIRE_NOT_FOUND = 1,   /* no such user or group here */
	WIRE_REFUSED = 2,     /* the record is known and may not log in: string reason */
	WIRE_DENIED = 3,      /* this peer may not ask this */
	WIRE_UNAVAILABLE = 4, /* the store can't be read now */
	WIRE_BUSY = 5,        /* too many connections of this uid */
	WIRE_BAD_REQUEST = 6,
	/*
	 * Not the answer yet: the agent asks a store kept elsewhere. u32 milliseconds: the answer comes within that time, on
	 * the same connection. At most once, and only to PASSWD_BY_NAME, KEYS and SESSION. A client that is willing waits that
	 * long from now on, but never longer than LOOKUP_SECONDS_MAX; one that isn't waits as long as it would have. A client
	 * of before there was WIRE_WAIT takes it for no answer at all, at once; an agent of that time never says it.
	 */
	WIRE_WAIT = 7,
};

#define WIRE_WAIT_LENGTH 4

#endif
