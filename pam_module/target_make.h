/*
 * Targets that root can't simply open: those that aren't there yet, and those that only their user may reach.
 */
#ifndef BERTH_PAM_TARGET_MAKE_H
#define BERTH_PAM_TARGET_MAKE_H

#include <stdbool.h>
#include <sys/types.h>

#include "pam_module/target.h"

/*
 * target_make: the O_PATH descriptor of the directory `path` below base, with what is missing of it made; its st_mode in
 * *mode. Returns -1 with errno.
 */
int target_make(const struct target_finder *finder, int base, const char *path, mode_t *mode);

/*
 * target_open_as_user: the same for what is there (create false, openat2(2)'s flags) or may be missing (create true),
 * done by a process that is the session's user. At most TargetSeconds: then -1 with ETIMEDOUT.
 */
int target_open_as_user(const struct target_finder *finder, int base, const char *path, int flags, bool create,
    mode_t *mode);

/* target_process_signals: for a process of ours inside sshd: no handler of sshd's may run in it, and only a signal with its
 * default action ends a wait on a dead file server. SIGALRM comes after `seconds`. */
void target_process_signals(unsigned seconds);

#endif
