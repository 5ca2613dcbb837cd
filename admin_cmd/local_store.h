/*
 * This host's configuration and its store, as a command opens them. What is wrong is said on stderr, after the command's
 * name.
 */
#ifndef BERTH_LOCAL_STORE_H
#define BERTH_LOCAL_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/host/config.h"
#include "common/store/store.h"

/* local_store_config: 0, or -1 after saying why. Either way config_free() releases what *config holds. */
int local_store_config(const char *command, const char *file, struct config *config);

/*
 * local_store_become: the store lies in a directory of the configuration's User. What root opened there by name, that user
 * could have made a link to any file of the host; and a store that root made, the agent couldn't open. So from here on this
 * process is that user, for good. 0, or -1 after saying why.
 */
int local_store_become(const char *command, const struct config *config);

/*
 * local_store_open: the store, wherever it is kept; the caller closes it. 0, or -1 after saying why.
 *
 * One on this host: becomes the configuration's User for good, and opens it as that user. One kept elsewhere: so, too, but
 * where the caller brings credentials of its own, in the environment, or isn't root and the configuration names none: then
 * this process stays who it is, and the configuration's credentials count for nothing: what they name to be run
 * (credential_process) lies in files that User may write. `command` must outlive the store.
 */
int local_store_open(const char *command, const struct config *config, enum store_mode mode, struct store **store);

/* local_store_lost: how many parts of records from elsewhere couldn't be used, or aren't known to Berth; each was said on
 * stderr. */
size_t local_store_lost(void);

/* local_store_only: for what is done to a store of this host: 0, or -1 after saying that it is kept elsewhere. */
int local_store_only(const char *command, const struct config *config);

#endif
