/*
 * berth doctor: every link of the chain that a login hangs on, in order, a line each with what was found and what to do.
 *
 *   doctor.c       the command: flags, order, verdict
 *   findings.c     what was found, and printing it
 *   check_*.c      the host's links, one concern a file
 *   walk*.c        berth doctor USER: one user's login, without logging in
 *
 * Nothing is changed by looking, and nothing is believed that can be tried: sshd is asked with -T, NSS by a program of its
 * own, the keys command is run as its user, the store is opened as the agent's.
 */
#ifndef BERTH_DOCTOR_H
#define BERTH_DOCTOR_H

#include "admin_cmd/doctor/findings.h"
#include "common/host/config.h"

struct doctor {
	const char *config_file;
	struct config config;
	bool configured; /* config holds what the file says; otherwise checks that need it say FINDING_UNKNOWN */
	struct findings findings;
	/* of berth doctor USER: */
	const char *key_file; /* --key: the public key that the user says they use; NULL: any of the record's */
	const char *client;   /* --from: the address that they come from; NULL: not said */
};

#define WALK_VERDICT_MAX 1024

/*
 * walk_user: adds the findings of one user's login, in the order in which sshd would come upon them, as far as it would
 * come. config must be loaded. In `verdict`: that the user can log in, or what first refuses them; findings that were there before
 * don't count for it.
 */
void walk_user(struct doctor *doctor, const char *name, char verdict[WALK_VERDICT_MAX]);

#endif
