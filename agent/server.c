/*
 * Accepting, reading, answering, within the limits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/server_private.h"
#include "agent/status.h"
#include "common/host/daemon_log.h"
#include "common/wire/deadline.h"
#include "common/wire/wire.h"

/* A full backlog: who connected before a stop is answered. */
#define STOP_ACCEPTS 4096
/* How long to leave the backlog alone when there are no descriptors or memory to accept with. */
#define EXHAUSTED_MS 100

/* How far a request has come. */
enum progress { REQUEST_INCOMPLETE, REQUEST_COMPLETE, REQUEST_BAD };

static enum progress
request_progress(const uint8_t *request, size_t received, uint16_t *verb, uint32_t *length)
{
	if (received < WIRE_HEADER)
		return REQUEST_INCOMPLETE;
	if (!wire_get_header(request, verb, length, WIRE_REQUEST_MAX) || received - WIRE_HEADER > *length)
		return REQUEST_BAD;
	return received - WIRE_HEADER < *length ? REQUEST_INCOMPLETE : REQUEST_COMPLETE;
}

/* hand_over: to the transfer log, unless the peer has to be told why not. */
static enum outcome
hand_over(struct server *server, int fd, uid_t uid, const uint8_t *payload, uint32_t length)
{
	enum wire_status status = lookup_may_ask(server->agent, uid, WIRE_EVENTS);

	if (status == WIRE_OK)
		status = transfer_log_adopt(server->agent->transfer_log, fd, payload, length);
	if (status == WIRE_OK) {
		metrics_answered(&server->asked, WIRE_OK);
		return OUTCOME_HANDED_OVER;
	}
	lookup_answer_status(&server->answer, status);
	return OUTCOME_ANSWERED;
}

enum outcome
server_answer(struct server *server, int fd, uid_t uid, const uint8_t *request, size_t received)
{
	enum outcome outcome = OUTCOME_NONE;
	uint16_t verb;
	uint32_t length;

	switch (request_progress(request, received, &verb, &length)) {
	case REQUEST_INCOMPLETE:
		return OUTCOME_NONE;
	case REQUEST_BAD:
		lookup_answer_status(&server->answer, WIRE_BAD_REQUEST);
		return OUTCOME_ANSWERED;
	case REQUEST_COMPLETE:
		break;
	}
	server->asked.verb = verb;
	if (verb == WIRE_EVENTS)
		return hand_over(server, fd, uid, request + WIRE_HEADER, length);
	if (verb == WIRE_STATUS) {
		status_answer(server, uid, length);
		return OUTCOME_ANSWERED;
	}
	if (server->agent->store.remote != NULL)
		outcome = parking_look(server, uid, verb, request + WIRE_HEADER, length);
	if (outcome != OUTCOME_NONE)
		return outcome;
	lookup_answer_request(server->agent, uid, verb, request + WIRE_HEADER, length, &server->answer);
	return OUTCOME_ANSWERED;
}

void
server_respond(struct connection *connection)
{
	struct server *server = connection->server;
	size_t sent;

	if (server_send(server, connection->fd, &sent))
		connection_free(connection);
	else
		connection_wait_to_send(connection, sent);
	lookup_release(&server->answer);
}

static void
on_readable(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	struct server *server = connection->server;
	ssize_t count;

	if (what & EV_TIMEOUT) {
		connection_free(connection);
		return;
	}
	count = recv(fd, connection->request + connection->received, REQUEST_BYTES_MAX + 1 - connection->received,
	    MSG_DONTWAIT);
	if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
		connection_free(connection);
		return;
	}
	if (count > 0)
		connection->received += (size_t)count;
	server->asked = (struct metrics_request){ .began = metrics_now() };
	/* The event isn't a persistent one: the loop has forgotten the descriptor until it is added again. */
	switch (server_answer(server, fd, connection->uid, connection->request, connection->received)) {
	case OUTCOME_NONE:
		connection_wait(connection, EV_READ, on_readable);
		return;
	case OUTCOME_HANDED_OVER:
		connection->fd = -1;
		connection_free(connection);
		return;
	case OUTCOME_PARKED:
		connection->asked = server->asked;
		parking_begin(connection);
		return;
	case OUTCOME_ANSWERED:
		server_respond(connection);
		return;
	}
}

/* keep_request: a connection with what has come of its request, and room for `size` bytes. NULL when there is no memory: the
 * caller closes. */
static struct connection *
keep_request(struct server *server, int fd, uid_t uid, size_t received, size_t size)
{
	uint8_t *request = malloc(size);
	struct connection *connection = request != NULL ? connection_new(server, fd, uid) : NULL;

	if (connection == NULL) {
		free(request);
		return NULL;
	}
	memcpy(request, server->request, received);
	connection->request = request;
	connection->received = received;
	connection->asked = server->asked;
	return connection;
}

static bool
wait_for_request(struct server *server, int fd, uid_t uid, size_t received)
{
	struct connection *connection = keep_request(server, fd, uid, received, REQUEST_BYTES_MAX + 1);

	if (connection == NULL)
		return false;
	connection->deadline = deadline_after(REQUEST_SECONDS * 1000);
	connection_wait(connection, EV_READ, on_readable);
	return true;
}

