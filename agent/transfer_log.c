/*
 * The transfer log's thread: connections are handed to it through a list, and it sleeps in epoll_wait(2) between events.
 * What one wake-up brings is written together and then acknowledged.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/event_json.h"
#include "agent/journal.h"
#include "agent/log.h"
#include "agent/transfer_log.h"
#include "agent/transfer_sessions.h"
#include "agent/transfer_writer.h"
#include "common/wire/deadline.h"
#include "common/wire/event.h"

#define FRAME_HEADER sizeof(uint32_t)
/* What is read of a connection at once: a busy one gets its turn as the others do. Any frame fits. */
#define READ_BYTES   (32 * 1024)
#define READY_MAX    64 /* connections a wake-up */

#define HANDED_MAX   1024 /* connections that wait for the thread */
#define HANDED_MS    1000 /* the first of them has waited so long: the thread is stuck */
#define THREAD_NAME  "transfer-log"
#define STOP_MS      700  /* for what has arrived */
#define JOIN_MS      1000
#define FORGET_MS    60000

_Static_assert(READ_BYTES >= FRAME_HEADER + EVENT_BYTES_MAX, "a frame fits");
_Static_assert(WRITER_BATCH >= 2 * EVENT_JSON_ROOM(READ_BYTES), "a batch holds what is read at once");

/* One that the agent's thread has handed over. */
struct handed {
	STAILQ_ENTRY(handed) next;
	int fd;
	int64_t since; /* milliseconds of CLOCK_MONOTONIC */
	struct event_session identity;
};

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

struct transfer_log {
	pthread_t thread;
	int wake; /* an eventfd: there is something in what follows */
	pthread_mutex_t mutex;
	STAILQ_HEAD(handed_list, handed) handed;
	size_t handed_count;
	char *next_path;
	bool reopen, wanted, stop;
	size_t connections_max;
	_Atomic size_t connection_count; /* with those that wait for the thread */

	/* The thread's own. */
	int epoll;
	bool is_wanted;
	struct transfer_writer writer;
	struct transfer_sessions sessions;
	struct journal journal;
	LIST_HEAD(, connection) connections, closed;
	TAILQ_HEAD(, connection) owing;
	uint8_t read[READ_BYTES];
	char strings[EVENT_BYTES_MAX]; /* of the event in hand */
};

/* Of the thread. */

static void
connection_close(struct transfer_log *log, struct connection *connection)
{
	if (connection->fd < 0)
		return;
	close(connection->fd); /* epoll forgets it */
	connection->fd = -1;
	if (connection->owes)
		TAILQ_REMOVE(&log->owing, connection, owing);
	LIST_REMOVE(connection, all);
	LIST_INSERT_HEAD(&log->closed, connection, all);
	if (connection->session->holder == connection)
		transfer_sessions_let_go(&log->sessions, connection->session);
	atomic_fetch_sub(&log->connection_count, 1);
}

static void
free_closed(struct transfer_log *log)
{
	struct connection *connection;

	while ((connection = LIST_FIRST(&log->closed)) != NULL) {
		LIST_REMOVE(connection, all);
		free(connection->partial);
		free(connection);
	}
}

/* refuse: closes after saying why. */
static void __attribute__((format(printf, 3, 4)))
refuse(struct transfer_log *log, struct connection *connection, const char *format, ...)
{
	char reason[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	agent_log_limited("transfer events", LOG_WARNING, "a session's helper was cut off: session=%s user=%s peer_pid=%ld "
	    "reason=\"%s\"", connection->identity.id, connection->identity.user, (long)connection->peer, reason);
	connection_close(log, connection);
}

static bool
watch(struct transfer_log *log, struct connection *connection, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = connection };

	return epoll_ctl(log->epoll, operation, connection->fd, &event) == 0;
}

static void
owe(struct transfer_log *log, struct connection *connection)
{
	if (connection->owes)
		return;
	connection->owes = true;
	TAILQ_INSERT_TAIL(&log->owing, connection, owing);
}

static void
acknowledge(struct transfer_log *log, struct connection *connection)
{
	uint64_t last = connection->session->last;
	ssize_t sent = send(connection->fd, &last, sizeof(last), MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent == (ssize_t)sizeof(last))
		return;
	if (sent >= 0 || (errno != EAGAIN && errno != EINTR) ||
	    !watch(log, connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT)) {
		connection_close(log, connection);
		return;
	}
	connection->send_waits = true;
}

/* commit: writes what was gathered, then acknowledges it. False while it can't be written. */
static bool
commit(struct transfer_log *log)
{
	struct connection *connection;

	if (!transfer_writer_flush(&log->writer))
		return false;
	while ((connection = TAILQ_FIRST(&log->owing)) != NULL) {
		TAILQ_REMOVE(&log->owing, connection, owing);
		connection->owes = false;
		if (!connection->send_waits)
			acknowledge(log, connection);
	}
	return true;
}

