/*
 * AllowUsers, DenyUsers, AllowGroups, DenyGroups: whether they keep Berth's users out.
 */
#ifndef BERTH_DOCTOR_SSHD_ACCESS_H
#define BERTH_DOCTOR_SSHD_ACCESS_H

#include "admin_cmd/doctor/checks.h"
#include "admin_cmd/wiring/sshd_settings.h"

/* sshd_access_check: for the probe, whom NSS knows; the settings are those of its login. A pattern's "@host" isn't looked
 * at. */
void sshd_access_check(struct checks *checks, const struct sshd_settings *settings);

#endif
