/*
 * The system call filter of a sealed session: no network, no other identity, no way to a new namespace or program.
 */
#ifndef BERTH_PAM_FILTER_H
#define BERTH_PAM_FILTER_H

#include <stdint.h>

/*
 * filter_install: for the calling thread and all it starts, for good; sets no_new_privs. uid and gid are the only ones that
 * setresuid(2) and setresgid(2) may still set. line_fd: what line_socket_install() was called with, or -1 when there is no
 * transfer log and syslog(3) gets no socket. Returns 0, or -1 with errno.
 */
int filter_install(uint32_t uid, uint32_t gid, int line_fd);

#endif
