/*
 * What one wake-up brings of all connections is written together and then acknowledged.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/event_json.h"
#include "agent/metrics.h"
#include "agent/transfer_helpers.h"
#include "common/host/daemon_log.h"

#define FRAME_HEADER sizeof(uint32_t)
#define READY_MAX    64 /* connections a wake-up */

_Static_assert(HELPERS_READ_BYTES >= FRAME_HEADER + EVENT_BYTES_MAX, "a frame fits");
_Static_assert(WRITER_BATCH >= 2 * EVENT_JSON_ROOM(HELPERS_READ_BYTES), "a batch holds what is read at once");

struct connection {
	LIST_ENTRY(connection) all;
	TAILQ_ENTRY(connection) owing;
	int fd; /* -1: closed, and freed at the end of the wake-up */
	pid_t peer;
	struct event_session identity;
	struct transfer_session *session;
	bool owes;         /* an acknowledgement: it is in the list of these */
	bool send_waits;   /* until the peer has read some */
	uint8_t *partial;  /* the beginning of a frame; NULL: none */
	size_t partial_length;
};

static void
connection_close(struct transfer_helpers *helpers, struct connection *connection)
{
	if (connection->fd < 0)
		return;
	close(connection->fd); /* epoll forgets it */
	connection->fd = -1;
	if (connection->owes)
		TAILQ_REMOVE(&helpers->owing, connection, owing);
	LIST_REMOVE(connection, all);
	LIST_INSERT_HEAD(&helpers->closed, connection, all);
	if (connection->session->holder == connection)
		transfer_sessions_let_go(&helpers->sessions, connection->session);
	atomic_fetch_sub(&helpers->connection_count, 1);
}

static void
free_closed(struct transfer_helpers *helpers)
{
	struct connection *connection;

	while ((connection = LIST_FIRST(&helpers->closed)) != NULL) {
		LIST_REMOVE(connection, all);
		free(connection->partial);
		free(connection);
	}
}

/* refuse: closes after saying why. */
static void __attribute__((format(printf, 3, 4)))
refuse(struct transfer_helpers *helpers, struct connection *connection, const char *format, ...)
{
	char reason[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	daemon_log_limited("transfer events", LOG_WARNING, "a session's helper was cut off: session=%s user=%s peer_pid=%ld "
	    "reason=\"%s\"", connection->identity.id, connection->identity.user, (long)connection->peer, reason);
	connection_close(helpers, connection);
}

static bool
watch(struct transfer_helpers *helpers, struct connection *connection, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = connection };

	return epoll_ctl(helpers->epoll, operation, connection->fd, &event) == 0;
}

static void
owe(struct transfer_helpers *helpers, struct connection *connection)
{
	if (connection->owes)
		return;
	connection->owes = true;
	TAILQ_INSERT_TAIL(&helpers->owing, connection, owing);
}

static void
acknowledge(struct transfer_helpers *helpers, struct connection *connection)
{
	uint64_t last = connection->session->last;
	ssize_t sent = send(connection->fd, &last, sizeof(last), MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent == (ssize_t)sizeof(last))
		return;
	if (sent >= 0 || (errno != EAGAIN && errno != EINTR) ||
	    !watch(helpers, connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT)) {
		connection_close(helpers, connection);
		return;
	}
	connection->send_waits = true;
}

bool
transfer_helpers_commit(struct transfer_helpers *helpers)
{
	struct connection *connection;

	if (!transfer_writer_flush(&helpers->writer))
		return false;
	while ((connection = TAILQ_FIRST(&helpers->owing)) != NULL) {
		TAILQ_REMOVE(&helpers->owing, connection, owing);
		connection->owes = false;
		if (!connection->send_waits)
			acknowledge(helpers, connection);
	}
	return true;
}

