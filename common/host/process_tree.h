/*
 * A process and all that it started, held by pidfds: a pid alone may be another process's by the time it is used.
 * libc only. Linux 5.3.
 */
#ifndef BERTH_PROCESS_TREE_H
#define BERTH_PROCESS_TREE_H

#include <sys/types.h>

/* process_started: field 22 of /proc/PID/stat, the time the process was started, in clock ticks since boot; 0 with errno
 * (ESRCH: no such process) when it can't be read. */
unsigned long long process_started(pid_t pid);

/* process_open: a pidfd of the process that has this pid and was started then and hasn't ended, or -1 with errno (ESRCH). */
int process_open(pid_t pid, unsigned long long started);

/*
 * process_tree_end: SIGTERM to the process, and SIGKILL to what is left of it and its descendants after grace_ms
 * milliseconds. Returns 0 when all have ended (or the process had already), or -1 with errno: ETIMEDOUT when one
 * withstands SIGKILL.
 */
int process_tree_end(pid_t pid, unsigned long long started, int grace_ms);

#endif
