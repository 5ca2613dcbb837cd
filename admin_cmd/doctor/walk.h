/*
 * berth doctor USER: the steps of one login, each a file's concern, in the order in which sshd takes them.
 *
 *   walk.c          the order, and the verdict
 *   walk_record.c   the name, accounts of the host, the record and what it says of ids
 *   walk_keys.c     the record's keys, and the one that the user says they use
 *   walk_agent.c    what the agent answers; what every process of the host gets through NSS
 *   walk_sshd.c     sshd's settings for this user
 *   walk_command.c  the keys command, as sshd runs it
 *   walk_pam.c      the account and session steps, and the transfer log
 *   walk_targets.c  each target, opened as the PAM module does it, and nothing made
 *
 * A step adds its findings, and returns whether what follows can be looked at.
 */
#ifndef BERTH_WALK_H
#define BERTH_WALK_H

#include <pwd.h>

#include "admin_cmd/doctor/doctor.h"
#include "admin_cmd/wiring/sshd_settings.h"
#include "common/model/record.h"
#include "common/store/cache/cache.h"
#include "pam_module/session.h"

struct walk_key {
	char type[KEY_TYPE_MAX + 1], base64[KEY_BASE64_MAX + 1];
	char fingerprint[FINGERPRINT_MAX + 1];
	size_t bits; /* of an RSA key; 0 */
	bool unusable; /* sshd wouldn't take it */
};

/* What is known on this host of the user, read by a process that is the configuration's User: data without pointers. */
struct walk_record {
	char problem[512]; /* why it can't be read; "" */
	char log_problem[256]; /* why the agent can't write the transfer log; "" */
	bool server_found, online, found;
	bool cached; /* of a store elsewhere: */
	enum cache_state state;
	int64_t age;
	bool has_profile;
	struct posix_profile profile; /* the default one where the record has none */
	enum home_type home_type;
	size_t mapping_count;
	size_t key_count;
	struct walk_key keys[USER_KEYS_MAX];
};

struct walk {
	struct doctor *doctor;
	const struct config *config;
	struct findings *findings;
	const char *name;
	struct walk_record *record; /* in memory that is shared with the process that fills it in */
	struct walk_key *asked;     /* of record->keys: the one that --key names; NULL: any */
	int agent_status, agent_error; /* what it answered to the name: enum wire_status, or -1 with errno */
	struct passwd entry;        /* as the agent has it; its strings are in: */
	char entry_name[USER_NAME_MAX + 1], entry_home[PATH_BYTES_MAX + 1];
	char shell[256];            /* as NSS has it */
	char groups[2048];          /* names, spaces between */
	char cure[512];             /* walk_cure()'s */
	struct sshd_settings settings;
	struct session session;
};

bool walk_name(struct walk *walk);
bool walk_record(struct walk *walk);
bool walk_keys(struct walk *walk);
bool walk_agent(struct walk *walk);
bool walk_nss(struct walk *walk);
bool walk_sshd(struct walk *walk);
bool walk_keys_command(struct walk *walk);
bool walk_pam(struct walk *walk);
bool walk_targets(struct walk *walk);
bool walk_log(struct walk *walk);

/* walk_ask_agent: asks it for the name: walk->agent_status, entry. */
void walk_ask_agent(struct walk *walk);

/* walk_cure: a cure that names the user; it stands until the next one. */
const char *walk_cure(struct walk *walk, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Findings: FAULT(walk, link, cure, format, …), and so WARNING; WELL(walk, link, format, …). */
#define FOUND(walk, level, ...)  findings_add((walk)->findings, level, __VA_ARGS__)
#define FAULT(walk, ...)         FOUND(walk, FINDING_FAULT, __VA_ARGS__)
#define WARNING(walk, ...)       FOUND(walk, FINDING_WARNING, __VA_ARGS__)
#define WELL(walk, link, ...)    FOUND(walk, FINDING_OK, link, NULL, __VA_ARGS__)

#endif