/* take_event: false when the connection was closed. */
static bool
take_event(struct transfer_log *log, struct connection *connection, const uint8_t *bytes, size_t length)
{
	struct transfer_session *session = connection->session;
	struct event event;
	size_t room, line;
	char *to;

	if (!event_get(bytes, length, &event, log->strings)) {
		refuse(log, connection, "what it sent is no event");
		return false;
	}
	owe(log, connection);
	if (event.sequence <= session->last)
		return true;
	if (session->last != 0 && event.sequence != session->last + 1)
		agent_log_limited("transfer gap", LOG_WARNING, "events are missing in the transfer log: session=%s user=%s "
		    "from=%" PRIu64 " to=%" PRIu64, connection->identity.id, connection->identity.user, session->last + 1,
		    event.sequence - 1);
	to = transfer_writer_room(&log->writer, &room);
	line = event_json_write(&connection->identity, &event, to, room);
	if (line == 0) {
		refuse(log, connection, "an event of %zu bytes becomes too long a line", length);
		return false;
	}
	transfer_writer_add(&log->writer, line);
	session->last = event.sequence;
	journal_send(&log->journal, &connection->identity, &event);
	return true;
}

static void
keep_partial(struct transfer_log *log, struct connection *connection, const uint8_t *rest, size_t length)
{
	free(connection->partial);
	connection->partial = NULL;
	connection->partial_length = length;
	if (length == 0)
		return;
	connection->partial = malloc(length);
	if (connection->partial == NULL)
		refuse(log, connection, "%s", strerror(errno));
	else
		memcpy(connection->partial, rest, length);
}

static void
take_frames(struct transfer_log *log, struct connection *connection, size_t available)
{
	size_t at = 0;
	uint32_t length;

	while (available - at >= FRAME_HEADER) {
		memcpy(&length, log->read + at, sizeof(length));
		if (length > EVENT_BYTES_MAX) {
			refuse(log, connection, "an event of %" PRIu32 " bytes", length);
			return;
		}
		if (available - at - FRAME_HEADER < length)
			break;
		if (!take_event(log, connection, log->read + at + FRAME_HEADER, length))
			return;
		at += FRAME_HEADER + length;
	}
	keep_partial(log, connection, log->read + at, available - at);
}

static void
on_readable(struct transfer_log *log, struct connection *connection)
{
	size_t used = connection->partial_length;
	ssize_t count;

	if (used > 0)
		memcpy(log->read, connection->partial, used);
	count = recv(connection->fd, log->read + used, sizeof(log->read) - used, MSG_DONTWAIT);
	if (count > 0)
		take_frames(log, connection, used + (size_t)count);
	else if (count == 0 && used > 0)
		refuse(log, connection, "it ended in the middle of an event");
	else if (count == 0 || (errno != EAGAIN && errno != EINTR))
		connection_close(log, connection);
}

static void
on_writable(struct transfer_log *log, struct connection *connection)
{
	connection->send_waits = false;
	if (watch(log, connection, EPOLL_CTL_MOD, EPOLLIN))
		owe(log, connection);
	else
		connection_close(log, connection);
}

/* has_room: whether the batch takes all that one read can bring, if need be after it was written. */
static bool
has_room(struct transfer_log *log)
{
	size_t room;

	transfer_writer_room(&log->writer, &room);
	return room >= EVENT_JSON_ROOM(READ_BYTES) || commit(log);
}

