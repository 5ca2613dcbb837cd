/*
 * The host's links, one concern a file. Each check adds its findings: what is wrong, or one line that says that all is well.
 */
#ifndef BERTH_DOCTOR_CHECKS_H
#define BERTH_DOCTOR_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "admin_cmd/doctor/doctor.h"
#include "common/wire/limits.h"

#define CURE_MAX 1024

/* A user of the store to try things with, whom this host would let in. */
struct probe {
	char name[USER_NAME_MAX + 1]; /* "": there is none */
	uint32_t uid, gid;
	size_t key_count;
};

/* What a later link must know of the earlier ones. A link that can't be well because an earlier one isn't says so
 * (FINDING_UNKNOWN), so that one fault has one line. */
struct checks {
	struct doctor *doctor;
	struct findings *findings;   /* the doctor's */
	const struct config *config; /* the doctor's; filled in when doctor->configured */
	bool accounts_well;          /* User, KeysUser and SessionUser are there */
	bool store_well;
	bool clock_skewed;           /* a store elsewhere has said so */
	bool agent_well, nss_well, nss_hangs;
	struct probe probe;
};

void check_configuration(struct checks *checks);
void check_accounts(struct checks *checks);
void check_store(struct checks *checks);     /* of this host: "store", "names" */
void check_remote(struct checks *checks);    /* kept elsewhere: "store", "names", "cache" */
void check_files(struct checks *checks);     /* programs and modules: "permissions" */
void check_agent(struct checks *checks);
void check_nss(struct checks *checks);
void check_keys_command(struct checks *checks);
void check_pam(struct checks *checks);
void check_sshd(struct checks *checks);
void check_kernel(struct checks *checks);
void check_data(struct checks *checks);      /* "data-root" */
void check_transfer_log(struct checks *checks);
void check_log(struct checks *checks);
void check_nologin(struct checks *checks);
void check_clock(struct checks *checks);
void check_api(struct checks *checks);

/* A finding of each level: findings_add() with the checks in the place of their findings. */
#define check_ok(checks, link, ...)      findings_add((checks)->findings, FINDING_OK, link, NULL, __VA_ARGS__)
#define check_unknown(checks, link, ...) findings_add((checks)->findings, FINDING_UNKNOWN, link, NULL, __VA_ARGS__)
#define check_warning(checks, link, ...) findings_add((checks)->findings, FINDING_WARNING, link, __VA_ARGS__)
#define check_fault(checks, link, ...)   findings_add((checks)->findings, FINDING_FAULT, link, __VA_ARGS__)

/* checks_systemd: whether systemd runs this host. */
bool checks_systemd(void);

/* checks_service: a cure: "systemctl VERB UNIT" where systemd runs the host, otherwise `sentence`. */
const char *checks_service(const char *systemctl, const char *sentence);

/* cure_format: a cure with values in it, in `cure` (CURE_MAX bytes), which is returned. */
const char *cure_format(char *cure, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
