/*
 * This host's configuration and store, as a command opens them. What is wrong is said on stderr, after the command's name.
 */
#ifndef BERTH_LOCAL_STORE_H
#define BERTH_LOCAL_STORE_H

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

/* local_store_open: becomes the configuration's User for good, and opens the store as that user; the caller closes it. 0, or
 * -1 after saying why. */
int local_store_open(const char *command, const struct config *config, enum store_mode mode, struct store **store);

#endif