/* take_event: false when the connection was closed. */
static bool
take_event(struct transfer_helpers *helpers, struct connection *connection, const uint8_t *bytes, size_t length)
{
	struct transfer_session *session = connection->session;
	struct event event;
	size_t room, line;
	char *to;

	if (!event_get(bytes, length, &event, helpers->strings)) {
		refuse(helpers, connection, "what it sent is no event");
		return false;
	}
	owe(helpers, connection);
	if (event.sequence <= session->last)
		return true;
	if (session->last != 0 && event.sequence != session->last + 1)
		daemon_log_limited("transfer gap", LOG_WARNING, "events are missing in the transfer log: session=%s user=%s "
		    "from=%" PRIu64 " to=%" PRIu64, connection->identity.id, connection->identity.user, session->last + 1,
		    event.sequence - 1);
	to = transfer_writer_room(&helpers->writer, &room);
	line = event_json_write(&connection->identity, &event, to, room);
	if (line == 0) {
		refuse(helpers, connection, "an event of %zu bytes becomes too long a line", length);
		return false;
	}
	transfer_writer_add(&helpers->writer, line);
	if (event.operation == EVENT_DROPPED)
		metrics_add(METRIC_TRANSFER_LINES_LOST, event.totals.dropped);
	session->last = event.sequence;
	journal_send(&helpers->journal, &connection->identity, &event);
	return true;
}

static void
keep_partial(struct transfer_helpers *helpers, struct connection *connection, const uint8_t *rest, size_t length)
{
	free(connection->partial);
	connection->partial = NULL;
	connection->partial_length = length;
	if (length == 0)
		return;
	connection->partial = malloc(length);
	if (connection->partial == NULL)
		refuse(helpers, connection, "%s", strerror(errno));
	else
		memcpy(connection->partial, rest, length);
}

static void
take_frames(struct transfer_helpers *helpers, struct connection *connection, size_t available)
{
	size_t at = 0;
	uint32_t length;

	while (available - at >= FRAME_HEADER) {
		memcpy(&length, helpers->read + at, sizeof(length));
		if (length > EVENT_BYTES_MAX) {
			refuse(helpers, connection, "an event of %" PRIu32 " bytes", length);
			return;
		}
		if (available - at - FRAME_HEADER < length)
			break;
		if (!take_event(helpers, connection, helpers->read + at + FRAME_HEADER, length))
			return;
		at += FRAME_HEADER + length;
	}
	keep_partial(helpers, connection, helpers->read + at, available - at);
}

static void
on_readable(struct transfer_helpers *helpers, struct connection *connection)
{
	size_t used = connection->partial_length;
	ssize_t count;

	if (used > 0)
		memcpy(helpers->read, connection->partial, used);
	count = recv(connection->fd, helpers->read + used, sizeof(helpers->read) - used, MSG_DONTWAIT);
	if (count > 0)
		take_frames(helpers, connection, used + (size_t)count);
	else if (count == 0 && used > 0)
		refuse(helpers, connection, "it ended in the middle of an event");
	else if (count == 0 || (errno != EAGAIN && errno != EINTR))
		connection_close(helpers, connection);
}

static void
on_writable(struct transfer_helpers *helpers, struct connection *connection)
{
	connection->send_waits = false;
	if (watch(helpers, connection, EPOLL_CTL_MOD, EPOLLIN))
		owe(helpers, connection);
	else
		connection_close(helpers, connection);
}

/* has_room: whether the batch takes all that one read can bring, if need be after it was written. */
static bool
has_room(struct transfer_helpers *helpers)
{
	size_t room;

	transfer_writer_room(&helpers->writer, &room);
	return room >= EVENT_JSON_ROOM(HELPERS_READ_BYTES) || transfer_helpers_commit(helpers);
}

bool
transfer_helpers_serve(struct transfer_helpers *helpers, int timeout_ms)
{
	struct epoll_event ready[READY_MAX];
	int count = epoll_wait(helpers->epoll, ready, READY_MAX, timeout_ms);

	for (int i = 0; i < count; i++) {
		struct connection *connection = ready[i].data.ptr;

		if (connection == NULL || connection->fd < 0)
			continue; /* the eventfd; or closed since */
		if (ready[i].events & EPOLLOUT)
			on_writable(helpers, connection);
		if (connection->fd >= 0 && (ready[i].events & ~(uint32_t)EPOLLOUT) != 0 && has_room(helpers))
			on_readable(helpers, connection);
	}
	transfer_helpers_commit(helpers);
	free_closed(helpers);
	return count > 0;
}

