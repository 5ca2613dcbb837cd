/* Becoming an unprivileged user for good. */
#ifndef BERTH_IDENTITY_H
#define BERTH_IDENTITY_H

#include <sys/types.h>

/*
 * identity_become: uid, gid and groups of `user`, irrevocably, and no_new_privs. Nothing to do when the process isn't root.
 * Looks the user up in /etc/passwd and /etc/group as files. Returns 0, or -1 with errno (ENOENT: no such user; EPERM: the
 * user is root).
 */
int identity_become(const char *user);

/* identity_problem: what to tell the operator when it failed with that errno. */
const char *identity_problem(int problem);

#endif
