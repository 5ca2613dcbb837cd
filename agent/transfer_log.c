/*
 * The transfer log's thread: connections are handed to it through a list, and it sleeps in epoll_wait(2) between events.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent/transfer_helpers.h"
#include "agent/transfer_log.h"
#include "common/host/background_thread.h"
#include "common/host/daemon_log.h"
#include "common/wire/deadline.h"
#include "common/wire/event.h"

#define HANDED_MAX   1024 /* connections that wait for the thread */
#define HANDED_MS    1000 /* the first of them has waited so long: the thread is stuck */
#define THREAD_NAME  "transfer-log"
#define STOP_MS      700  /* for what has arrived */
#define JOIN_MS      1000
#define FORGET_MS    60000

/* One that the agent's thread has handed over. */
struct handed {
	STAILQ_ENTRY(handed) next;
	int fd;
	int64_t since; /* milliseconds of CLOCK_MONOTONIC */
	struct event_session identity;
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

	/* The thread's own, but for the count of connections, in which are those that wait for it. */
	bool is_wanted;
	struct transfer_helpers helpers;
};

/* Of the thread. */

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
		daemon_log_limited("wake", LOG_ERR, "no eventfd for the transfer log: reason=\"%s\"", strerror(errno));
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
		transfer_writer_reopen(&log->helpers.writer, path);
	while ((next = STAILQ_FIRST(&handed)) != NULL) {
		STAILQ_REMOVE_HEAD(&handed, next);
		if (stop)
			close(next->fd);
		else
			transfer_helpers_open(&log->helpers, next->fd, &next->identity);
		free(next);
	}
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

	transfer_writer_hurry(&log->helpers.writer);
	while (transfer_helpers_commit(&log->helpers) && deadline_left(deadline) > 0 &&
	    transfer_helpers_serve(&log->helpers, 0))
		;
	transfer_helpers_close_all(&log->helpers);
}

static void *
run(void *context)
{
	struct transfer_log *log = context;

	journal_open(&log->helpers.journal);
	while (take_over(log)) {
		if ((log->is_wanted || log->helpers.writer.failed != 0) && log->helpers.writer.used == 0)
			transfer_writer_ready(&log->helpers.writer);
		if (transfer_helpers_commit(&log->helpers) && log->helpers.writer.failed == 0)
			transfer_helpers_serve(&log->helpers, FORGET_MS);
		else
			wait_for_agent(log, WRITER_RETRY_MS);
		transfer_sessions_forget(&log->helpers.sessions);
	}
	finish(log);
	return NULL;
}

/* Of the agent's thread. */

static void
wake_up(struct transfer_log *log)
{
	uint64_t one = 1;

	/* It can't fail: the counter is far from full, and as long as it isn't 0 the thread wakes up. */
	if (write(log->wake, &one, sizeof(one)) != (ssize_t)sizeof(one))
		daemon_log_limited("wake", LOG_ERR, "the transfer log can't be woken: reason=\"%s\"", strerror(errno));
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
	transfer_helpers_free(&log->helpers);
	if (log->wake >= 0)
		close(log->wake);
	pthread_mutex_destroy(&log->mutex);
	free(log);
}

struct transfer_log *
transfer_log_start(const char *file, bool wanted)
{
	struct transfer_log *log = calloc(1, sizeof(*log));
	char *path = strdup(file);
	int problem;

	if (log == NULL || path == NULL) {
		free(log);
		free(path);
		return NULL;
	}
	pthread_mutex_init(&log->mutex, NULL);
	STAILQ_INIT(&log->handed);
	log->wanted = wanted;
	log->connections_max = connections_room();
	log->wake = -1;
	if (transfer_helpers_init(&log->helpers, path) == 0 && (log->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) >= 0 &&
	    transfer_helpers_wake_by(&log->helpers, log->wake) == 0 &&
	    background_thread_start(&log->thread, THREAD_NAME, run, log) == 0)
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
		daemon_log(LOG_ERR, "transfer log stays where it is: reason=\"%s\"", strerror(errno));
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
	    atomic_load(&log->helpers.connection_count) >= log->connections_max;
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
		atomic_fetch_add(&log->helpers.connection_count, 1);
	}
	pthread_mutex_unlock(&log->mutex);
	if (stuck) {
		free(handed);
		daemon_log_limited("transfer stuck", LOG_ERR, "the transfer log takes no more sessions: connections=%zu max=%zu",
		    atomic_load(&log->helpers.connection_count), log->connections_max);
		return WIRE_UNAVAILABLE;
	}
	wake_up(log);
	return WIRE_OK;
}

size_t
transfer_log_connections(const struct transfer_log *log)
{
	return atomic_load(&log->helpers.connection_count);
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
		daemon_log(LOG_ERR, "the disk doesn't let go of the transfer log: what helpers sent last, they keep");
}