/* serve_ready: those that are ready within the time; false when there were none. */
static bool
serve_ready(struct transfer_log *log, int timeout_ms)
{
	struct epoll_event ready[READY_MAX];
	int count = epoll_wait(log->epoll, ready, READY_MAX, timeout_ms);

	for (int i = 0; i < count; i++) {
		struct connection *connection = ready[i].data.ptr;

		if (connection == NULL || connection->fd < 0)
			continue; /* the eventfd; or closed since */
		if (ready[i].events & EPOLLOUT)
			on_writable(log, connection);
		if (connection->fd >= 0 && (ready[i].events & ~(uint32_t)EPOLLOUT) != 0 && has_room(log))
			on_readable(log, connection);
	}
	commit(log);
	free_closed(log);
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
find_session(struct transfer_log *log, const struct handed *handed, pid_t peer, struct transfer_session **session)
{
	struct connection *holder;

	if (!transfer_writer_admits(&log->writer))
		return WIRE_UNAVAILABLE;
	*session = transfer_sessions_get(&log->sessions, handed->identity.id);
	if (*session == NULL)
		return WIRE_UNAVAILABLE;
	holder = (*session)->holder;
	if (holder == NULL)
		return WIRE_OK;
	if (holder->peer == peer) {
		connection_close(log, holder);
		return WIRE_OK;
	}
	agent_log_limited("transfer holder", LOG_WARNING, "a session's log is another process's: session=%s user=%s "
	    "peer_pid=%ld holder_pid=%ld", handed->identity.id, handed->identity.user, (long)peer, (long)holder->peer);
	return WIRE_UNAVAILABLE;
}

static void
connection_open(struct transfer_log *log, const struct handed *handed)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	struct transfer_session *session = NULL;
	pid_t peer = peer_of(handed->fd);
	enum wire_status status = connection != NULL ? find_session(log, handed, peer, &session) : WIRE_UNAVAILABLE;

	if (!answer(handed->fd, status, session != NULL ? session->last : 0) || status != WIRE_OK) {
		close(handed->fd);
		free(connection);
		atomic_fetch_sub(&log->connection_count, 1);
		return;
	}
	connection->fd = handed->fd;
	connection->peer = peer;
	connection->identity = handed->identity;
	connection->session = session;
	transfer_sessions_hold(&log->sessions, session, connection);
	LIST_INSERT_HEAD(&log->connections, connection, all);
	if (!watch(log, connection, EPOLL_CTL_ADD, EPOLLIN))
		connection_close(log, connection);
}

