/*
 * Accepting, reading, answering, within the limits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/lookup.h"
#include "agent/server.h"
#include "common/host/daemon_log.h"
#include "common/wire/deadline.h"
#include "common/wire/wire.h"

/* A full backlog: who connected before a stop is answered. */
#define STOP_ACCEPTS 4096
/* How long to leave the backlog alone when there are no descriptors or memory to accept with. */
#define EXHAUSTED_MS 100

#define REQUEST_BYTES_MAX (WIRE_HEADER + WIRE_REQUEST_MAX)

/* A connection that waits for its peer. */
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
	size_t count_used, counted, total;
	void (*done)(void *context);
	void *done_context;
	uint8_t request[REQUEST_BYTES_MAX + 1]; /* one byte more shows that too much was sent */
	struct lookup_answer answer;
};

/* How far a request has come. */
enum progress { REQUEST_INCOMPLETE, REQUEST_COMPLETE, REQUEST_BAD };

/* What became of it: server->answer has its answer, or its descriptor is another's now. */
enum outcome { OUTCOME_NONE, OUTCOME_ANSWERED, OUTCOME_HANDED_OVER };

/* is_exempt: a file that can't be read exempts nobody but root. */
static bool
is_exempt(struct server *server, uid_t uid)
{
	struct agent *agent = server->agent;

	return uid == 0 || local_accounts_is_either(&agent->accounts, agent->config.keys_user, agent->config.session_user,
	    uid) > 0;
}

static struct uid_count *
count_of(struct server *server, uid_t uid)
{
	for (size_t i = 0; i < server->count_used; i++) {
		if (server->counts[i].uid == uid)
			return &server->counts[i];
	}
	return NULL;
}

/* has_room: whether one more connection of this uid may wait. Nothing is looked up while nobody waits. */
static bool
has_room(struct server *server, uid_t uid)
{
	const struct uid_count *count;

	if (server->counted == 0)
		return true;
	count = count_of(server, uid);
	if (server->counted < SERVER_CONNECTIONS_MAX && (count == NULL || count->waiting < UID_CONNECTIONS_MAX))
		return true;
	return is_exempt(server, uid);
}

static void
count_add(struct server *server, uid_t uid)
{
	struct uid_count *count = count_of(server, uid);

	if (count == NULL) {
		count = &server->counts[server->count_used++];
		count->uid = uid;
		count->waiting = 0;
	}
	count->waiting++;
	server->counted++;
}

static void
count_remove(struct server *server, uid_t uid)
{
	struct uid_count *count = count_of(server, uid);

	server->counted--;
	if (--count->waiting == 0)
		*count = server->counts[--server->count_used];
}

static void
connection_free(struct connection *connection)
{
	struct server *server = connection->server;

	if (connection->event != NULL)
		event_free(connection->event);
	if (connection->fd >= 0)
		close(connection->fd);
	free(connection->request);
	free(connection->answer);
	*connection->link = connection->next;
	if (connection->next != NULL)
		connection->next->link = connection->link;
	if (!connection->exempt)
		count_remove(server, connection->uid);
	server->total--;
	free(connection);
	if (server->total == 0 && server->done != NULL)
		server->done(server->done_context);
}

/* connection_new: takes over the descriptor. NULL when there is no room or memory: the caller still has it then. */
static struct connection *
connection_new(struct server *server, int fd, uid_t uid)
{
	bool exempt = is_exempt(server, uid);
	struct connection *connection;

	if (!exempt && server->counted == SERVER_CONNECTIONS_MAX)
		return NULL;
	connection = calloc(1, sizeof(*connection));
	if (connection == NULL)
		return NULL;
	connection->server = server;
	connection->fd = fd;
	connection->uid = uid;
	connection->exempt = exempt;
	connection->next = server->connections;
	connection->link = &server->connections;
	if (connection->next != NULL)
		connection->next->link = &connection->next;
	server->connections = connection;
	server->total++;
	if (!exempt)
		count_add(server, uid);
	return connection;
}

/* connection_wait: calls back when the peer is ready, or at the deadline. Frees the connection when that can't be. */
static void
connection_wait(struct connection *connection, short what, event_callback_fn callback)
{
	int left = deadline_left(connection->deadline);
	struct timeval limit;

	if (connection->event == NULL)
		connection->event = event_new(connection->server->base, connection->fd, what, callback, connection);
	limit.tv_sec = left / 1000;
	limit.tv_usec = left % 1000 * 1000;
	if (left == 0 || connection->event == NULL || event_add(connection->event, &limit) != 0)
		connection_free(connection);
}

static void
on_writable(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	ssize_t sent;

	if (what & EV_TIMEOUT) {
		connection_free(connection);
		return;
	}
	sent = send(fd, connection->answer + connection->sent, connection->length - connection->sent,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		connection_free(connection);
		return;
	}
	if (sent > 0)
		connection->sent += (size_t)sent;
	if (connection->sent == connection->length)
		connection_free(connection);
	else
		connection_wait(connection, EV_WRITE, on_writable);
}

