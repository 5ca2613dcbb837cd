/*
 * What the checks want to know of the records, as the configuration's User, from a store that is open.
 */
#ifndef BERTH_DOCTOR_RECORDS_H
#define BERTH_DOCTOR_RECORDS_H

#include "admin_cmd/doctor/checks.h"
#include "common/store/store.h"

/* records_try: takes this user for the probe if this host would let it in and it is better than the one there is, for it has
 * keys. Returns whether no better one need be looked for. */
bool records_try(const struct checks *checks, struct store *store, const char *user_name, struct probe *probe);

/* records_check_names: the link "names": records that clash with accounts of the host. */
void records_check_names(struct checks *checks, struct store *store);

#endif
