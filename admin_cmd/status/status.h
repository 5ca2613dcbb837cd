/*
 * berth status: what the agent says of itself, and what this host knows beside.
 *
 *   status.c          the command, and what programs read
 *   status_page.c     what people read
 *   status_counts.c   users and sessions, which the agent doesn't count
 */
#ifndef BERTH_STATUS_H
#define BERTH_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "admin_cmd/agent_status.h"
#include "common/host/config.h"

#define STATUS_COMMAND "berth status"

struct host_status {
	struct agent_status agent;
	int64_t users;    /* of the server; -1: not known */
	bool users_cached; /* `users` are those whose records the cache holds of a store kept elsewhere */
	int64_t sessions; /* -1: not known, as only root may see them */
};

/* status_count: fills in all but the agent's. What can't be counted is said on stderr. */
void status_count(const char *config_file, struct host_status *status);

/* status_print_page: 0, or -1 when memory is short. */
int status_print_page(const struct host_status *status);

#endif
