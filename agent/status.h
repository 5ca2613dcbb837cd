/*
 * The answer to WIRE_STATUS: what metrics.h describes, gathered from where it is.
 */
#ifndef BERTH_AGENT_STATUS_ANSWER_H
#define BERTH_AGENT_STATUS_ANSWER_H

#include "agent/server_private.h"

/* status_answer: leaves a whole answer in the server's; the request's payload is `length` bytes long. */
void status_answer(struct server *server, uid_t peer, uint32_t length);

#endif
