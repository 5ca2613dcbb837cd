/*
 * How the agent is doing, by its own account (WIRE_STATUS).
 */
#ifndef BERTH_AGENT_STATUS_H
#define BERTH_AGENT_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire/limits.h"
#include "common/wire/protocol.h"

struct agent_metric {
	char name[STATUS_NAME_MAX + 1]; /* "lookups" */
	uint64_t value;
};

struct agent_status {
	char version[STATUS_TEXT_MAX + 1]; /* "0.1.0" */
	char server_id[STATUS_TEXT_MAX + 1]; /* "": the configuration that it runs with names none */
	char store[STATUS_TEXT_MAX + 1];   /* the Store that it asks, cut where it is longer */
	struct agent_metric metrics[STATUS_METRICS_MAX];
	size_t count;
};

/* agent_status_ask: 0; or -1 with errno, as agent_ask() says it, EACCES when this process may not ask, EPROTO for an agent
 * that doesn't know the question (one from before an upgrade), EBUSY for one that has too many of this uid's. Takes two
 * seconds at most. */
int agent_status_ask(struct agent_status *status);

/* agent_status_value: 0 for a metric that the agent doesn't give. */
uint64_t agent_status_value(const struct agent_status *status, const char *name);

#endif