static bool
wait_for_record(struct server *server, int fd, uid_t uid, size_t received)
{
	struct connection *connection = keep_request(server, fd, uid, received, received);

	if (connection == NULL)
		return false;
	parking_begin(connection);
	return true;
}

/* answer_accepted: a connection whose request may be there already; OUTCOME_NONE: it has to wait for its peer. */
static enum outcome
answer_accepted(struct server *server, int fd, uid_t uid, size_t received)
{
	if (server_has_room(server, uid))
		return server_answer(server, fd, uid, server->request, received);
	daemon_log_limited("busy", LOG_WARNING, "too many connections wait: uid=%u of_uid_max=%d all=%zu all_max=%d", uid,
	    UID_CONNECTIONS_MAX, server->counted, SERVER_CONNECTIONS_MAX);
	lookup_answer_status(&server->answer, WIRE_BUSY);
	return OUTCOME_ANSWERED;
}

/* serve_now: the whole of such a connection, or up to where it waits; false when nobody has its descriptor. */
static bool
serve_now(struct server *server, int fd, uid_t uid, size_t received)
{
	enum outcome outcome = answer_accepted(server, fd, uid, received);
	struct connection *connection;
	size_t sent;

	switch (outcome) {
	case OUTCOME_NONE:
		return wait_for_request(server, fd, uid, received);
	case OUTCOME_PARKED:
		return wait_for_record(server, fd, uid, received);
	case OUTCOME_HANDED_OVER:
		return true;
	case OUTCOME_ANSWERED:
		break;
	}
	if (!server_send(server, fd, &sent)) {
		connection = connection_new(server, fd, uid);
		if (connection != NULL) {
			connection_wait_to_send(connection, sent);
			lookup_release(&server->answer);
			return true;
		}
	}
	lookup_release(&server->answer);
	close(fd);
	return true;
}

static void
connection_accepted(struct server *server, int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	ssize_t count;

	/* First: the request is usually there, and closing with bytes unread would make the peer's read fail. */
	count = recv(fd, server->request, sizeof(server->request), MSG_DONTWAIT);
	if (count == 0 || (count < 0 && errno != EAGAIN) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || length != sizeof(peer)) {
		close(fd);
		return;
	}
	if (count < 0)
		count = 0;
	server->asked = (struct metrics_request){ .began = metrics_now() };
	if (!serve_now(server, fd, peer.uid, (size_t)count))
		close(fd);
}

/* pause_accepting: out of descriptors or memory: a backlog that stays readable would keep the loop spinning. */
static void
pause_accepting(struct server *server)
{
	struct timeval pause = { .tv_usec = EXHAUSTED_MS * 1000 };

	daemon_log_limited("accept", LOG_ERR, "connections can't be accepted: reason=\"%s\"", strerror(errno));
	if (event_add(server->pausing, &pause) == 0)
		event_del(server->accepting);
}

static void
on_pause_over(evutil_socket_t fd, short what, void *context)
{
	struct server *server = context;

	(void)fd;
	(void)what;
	if (server->listener >= 0 && event_add(server->accepting, NULL) != 0)
		pause_accepting(server);
}

/*
 * accept_one: one connection a wake-up. The loop comes back at once when there are more, and the usual lookup, alone in the
 * backlog, is spared a second accept4(2) that finds nothing. False when there was none, or none can be had now.
 */
static bool
accept_one(struct server *server)
{
	int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		connection_accepted(server, fd);
		return true;
	}
	if (errno == EINTR || errno == ECONNABORTED)
		return true;
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
		pause_accepting(server);
	return false;
}

static void
on_connection(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	accept_one(context);
}

struct server *
server_new(struct event_base *base, struct agent *agent, int listener)
{
	struct server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;
	server->base = base;
	server->agent = agent;
	server->listener = listener;
	server->accepting = event_new(base, listener, EV_READ | EV_PERSIST, on_connection, server);
	server->pausing = evtimer_new(base, on_pause_over, server);
	if (server->accepting == NULL || server->pausing == NULL || event_add(server->accepting, NULL) != 0) {
		server_free(server);
		return NULL;
	}
	return server;
}

static void
stop_listening(struct server *server)
{
	if (server->accepting != NULL)
		event_free(server->accepting);
	if (server->pausing != NULL)
		event_free(server->pausing);
	if (server->listener >= 0)
		close(server->listener);
	server->accepting = server->pausing = NULL;
	server->listener = -1;
}

void
server_stop(struct server *server, void (*done)(void *context), void *context)
{
	if (server->listener < 0)
		return;
	/* Who connected before the stop is answered; who floods us doesn't keep us here. */
	for (int i = 0; i < STOP_ACCEPTS && accept_one(server); i++)
		;
	stop_listening(server);
	server->done = done;
	server->done_context = context;
	if (server->total == 0)
		done(context);
}

void
server_free(struct server *server)
{
	struct connection *connection;

	if (server == NULL)
		return;
	server->done = NULL;
	while ((connection = server->connections) != NULL)
		connection_free(connection);
	stop_listening(server);
	free(server);
}
