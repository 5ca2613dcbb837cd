/*
 * The sshd that runs: whether it listens, and whether it has read its configuration since that was changed.
 */
#ifndef BERTH_DOCTOR_SSHD_PROCESS_H
#define BERTH_DOCTOR_SSHD_PROCESS_H

#include "admin_cmd/doctor/checks.h"
#include "admin_cmd/wiring/sshd_settings.h"

void sshd_process_check(struct checks *checks);

/* sshd_process_listens: whoever accepts for it, sshd itself or systemd. `ports`: its settings', a space before each. */
bool sshd_process_listens(const struct sshd_settings *settings, char ports[128]);

/* sshd_process_id: of the sshd that listens, by its PidFile; 0: not known (systemd starts one for each connection, say). */
pid_t sshd_process_id(void);

#endif
