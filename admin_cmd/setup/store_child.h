/*
 * The store's servers, asked for and made as the configuration's User, in a process of its own: root doesn't open the store.
 */
#ifndef BERTH_SETUP_STORE_CHILD_H
#define BERTH_SETUP_STORE_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/host/config.h"

#define STORE_ANSWER_MAX 2048

/* store_is_there: whether there is a store on this host to be asked; true for one that is kept elsewhere. */
bool store_is_there(const struct config *config);

/* Each is 0; or -1 after saying on stderr what is wrong, and why the process that asked ended early in `answer`, or "". */

/* store_servers: the ids of all servers, a line each. */
int store_servers(const struct config *config, char answer[STORE_ANSWER_MAX]);
/* store_make_server: makes the store where there is none, and a server, as `berth admin create-server` does: its id. */
int store_make_server(const struct config *config, char answer[STORE_ANSWER_MAX]);

#endif
