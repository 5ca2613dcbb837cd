/*
 * A part of a check in a process of its own: as another user, with a time limit, or with what can't be undone.
 */
#ifndef BERTH_DOCTOR_APART_H
#define BERTH_DOCTOR_APART_H

#include "admin_cmd/doctor/checks.h"

/* `shared` is memory of both processes, with what the caller had in it. What the job says there is to be looked at as a
 * stranger's. */
typedef void apart_job(struct checks *checks, void *shared);

/*
 * apart_run: runs the job as `user`, an account of /etc/passwd (NULL: as the caller), for `seconds` at most. What it adds to
 * the findings and what it leaves in `shared` (size bytes, the caller's; NULL: none) reach the caller; nothing else does.
 * Returns 0, or -1 with errno: ETIMEDOUT (killed; one that a dead file server holds is left behind), ECHILD (it ended by
 * itself too soon), or as identity_become() says it.
 */
int apart_run(struct checks *checks, const char *user, int seconds, apart_job *job, void *shared, size_t size);

#endif
