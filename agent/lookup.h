/*
 * Answering requests: what each verb needs is asked of the store, and judged before anybody hears of it.
 */
#ifndef BERTH_LOOKUP_H
#define BERTH_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/agent.h"
#include "common/wire/protocol.h"

/* An answer, header and payload. Short ones lie in `room`; a session's may be larger and is malloc'ed then. */
struct lookup_answer {
	enum wire_status status;
	const uint8_t *data;
	size_t length;
	uint8_t *allocated; /* NULL, or what lookup_release() frees */
	uint8_t room[WIRE_HEADER + WIRE_ANSWER_MAX];
};

/* lookup_answer_request: verb and payload as `peer` sent them; always leaves a whole answer. WIRE_EVENTS and
 * WIRE_STATUS are no lookups. */
void lookup_answer_request(struct agent *agent, uid_t peer, uint16_t verb, const uint8_t *payload, size_t length,
    struct lookup_answer *answer);
/* lookup_may_ask: of a verb that there is. WIRE_OK; or WIRE_DENIED, which it logs, or WIRE_UNAVAILABLE when the host's
 * accounts can't be read. */
enum wire_status lookup_may_ask(struct agent *agent, uid_t peer, uint16_t verb);
/* lookup_answer_status: an answer that is a status alone. */
void lookup_answer_status(struct lookup_answer *answer, enum wire_status status);
void lookup_release(struct lookup_answer *answer);

#endif
