/*
 * Connections: private to
 *
 *   server.c       accepting, reading, answering
 *   connection.c   those that wait for their peer: who may, for how long, and what is left to send
 *   parking.c      those that wait for a record of a store kept elsewhere
 */
#ifndef BERTH_SERVER_PRIVATE_H
#define BERTH_SERVER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/lookup.h"
#include "agent/metrics.h"
#include "agent/remote/remote.h"
#include "agent/server.h"

#define REQUEST_BYTES_MAX (WIRE_HEADER + WIRE_REQUEST_MAX)

/* A connection that waits for its peer, or for a record of a store kept elsewhere. */
struct connection {
	struct server *server;
	struct connection *next, **link; /* in the server's list */
	struct event *event;
	int fd;           /* -1: handed over */
	uid_t uid;
	bool exempt;      /* from the limits; not counted */
	int64_t deadline; /* milliseconds of CLOCK_MONOTONIC */
	uint8_t *request; /* REQUEST_BYTES_MAX + 1 bytes, or NULL when it was answered */
	size_t received;
	bool parked;
	struct metrics_request asked;
	struct remote_wait wait; /* for a record: no event is registered meanwhile */
	uint8_t *answer;  /* what is left to send of it */
	size_t length, sent;
};

struct uid_count {
	uid_t uid;
	unsigned waiting;
};

struct server {
	struct event_base *base;
	struct agent *agent;
	int listener;
	struct event *accepting, *pausing;
	struct connection *connections;
	struct uid_count counts[SERVER_CONNECTIONS_MAX]; /* of those that are counted, in no order */
	size_t count_used, counted, total, parked;
	void (*done)(void *context);
	void *done_context;
	uint8_t request[REQUEST_BYTES_MAX + 1]; /* one byte more shows that too much was sent */
	struct lookup_answer answer;
	struct metrics_request asked; /* what the answer is to */
};

/* What became of a request: server->answer has its answer, its descriptor is another's now, or a record has to be waited
 * for. */
enum outcome { OUTCOME_NONE, OUTCOME_ANSWERED, OUTCOME_HANDED_OVER, OUTCOME_PARKED };

/* server_answer: OUTCOME_NONE while the request isn't whole. No event may be left for the descriptor. */
enum outcome server_answer(struct server *server, int fd, uid_t uid, const uint8_t *request, size_t received);
/* server_respond: with the server's answer, which is released; the connection is gone after that, or waits to send. */
void server_respond(struct connection *connection);

/* server_has_room: whether one more connection of this uid may wait. */
bool server_has_room(struct server *server, uid_t uid);
/* server_send: as much of the server's answer as goes at once, which is counted. True when that was all, or when the peer is
 * gone. */
bool server_send(struct server *server, int fd, size_t *sent);

/* connection_new: takes over the descriptor. NULL when there is no room or memory: the caller still has it then. */
struct connection *connection_new(struct server *server, int fd, uid_t uid);
void connection_free(struct connection *connection);
/* connection_wait: calls back when the peer is ready, or at the deadline. Frees the connection when that can't be. */
void connection_wait(struct connection *connection, short what, event_callback_fn callback);
/* connection_wait_to_send: for the rest of the server's answer after `sent` bytes of it; frees the connection when it can't
 * be kept. */
void connection_wait_to_send(struct connection *connection, size_t sent);

/* parking_look: OUTCOME_NONE: whatever is needed of a store kept elsewhere is there, and may be looked up. */
enum outcome parking_look(struct server *server, uid_t uid, uint16_t verb, const uint8_t *payload, uint32_t length);
/* parking_begin: the connection, whose request is whole, waits for a record; or is answered, and gone. Its peer isn't looked
 * after meanwhile: one that leaves is noticed at the end. */
void parking_begin(struct connection *connection);

#endif
