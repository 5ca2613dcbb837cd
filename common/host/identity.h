/* Becoming an unprivileged user for good. */
#ifndef BERTH_IDENTITY_H
#define BERTH_IDENTITY_H

#include <sys/types.h>

/* identity_find: ids of an account of /etc/passwd, read as a file. 0, or -1 with errno (ENOENT: there is none). */
int identity_find(const char *user, uid_t *uid, gid_t *gid);

/*
 * identity_become: uid, gid and groups of `user`, irrevocably, and no_new_privs. Nothing to do when the process isn't root.
 * Looks the user up in /etc/passwd and /etc/group as files. Returns 0, or -1 with errno (ENOENT: no such user; EPERM: the
 * user is root).
 */
int identity_become(const char *user);

/*
 * identity_hide_memory: for a process that holds secrets: no core file has them, nor the pipe of a core_pattern, and nobody
 * but root reads or traces it. To be said again after identity_become(), which leaves that to the system's settings.
 */
void identity_hide_memory(void);

/* identity_problem: what to tell the operator when it failed with that errno. */
const char *identity_problem(int problem);

#endif
