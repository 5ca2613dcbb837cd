/*
 * Connections: one request, one answer, and closed; but one that asks WIRE_EVENTS is handed to the transfer log. Most are
 * answered within the wake-up that accepted them and the event loop never hears of them; what has to wait for its peer is
 * registered, with a time limit over all of it, and counted.
 *
 * A request that needs a record of a store kept elsewhere, which has to be fetched first (remote.h), waits for that too: its
 * client may be sent WIRE_WAIT meanwhile.
 *
 * Limits: a uid may hold UID_CONNECTIONS_MAX waiting connections, and all together SERVER_CONNECTIONS_MAX. Root, KeysUser
 * and SessionUser are counted nowhere, so nobody can keep a login from being answered, nor a session's log from being kept.
 */
#ifndef BERTH_SERVER_H
#define BERTH_SERVER_H

#include <event2/event.h>

#include "agent/agent.h"

#define UID_CONNECTIONS_MAX    32
#define SERVER_CONNECTIONS_MAX 1000
#define SERVER_PARKED_MAX      4096 /* that wait for a record of a store kept elsewhere, root's too */
#define REQUEST_SECONDS        2  /* for a request to arrive whole */
#define ANSWER_SECONDS         10 /* for an answer to be taken */

struct server;

/* server_new: accepts on the listening descriptor, which it owns from now on. NULL when there is no memory. */
struct server *server_new(struct event_base *base, struct agent *agent, int listener);

/* server_stop: accepts no more; done() is called when the last connection is over, or never when it takes too long. */
void server_stop(struct server *server, void (*done)(void *context), void *context);

/* server_free: closes everything. */
void server_free(struct server *server);

#endif
