/*
 * Making the plan: private to
 *
 *   plan.c         the files, their wiring, and the order of the steps
 *   plan_config.c  the configuration and its server
 *   plan_sshd.c    whether sshd as it is can have Berth
 */
#ifndef BERTH_SETUP_PLAN_PRIVATE_H
#define BERTH_SETUP_PLAN_PRIVATE_H

#include "admin_cmd/setup/plan.h"

/* plan_refuse: says on stderr why there can be no setup, and the cure. Returns -1. */
int plan_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Steps, in the order in which they will be done. A file that doesn't change, and a directory that is there, are none. */
void plan_add_step(struct plan *plan, enum step_kind kind);
void plan_add_file(struct plan *plan, enum plan_file file);
void plan_add_directory(struct plan *plan, const char *path);

/* Each is 0, or -1 after plan_refuse(). */

/* plan_config: FILE_CONFIG, its directory, a server, the data root; plan->config. */
int plan_config(struct plan *plan);
/* plan_check_sshd: after host_state_read(); adds warnings. */
int plan_check_sshd(struct plan *plan);

#endif
