/*
 * Records that have the name or the uid of an account of the host, which is then the account's alone. Nobody asks for them
 * at a login, since /etc/passwd answers first: so they are looked for.
 */
#ifndef BERTH_STORE_CLASHES_H
#define BERTH_STORE_CLASHES_H

#include "common/host/config.h"
#include "common/store/store.h"

struct clash { /* pointers live only during the visit */
	const char *user_name; /* the record's */
	const char *account;   /* of /etc/passwd */
	bool same_name;        /* otherwise it is the uid */
	uint32_t uid;          /* the account's */
};
typedef void clashes_visit(void *context, const struct clash *clash);

/* clashes_each: each record of the configuration's server that isn't served for that; ShareUid is taken into account. What
 * can't be read of the store is passed over. Returns 0, or -1 with errno when BERTH_PASSWD_FILE can't be read. */
int clashes_each(struct store *store, const struct config *config, clashes_visit *visit, void *context);

#endif