/* take_over: what the agent's thread has asked for. False when the thread is to end. */
static bool
take_over(struct transfer_log *log)
{
	struct handed_list handed = STAILQ_HEAD_INITIALIZER(handed);
	struct handed *next;
	char *path;
	bool reopen, stop;
	uint64_t count;

	if (read(log->wake, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
		agent_log_limited("wake", LOG_ERR, "the transfer log's eventfd: reason=\"%s\"", strerror(errno));
	pthread_mutex_lock(&log->mutex);
	STAILQ_CONCAT(&handed, &log->handed);
	log->handed_count = 0;
	path = log->next_path;
	log->next_path = NULL;
	reopen = log->reopen;
	log->reopen = false;
	log->is_wanted = log->wanted;
	stop = log->stop;
	pthread_mutex_unlock(&log->mutex);

	if (reopen)
		transfer_writer_reopen(&log->writer, path);
	while ((next = STAILQ_FIRST(&handed)) != NULL) {
		STAILQ_REMOVE_HEAD(&handed, next);
		if (stop)
			close(next->fd);
		else
			connection_open(log, next);
		free(next);
	}
	free_closed(log);
	return !stop;
}

/* wait_for_agent: while the file can't be written, what helpers send stays where it is. */
static void
wait_for_agent(struct transfer_log *log, int timeout_ms)
{
	struct pollfd wake = { .fd = log->wake, .events = POLLIN };

	poll(&wake, 1, timeout_ms);
}

static void
finish(struct transfer_log *log)
{
	int64_t deadline = deadline_after(STOP_MS);

	transfer_writer_hurry(&log->writer);
	while (commit(log) && deadline_left(deadline) > 0 && serve_ready(log, 0))
		;
	while (!LIST_EMPTY(&log->connections))
		connection_close(log, LIST_FIRST(&log->connections));
	free_closed(log);
}

static void *
run(void *context)
{
	struct transfer_log *log = context;

	journal_open(&log->journal);
	while (take_over(log)) {
		if ((log->is_wanted || log->writer.failed != 0) && log->writer.used == 0)
			transfer_writer_ready(&log->writer);
		if (commit(log) && log->writer.failed == 0)
			serve_ready(log, FORGET_MS);
		else
			wait_for_agent(log, WRITER_RETRY_MS);
		transfer_sessions_forget(&log->sessions);
	}
	finish(log);
	return NULL;
}

static void
found_event(void *context, const char *id, uint64_t sequence)
{
	struct transfer_log *log = context;
	struct transfer_session *session = transfer_sessions_get(&log->sessions, id);

	if (session != NULL && session->last < sequence)
		session->last = sequence;
}

/* Of the agent's thread. */

static void
wake_up(struct transfer_log *log)
{
	uint64_t one = 1;

	/* It can't fail: the counter is far from full, and as long as it isn't 0 the thread wakes up. */
	if (write(log->wake, &one, sizeof(one)) != (ssize_t)sizeof(one))
		agent_log_limited("wake", LOG_ERR, "the transfer log can't be woken: reason=\"%s\"", strerror(errno));
}

static int
start_thread(struct transfer_log *log)
{
	sigset_t all, before;
	int problem;

	/* Signals are the event loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	problem = pthread_create(&log->thread, NULL, run, log);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (problem == 0)
		pthread_setname_np(log->thread, THREAD_NAME);
	errno = problem;
	return problem == 0 ? 0 : -1;
}

/* connections_room: a quarter of the descriptors is left to those who ask who somebody is. */
static size_t
connections_room(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur / 4 * 3 : 0;
}

static void
log_free(struct transfer_log *log)
{
	transfer_writer_free(&log->writer);
	transfer_sessions_free(&log->sessions);
	journal_close(&log->journal);
	if (log->epoll >= 0)
		close(log->epoll);
	if (log->wake >= 0)
		close(log->wake);
	pthread_mutex_destroy(&log->mutex);
	free(log);
}

struct transfer_log *
transfer_log_start(const char *file, bool wanted)
{
	struct transfer_log *log = calloc(1, sizeof(*log));
	struct epoll_event wake = { .events = EPOLLIN };
	char *path = strdup(file);
	int problem;

	if (log == NULL || path == NULL) {
		free(log);
		free(path);
		return NULL;
	}
	pthread_mutex_init(&log->mutex, NULL);
	STAILQ_INIT(&log->handed);
	TAILQ_INIT(&log->owing);
	transfer_sessions_init(&log->sessions);
	log->journal.fd = -1;
	log->wanted = wanted;
	log->connections_max = connections_room();
	log->epoll = epoll_create1(EPOLL_CLOEXEC);
	log->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (transfer_writer_init(&log->writer, path, found_event, log) == 0 && log->epoll >= 0 && log->wake >= 0 &&
	    epoll_ctl(log->epoll, EPOLL_CTL_ADD, log->wake, &wake) == 0 && start_thread(log) == 0)
		return log;
	problem = errno;
	log_free(log);
	errno = problem;
	return NULL;
}

void
transfer_log_reopen(struct transfer_log *log, const char *file, bool wanted)
{
	char *path = strdup(file);

	if (path == NULL)
		agent_log(LOG_ERR, "transfer log stays where it is: reason=\"%s\"", strerror(errno));
	pthread_mutex_lock(&log->mutex);
	if (path != NULL) {
		free(log->next_path);
		log->next_path = path;
	}
	log->reopen = true;
	log->wanted = wanted;
	pthread_mutex_unlock(&log->mutex);
	wake_up(log);
}

/* is_stuck: with the mutex held. Whoever asks is better told so than left waiting, with a descriptor of ours each. */
static bool
is_stuck(struct transfer_log *log, int64_t now)
{
	const struct handed *first = STAILQ_FIRST(&log->handed);

	return log->handed_count >= HANDED_MAX || (first != NULL && now - first->since > HANDED_MS) ||
	    atomic_load(&log->connection_count) >= log->connections_max;
}

enum wire_status
transfer_log_adopt(struct transfer_log *log, int fd, const uint8_t *payload, size_t length)
{
	struct handed *handed = malloc(sizeof(*handed));
	struct wire_in in;
	bool stuck;

	if (handed == NULL)
		return WIRE_UNAVAILABLE;
	wire_in_init(&in, payload, length);
	if (!event_get_session(&in, &handed->identity) || !wire_in_done(&in)) {
		free(handed);
		return WIRE_BAD_REQUEST;
	}
	handed->fd = fd;
	handed->since = deadline_now();
	pthread_mutex_lock(&log->mutex);
	stuck = is_stuck(log, handed->since);
	if (!stuck) {
		STAILQ_INSERT_TAIL(&log->handed, handed, next);
		log->handed_count++;
		atomic_fetch_add(&log->connection_count, 1);
	}
	pthread_mutex_unlock(&log->mutex);
	if (stuck) {
		free(handed);
		agent_log_limited("transfer stuck", LOG_ERR, "the transfer log takes no more sessions: connections=%zu max=%zu",
		    atomic_load(&log->connection_count), log->connections_max);
		return WIRE_UNAVAILABLE;
	}
	wake_up(log);
	return WIRE_OK;
}

void
transfer_log_stop(struct transfer_log *log)
{
	struct timespec limit;

	if (log == NULL)
		return;
	pthread_mutex_lock(&log->mutex);
	log->stop = true;
	pthread_mutex_unlock(&log->mutex);
	wake_up(log);
	if (clock_gettime(CLOCK_MONOTONIC, &limit) != 0)
		return;
	limit.tv_sec += JOIN_MS / 1000;
	if (pthread_clockjoin_np(log->thread, NULL, CLOCK_MONOTONIC, &limit) == 0)
		log_free(log);
	else
		agent_log(LOG_ERR, "the disk doesn't let go of the transfer log: what helpers sent last, they keep");
}
