/*
 * What PAM makes of a login by sshd, as far as it can be tried without one. The modules run in a process of their own.
 */
#ifndef BERTH_SETUP_PAM_CHECK_H
#define BERTH_SETUP_PAM_CHECK_H

#include <stddef.h>

/* pam_check_account: what pam_acct_mgmt(3) answers for this user, "0 Success"; or what became of it instead. */
void pam_check_account(const char *user, char *answer, size_t size);

/* pam_check_modules: the modules of sshd's stack that can't be loaded, each with why, a line each; "" when all can. */
void pam_check_modules(char *answer, size_t size);

/* pam_check_module: whether this module can be loaded: NULL or why not, in `answer`. */
const char *pam_check_module(const char *module, char *answer, size_t size);

/* pam_check_nss: the same of Berth's NSS module. */
const char *pam_check_nss(char *answer, size_t size);

#endif
