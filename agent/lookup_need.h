/*
 * Which records a request needs, told before it is answered: those of a store kept elsewhere may have to be fetched first.
 */
#ifndef BERTH_LOOKUP_NEED_H
#define BERTH_LOOKUP_NEED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/agent.h"
#include "agent/remote/remote.h"
#include "common/wire/protocol.h"

/*
 * lookup_need: WIRE_OK with *need; or the status to answer with: names and uids that are the host's own are nobody's
 * business elsewhere. What is wrong with a request, or who may not ask it, is lookup_answer_request()'s to say: then nothing
 * is needed. By gid nothing is: any record that is cached will do.
 */
enum wire_status lookup_need(struct agent *agent, uid_t peer, uint16_t verb, const uint8_t *payload, size_t length,
    struct remote_need *need);

#endif