/* answer: WIRE_OK with the sequence, another status without. False when it didn't go: the socket is new, so it should. */
static bool
answer(int fd, enum wire_status status, uint64_t last)
{
	uint8_t memory[WIRE_HEADER + sizeof(last)];
	struct wire_out out;

	wire_out_init(&out, memory, sizeof(memory));
	wire_put_header(&out, (uint16_t)status, status == WIRE_OK ? sizeof(last) : 0);
	if (status == WIRE_OK)
		wire_put_u64(&out, last);
	return send(fd, memory, out.used, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)out.used;
}

static pid_t
peer_of(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || length != sizeof(peer))
		return -1;
	return peer.pid;
}

/* find_session: WIRE_OK, or how to answer. A helper may connect again before its old connection's end is seen; another
 * process may not take a session over. */
static enum wire_status
find_session(struct transfer_helpers *helpers, const struct event_session *identity, pid_t peer,
    struct transfer_session **session)
{
	struct connection *holder;

	if (!transfer_writer_admits(&helpers->writer))
		return WIRE_UNAVAILABLE;
	*session = transfer_sessions_get(&helpers->sessions, identity->id);
	if (*session == NULL)
		return WIRE_UNAVAILABLE;
	holder = (*session)->holder;
	if (holder == NULL)
		return WIRE_OK;
	if (holder->peer == peer) {
		connection_close(helpers, holder);
		return WIRE_OK;
	}
	daemon_log_limited("transfer holder", LOG_WARNING, "a session's log is another process's: session=%s user=%s "
	    "peer_pid=%ld holder_pid=%ld", identity->id, identity->user, (long)peer, (long)holder->peer);
	return WIRE_UNAVAILABLE;
}

void
transfer_helpers_open(struct transfer_helpers *helpers, int fd, const struct event_session *identity)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	struct transfer_session *session = NULL;
	pid_t peer = peer_of(fd);
	enum wire_status status = connection != NULL ? find_session(helpers, identity, peer, &session) : WIRE_UNAVAILABLE;

	if (!answer(fd, status, session != NULL ? session->last : 0) || status != WIRE_OK) {
		close(fd);
		free(connection);
		atomic_fetch_sub(&helpers->connection_count, 1);
		free_closed(helpers);
		return;
	}
	connection->fd = fd;
	connection->peer = peer;
	connection->identity = *identity;
	connection->session = session;
	transfer_sessions_hold(&helpers->sessions, session, connection);
	LIST_INSERT_HEAD(&helpers->connections, connection, all);
	if (!watch(helpers, connection, EPOLL_CTL_ADD, EPOLLIN))
		connection_close(helpers, connection);
	free_closed(helpers);
}

void
transfer_helpers_close_all(struct transfer_helpers *helpers)
{
	while (!LIST_EMPTY(&helpers->connections))
		connection_close(helpers, LIST_FIRST(&helpers->connections));
	free_closed(helpers);
}

static void
found_line(void *context, const char *line, size_t length)
{
	struct transfer_helpers *helpers = context;
	char id[SESSION_ID_LENGTH + 1];
	struct transfer_session *session;
	uint64_t sequence;

	if (!event_json_mark(line, length, id, &sequence))
		return;
	session = transfer_sessions_get(&helpers->sessions, id);
	if (session != NULL && session->last < sequence)
		session->last = sequence;
}

int
transfer_helpers_init(struct transfer_helpers *helpers, char *path)
{
	LIST_INIT(&helpers->connections);
	LIST_INIT(&helpers->closed);
	TAILQ_INIT(&helpers->owing);
	transfer_sessions_init(&helpers->sessions);
	helpers->journal.fd = -1;
	helpers->epoll = epoll_create1(EPOLL_CLOEXEC);
	return transfer_writer_init(&helpers->writer, path, found_line, helpers) == 0 && helpers->epoll >= 0 ? 0 : -1;
}

int
transfer_helpers_wake_by(struct transfer_helpers *helpers, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(helpers->epoll, EPOLL_CTL_ADD, fd, &event);
}

void
transfer_helpers_free(struct transfer_helpers *helpers)
{
	transfer_writer_free(&helpers->writer);
	transfer_sessions_free(&helpers->sessions);
	journal_close(&helpers->journal);
	if (helpers->epoll >= 0)
		close(helpers->epoll);
}
