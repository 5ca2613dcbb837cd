/*
 * Records that have the name or the uid of an account of the host. Nobody asks the agent for them at a login, since
 * /etc/passwd answers first: so they are looked for and logged when the agent starts and when it reads its configuration.
 */
#ifndef BERTH_CLASHES_H
#define BERTH_CLASHES_H

#include "agent/agent.h"

/* clashes_report: one line for each. ShareUid is taken into account. */
void clashes_report(struct agent *agent);

#endif
