/*
 * The connection to the agent over which a session's events go (WIRE_EVENTS): made, and made again, without ever waiting.
 * What the agent says is hostile: an answer that isn't the protocol's ends the connection, and no more.
 */
#ifndef BERTH_AGENT_LINK_H
#define BERTH_AGENT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/wire/event.h"
#include "session_helper/event_queue.h"

#define AGENT_RETRY_FIRST_MS 100
#define AGENT_RETRY_MAX_MS   1000

enum agent_link_state {
	AGENT_AWAY,
	AGENT_ASKED,   /* the request is being sent, or its answer awaited */
	AGENT_ACCEPTS, /* events go out, acknowledgements come in */
};

struct agent_link {
	const char *path;
	uid_t owner;
	struct event_queue *queue;
	int fd;
	enum agent_link_state state;
	bool blocked;       /* the socket takes no more for now */
	int64_t retry_at;   /* when to connect next */
	int retry_ms;       /* how long to wait after that fails */
	int64_t away_since; /* since when there is no accepted connection; INT64_MAX: there is one */
	uint8_t request[WIRE_HEADER + 512];
	size_t request_length, request_sent;
	uint8_t input[WIRE_HEADER + sizeof(uint64_t)]; /* an answer, or an acknowledgement, as far as it has come */
	size_t input_length;
};

/* agent_link_init: path and queue are not copied. `now` here and below: milliseconds of CLOCK_MONOTONIC. False when the
 * identity doesn't fit into a request. */
bool agent_link_init(struct agent_link *link, const char *path, uid_t owner, const struct event_session *session,
    struct event_queue *queue, int64_t now);
void agent_link_close(struct agent_link *link);

/* agent_link_events: what to poll(2) link->fd for, which is -1 while there is no connection. */
short agent_link_events(const struct agent_link *link);

/* agent_link_due: when agent_link_run must be called at the latest. */
int64_t agent_link_due(const struct agent_link *link);

/* agent_link_run: all that can be done now. `ready`: what poll(2) returned for the descriptor. */
void agent_link_run(struct agent_link *link, short ready, int64_t now);

#endif
