/*
 * The judgement over records: may this one be anybody on this host, and may it open a session? Whoever is about to speak of
 * a record has it judged first. The answers rest on the configuration and the host's own accounts; the store isn't asked.
 *
 * Each judge_...() returns WIRE_OK when nothing is wrong, or else
 *   WIRE_REFUSED      the record is known and not served: judge->reason says why
 *   WIRE_NOT_FOUND    judge_record() alone: it clashes with an account of the host, and is nobody, for any peer
 *   WIRE_UNAVAILABLE  judge_record() alone: the host's accounts can't be read
 *
 * Who logs: the agent, once a minute for each user. With asker_logs a WIRE_REFUSED is left to the peer, who is sent the
 * reason: one refusal, one line. WIRE_NOT_FOUND and WIRE_UNAVAILABLE, which tell a peer nothing, the agent logs always.
 */
#ifndef BERTH_JUDGE_H
#define BERTH_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "common/model/record.h"
#include "common/wire/protocol.h"

#define JUDGE_REASON_MAX 256

/* One for each request. */
struct judge {
	struct agent *agent;
	bool asker_logs;
	char reason[JUDGE_REASON_MAX]; /* of WIRE_REFUSED */
};

/* judge_record: may it be anybody at all? *uid and *gid are the record's, or become the default profile's. */
enum wire_status judge_record(struct judge *judge, const char *name, bool has_profile, uint32_t *uid, uint32_t *gid);
/* judge_secondary: one gid that isn't allowed condemns the record; it is never dropped in silence. */
enum wire_status judge_secondary(struct judge *judge, const char *user, const uint32_t *gids, size_t count);
/* judge_server: users of a server that is off are known, but open no session. `online` counts when it was found. */
enum wire_status judge_server(struct judge *judge, const char *user, bool found, bool online);
/* judge_key: the key that sshd accepted, or "" for none, must be the user's still. */
enum wire_status judge_key(struct judge *judge, const struct user_record *user, const char *type, const char *base64);
/* judge_mappings: what no client would take, said here, where the operator can be told. */
enum wire_status judge_mappings(struct judge *judge, const struct user_record *user);

/* judge_refuse: gives the reason, logs it unless the asker does. WIRE_REFUSED. */
enum wire_status judge_refuse(struct judge *judge, const char *user, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* judge_accounts_failed: logs that this file of the host's accounts can't be read, as errno has it. WIRE_UNAVAILABLE. */
enum wire_status judge_accounts_failed(const char *file);

#endif
