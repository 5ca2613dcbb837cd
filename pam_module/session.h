/*
 * What the agent says of one user's session, checked. Nothing in here is believed because the agent said it: ids
 * are held against the floors and /etc/passwd, paths against the rules of the view, and all of it against the passwd entry.
 */
#ifndef BERTH_PAM_SESSION_H
#define BERTH_PAM_SESSION_H

#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/host/config.h"
#include "common/wire/wire.h"

#define REASON_MAX 512 /* a refusal's reason, one line for the log */

/* The key that opened the session: SSH_AUTH_INFO_0's first publickey line. Both empty: not known (yet). */
struct session_key {
	char type[KEY_TYPE_MAX + 1];
	char base64[KEY_BASE64_MAX + 1];
};

struct session_mapping {
	enum wire_mapping_type type;
	const char *entry, *target; /* in session.answer */
};

struct session {
	char server_id[SERVER_ID_LENGTH + 1];
	uint32_t uid, gid;
	uint32_t secondary_gids[SECONDARY_GIDS_MAX];
	size_t secondary_gid_count;
	enum wire_home_type home_type;
	const char *landing; /* in session.answer; "" only for PATH without a HomeDirectory */
	struct session_mapping *mappings;
	size_t mapping_count;
	char fingerprint[FINGERPRINT_MAX + 1]; /* "" when no key was named */
	uint8_t *answer;
};

/*
 * session_ask: asks the agent for this passwd entry's session, naming the key, and checks the answer. Returns 0, or -1 with
 * the reason in `reason` (REASON_MAX bytes). Either way session_free() releases it.
 */
int session_ask(struct session *session, const struct config *config, const struct passwd *entry,
    const struct session_key *key, char *reason);
void session_free(struct session *session);

/*
 * session_shares_name: whether the agent has a record with the name and uid of an account that isn't Berth's, nor in
 * /etc/passwd: it comes from LDAP or the like, which was asked first. sshd then takes the record's keys for that account's.
 * entry may be NULL (it can't be looked up any more): the name alone decides. At most a second; false when there is no
 * agent.
 */
bool session_shares_name(const struct passwd *entry, const char *name);

/* session_key_parse: the key from SSH_AUTH_INFO_0 ("publickey TYPE BASE64", a line each method). False when there is
 * none, or anything but that in it. NULL is allowed. */
bool session_key_parse(struct session_key *key, const char *auth_info);

/* session_path_valid: absolute, without control characters and without a "", "." or ".." component (one slash at the
 * end is fine), at most PATH_BYTES_MAX bytes. */
bool session_path_valid(const char *path);

/* session_shows_all: for PATH: no HomeDirectory, or "/": the view would hold every bucket. */
bool session_shows_all(const struct session *session);

/* session_parse: the check of an answer's bytes alone, for session_ask and the tests. Takes over `answer` (malloc'ed). */
int session_parse(struct session *session, uint8_t *answer, size_t length, char *reason);
/* session_judge: the check of a parsed answer against the host: floors, /etc/passwd, the passwd entry. */
int session_judge(const struct session *session, const struct config *config, const struct passwd *entry, char *reason);

#endif