/* keep_rest: the part of the server's answer that the peer had no room for becomes the connection's. */
static int
keep_rest(struct connection *connection, struct lookup_answer *answer, size_t sent)
{
	if (answer->allocated != NULL) {
		connection->answer = answer->allocated;
		connection->sent = sent;
		connection->length = answer->length;
		answer->allocated = NULL;
		return 0;
	}
	connection->length = answer->length - sent;
	connection->answer = malloc(connection->length);
	if (connection->answer == NULL)
		return -1;
	memcpy(connection->answer, answer->data + sent, connection->length);
	return 0;
}

/* send_answer: as much as goes at once. True when that was all, or when the peer is gone. */
static bool
send_answer(struct server *server, int fd, size_t *sent)
{
	ssize_t count = send(fd, server->answer.data, server->answer.length, MSG_DONTWAIT | MSG_NOSIGNAL);

	*sent = count > 0 ? (size_t)count : 0;
	if (count < 0)
		return errno != EAGAIN && errno != EINTR;
	return *sent == server->answer.length;
}

/* wait_to_send: for an answer that didn't go at once; `connection` may be new, and is freed when it can't be kept. */
static void
wait_to_send(struct server *server, struct connection *connection, size_t sent)
{
	if (connection->event != NULL)
		event_free(connection->event);
	connection->event = NULL;
	free(connection->request);
	connection->request = NULL;
	connection->deadline = deadline_after(ANSWER_SECONDS * 1000);
	if (keep_rest(connection, &server->answer, sent) != 0)
		connection_free(connection);
	else
		connection_wait(connection, EV_WRITE, on_writable);
}

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
	if (status == WIRE_OK)
		return OUTCOME_HANDED_OVER;
	lookup_answer_status(&server->answer, status);
	return OUTCOME_ANSWERED;
}

/* answer_request: OUTCOME_NONE while the request isn't whole. No event may be left for the descriptor. */
static enum outcome
answer_request(struct server *server, int fd, uid_t uid, const uint8_t *request, size_t received)
{
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
	if (verb == WIRE_EVENTS)
		return hand_over(server, fd, uid, request + WIRE_HEADER, length);
	lookup_answer_request(server->agent, uid, verb, request + WIRE_HEADER, length, &server->answer);
	return OUTCOME_ANSWERED;
}

static void
on_readable(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	struct server *server = connection->server;
	ssize_t count;
	size_t sent;

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
	/* The event isn't a persistent one: the loop has forgotten the descriptor until it is added again. */
	switch (answer_request(server, fd, connection->uid, connection->request, connection->received)) {
	case OUTCOME_NONE:
		connection_wait(connection, EV_READ, on_readable);
		return;
	case OUTCOME_HANDED_OVER:
		connection->fd = -1;
		connection_free(connection);
		return;
	case OUTCOME_ANSWERED:
		break;
	}
	if (send_answer(server, fd, &sent))
		connection_free(connection);
	else
		wait_to_send(server, connection, sent);
	lookup_release(&server->answer);
}

/* wait_for_request: keeps what has come of it. False when there is no memory: the caller closes. */
static bool
wait_for_request(struct server *server, int fd, uid_t uid, size_t received)
{
	struct connection *connection = connection_new(server, fd, uid);

	if (connection == NULL)
		return false;
	connection->request = malloc(REQUEST_BYTES_MAX + 1);
	if (connection->request == NULL) {
		connection_free(connection);
		return true;
	}
	memcpy(connection->request, server->request, received);
	connection->received = received;
	connection->deadline = deadline_after(REQUEST_SECONDS * 1000);
	connection_wait(connection, EV_READ, on_readable);
	return true;
}

/* answer_accepted: a connection whose request may be there already; OUTCOME_NONE: it has to wait for its peer. */
static enum outcome
answer_accepted(struct server *server, int fd, uid_t uid, size_t received)
{
	if (has_room(server, uid))
		return answer_request(server, fd, uid, server->request, received);
	daemon_log_limited("busy", LOG_WARNING, "too many connections wait: uid=%u of_uid_max=%d all=%zu all_max=%d", uid,
	    UID_CONNECTIONS_MAX, server->counted, SERVER_CONNECTIONS_MAX);
	lookup_answer_status(&server->answer, WIRE_BUSY);
	return OUTCOME_ANSWERED;
}

/* serve_now: the whole of such a connection. False when it has to wait for its peer. */
static bool
serve_now(struct server *server, int fd, uid_t uid, size_t received)
{
	enum outcome outcome = answer_accepted(server, fd, uid, received);
	struct connection *connection;
	size_t sent;

	if (outcome != OUTCOME_ANSWERED)
		return outcome == OUTCOME_HANDED_OVER;
	if (!send_answer(server, fd, &sent)) {
		connection = connection_new(server, fd, uid);
		if (connection != NULL) {
			wait_to_send(server, connection, sent);
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
	if (!serve_now(server, fd, peer.uid, (size_t)count) && !wait_for_request(server, fd, peer.uid, (size_t)count))
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
