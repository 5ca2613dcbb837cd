/*
 * Requests that need a record of a store kept elsewhere: answered with what is there, or parked until it was fetched.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/lookup_need.h"
#include "agent/server_private.h"
#include "common/host/daemon_log.h"
#include "common/wire/wire.h"

/* judge_elsewhere: OUTCOME_NONE: what is needed of a store kept elsewhere is there, and may be looked up. */
static enum outcome
judge_elsewhere(struct server *server, enum remote_verdict verdict)
{
	switch (verdict) {
	case REMOTE_MISSING:
		lookup_answer_status(&server->answer, WIRE_NOT_FOUND);
		return OUTCOME_ANSWERED;
	case REMOTE_UNAVAILABLE:
		lookup_answer_status(&server->answer, WIRE_UNAVAILABLE);
		return OUTCOME_ANSWERED;
	case REMOTE_WAIT:
		return OUTCOME_PARKED;
	case REMOTE_STALE:
		server->asked.stale = true;
		return OUTCOME_NONE;
	default:
		return OUTCOME_NONE;
	}
}

enum outcome
parking_look(struct server *server, uid_t uid, uint16_t verb, const uint8_t *payload, uint32_t length)
{
	struct remote_need need;
	enum wire_status status = lookup_need(server->agent, uid, verb, payload, length, &need);

	if (status == WIRE_OK)
		return judge_elsewhere(server, remote_look(server->agent->store.remote, &need));
	lookup_answer_status(&server->answer, status);
	return OUTCOME_ANSWERED;
}

/* respond_elsewhere: the request is whole, and this is what has become of what it needs; not REMOTE_WAIT. */
static void
respond_elsewhere(struct connection *connection, enum remote_verdict verdict)
{
	struct server *server = connection->server;
	uint16_t verb;
	uint32_t length;

	server->asked = connection->asked;
	if (judge_elsewhere(server, verdict) == OUTCOME_NONE && wire_get_header(connection->request, &verb, &length,
	    WIRE_REQUEST_MAX))
		lookup_answer_request(server->agent, connection->uid, verb, connection->request + WIRE_HEADER, length,
		    &server->answer);
	server_respond(connection);
}

static struct connection *
connection_of(struct remote_wait *wait)
{
	return (struct connection *)(void *)((char *)wait - offsetof(struct connection, wait));
}

static void
on_fetched(struct remote_wait *wait, enum remote_verdict verdict)
{
	struct connection *connection = connection_of(wait);
	struct server *server = connection->server;
	enum outcome outcome;

	server->parked--;
	connection->parked = false;
	connection->asked.waited = true;
	if (verdict != REMOTE_AGAIN) {
		respond_elsewhere(connection, verdict);
		return;
	}
	server->asked = connection->asked;
	outcome = server_answer(server, connection->fd, connection->uid, connection->request, connection->received);
	if (outcome == OUTCOME_PARKED)
		parking_begin(connection);
	else
		server_respond(connection);
}

static void
on_longer(struct remote_wait *wait, unsigned milliseconds)
{
	uint8_t message[WIRE_HEADER + WIRE_WAIT_LENGTH];
	struct wire_out out;

	wire_out_init(&out, message, sizeof(message));
	wire_put_header(&out, WIRE_WAIT, WIRE_WAIT_LENGTH);
	wire_put_u32(&out, milliseconds);
	/* Nothing was sent to this peer before: there is room, or nobody to read it. */
	if (send(connection_of(wait)->fd, message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EPIPE &&
	    errno != ECONNRESET)
		daemon_log_limited("wait", LOG_WARNING, "a client can't be asked to wait: reason=\"%s\"", strerror(errno));
}

void
parking_begin(struct connection *connection)
{
	struct server *server = connection->server;
	enum remote_verdict verdict = REMOTE_UNAVAILABLE;
	struct remote_need need;
	uint16_t verb;
	uint32_t length;

	/* Who waits again, for another configuration's store, may have been told already. */
	if (connection->wait.over == NULL) {
		connection->wait.over = on_fetched;
		connection->wait.longer = on_longer;
	}
	if (server->parked >= SERVER_PARKED_MAX)
		daemon_log_limited("parked", LOG_WARNING, "too many connections wait for records: max=%d",
		    SERVER_PARKED_MAX);
	else if (wire_get_header(connection->request, &verb, &length, WIRE_REQUEST_MAX) && lookup_need(server->agent,
	    connection->uid, verb, connection->request + WIRE_HEADER, length, &need) == WIRE_OK)
		verdict = remote_wait(server->agent->store.remote, &need, &connection->wait);
	if (verdict != REMOTE_WAIT) {
		respond_elsewhere(connection, verdict);
		return;
	}
	connection->parked = true;
	server->parked++;
}
