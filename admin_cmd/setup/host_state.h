/*
 * How root and the local users get in: what of that can be asked without a login. Taken before a change and after it, and
 * held against each other.
 */
#ifndef BERTH_SETUP_HOST_STATE_H
#define BERTH_SETUP_HOST_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "admin_cmd/setup/files.h" /* SETUP_WHY_MAX */
#include "admin_cmd/wiring/sshd_settings.h"

#define STATE_ACCOUNTS_MAX 4 /* root and the first users of /etc/passwd who log in */
#define STATE_ANSWER_MAX   2048

struct account_state {
	char name[64];
	char entry[STATE_ANSWER_MAX];   /* what a fresh process finds by getpwnam(3) */
	char groups[STATE_ANSWER_MAX];  /* and by initgroups(3) */
	char account[STATE_ANSWER_MAX]; /* pam_check_account() */
	struct sshd_settings settings;  /* of a login; text is NULL when sshd says none */
};

struct host_state {
	struct account_state accounts[STATE_ACCOUNTS_MAX];
	size_t count;
	char nobody[STATE_ANSWER_MAX];  /* what is found of a name that nobody has; "?" and why: all else is empty then */
	char modules[4096];             /* pam_check_modules() */
	bool has_sshd, sshd_starts;     /* is it there; sshd_test() */
	char sshd_problem[SSHD_WHY_MAX];
	struct sshd_settings settings;  /* before any login */
};

/* host_state_read: host_state_free() releases it. */
void host_state_read(struct host_state *state);
void host_state_free(struct host_state *state);

/* host_state_sound: 0, or -1 when somebody of them can't get in as it is, with `why` (SETUP_WHY_MAX bytes). */
int host_state_sound(const struct host_state *state, char *why);

/* host_state_kept: 0 when all that worked before works after, the settings of sshd being the same but for
 * AuthorizedKeysCommand; or -1 with the first thing that is worse. */
int host_state_kept(const struct host_state *before, const struct host_state *after, char *why);

#endif
