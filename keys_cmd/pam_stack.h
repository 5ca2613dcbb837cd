/*
 * Whether sshd's PAM stack would seal a session at all.
 *
 * The PAM module seals by construction once it is called. A stack without it, left by an upgrade or an edit of
 * /etc/pam.d/sshd, never calls it, and sshd would run a Berth user's session on the bare host. The keys come before PAM, so
 * this is where such a login can still be refused.
 */
#ifndef BERTH_PAM_STACK_H
#define BERTH_PAM_STACK_H

#include <stdbool.h>
#include <stddef.h>

/* pam_stack_seals: whether the first auth line of BERTH_PAM_SERVICE_FILE is pam_berth.so: no line before it can then keep
 * libpam from calling its setcred. False, with what stands there instead in `why`, also when that can't be told. */
bool pam_stack_seals(char *why, size_t size);

#endif
