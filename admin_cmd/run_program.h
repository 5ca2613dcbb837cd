/*
 * Running another program of this host to its end: sshd, systemctl, getent, diff. Its environment is PATH and LC_ALL=C alone,
 * its standard input is empty or what it is given, its descriptors are the standard ones, its directory is /, and it has no
 * terminal.
 */
#ifndef BERTH_RUN_PROGRAM_H
#define BERTH_RUN_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* Where Debian has them. */
#define GETENT_PROGRAM    "/usr/bin/getent"
#define SYSTEMCTL_PROGRAM "/usr/bin/systemctl"

#define PROGRAM_OUTPUT_MAX (4 * 1024 * 1024) /* of each stream; the rest is read and forgotten */

struct program_options {
	const char *user;  /* an account of /etc/passwd that it runs as, as identity_become() does it; NULL: the caller's */
	const char *input; /* its standard input; NULL: none */
	int seconds;       /* then it is killed, with its process group; 0: PROGRAM_SECONDS */
};

#define PROGRAM_SECONDS 20

struct program_result {
	int status;     /* its exit status; 128 + N: ended by signal N */
	bool timed_out; /* killed for that; status is 128 + SIGKILL */
	char *output, *errors; /* closed with NUL, never NULL; program_free() releases them */
	size_t output_length, errors_length;
};

/*
 * run_program: argv[0] is the program's absolute path, argv ends with NULL; options may be NULL. Returns 0 when it ran,
 * however it ended; -1 with errno when it couldn't be started (ENOENT: it isn't there; EPERM: not root, who alone becomes others).
 * Either way program_free() releases *result.
 */
int run_program(const char *const argv[], const struct program_options *options, struct program_result *result);
void program_free(struct program_result *result);

/* program_said: the first line of what it said on stderr, or else on stdout, for a message; "" when it said nothing. Cuts the
 * stream there. */
const char *program_said(struct program_result *result);

#endif
