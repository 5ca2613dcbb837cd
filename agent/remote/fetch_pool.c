#include "agent/remote/fetch_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/host/background_thread.h"
#include "common/host/daemon_log.h"
#include "common/wire/deadline.h"

#define THREAD_NAME  "fetch"
#define IDLE_SECONDS 60 /* then a thread ends, and its connection with it; but the last one stays */

STAILQ_HEAD(fetch_list, fetch);

struct worker {
	SLIST_ENTRY(worker) next; /* idle ones, the most recently busy first: one connection serves a quiet host */
	struct fetch_pool *pool;
	pthread_cond_t called;
	struct fetch *fetch; /* what it is called for */
};

struct fetch_pool {
	struct fetch_source *source;
	int done_event;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t left_alone; /* no thread is left */
	struct fetch_list known, unknown, done;
	SLIST_HEAD(, worker) idle;
	size_t queued;
	unsigned threads, running, running_unknown, limit;
	bool held;      /* one has failed, and the loop hasn't heard of it yet */
	bool left;      /* by the loop: threads end when they have finished */
	bool abandoned; /* and it doesn't wait for them: the last one frees the pool */
};

static void
list_free(struct fetch_list *list)
{
	struct fetch *fetch;

	while ((fetch = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, next);
		free(fetch);
	}
}

static void
pool_free(struct fetch_pool *pool)
{
	list_free(&pool->known);
	list_free(&pool->unknown);
	list_free(&pool->done);
	fetch_source_free(pool->source);
	if (pool->done_event >= 0)
		close(pool->done_event);
	pthread_cond_destroy(&pool->left_alone);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}

static int
condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	int problem;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	problem = pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
	return problem;
}

struct fetch_pool *
fetch_pool_new(struct fetch_source *source)
{
	struct fetch_pool *pool = calloc(1, sizeof(*pool));
	int problem;

	if (pool == NULL) {
		fetch_source_free(source);
		return NULL;
	}
	pool->source = source;
	pool->limit = FETCH_THREADS_MAX;
	STAILQ_INIT(&pool->known);
	STAILQ_INIT(&pool->unknown);
	STAILQ_INIT(&pool->done);
	SLIST_INIT(&pool->idle);
	pthread_mutex_init(&pool->mutex, NULL);
	condition_init(&pool->left_alone);
	pool->done_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->done_event >= 0)
		return pool;
	problem = errno;
	pool_free(pool);
	errno = problem;
	return NULL;
}

int
fetch_pool_descriptor(const struct fetch_pool *pool)
{
	return pool->done_event;
}

/* All that follows: with the mutex held, unless it says otherwise. */

/* take: the next one that may run now, or NULL. */
static struct fetch *
take(struct fetch_pool *pool)
{
	struct fetch_list *list = &pool->known;
	struct fetch *fetch;

	if (pool->left || pool->held || pool->running >= pool->limit)
		return NULL;
	if (STAILQ_EMPTY(list)) {
		list = &pool->unknown;
		if (pool->running_unknown >= FETCH_THREADS_FOR_UNKNOWN)
			return NULL;
	}
	if ((fetch = STAILQ_FIRST(list)) == NULL)
		return NULL;
	STAILQ_REMOVE_HEAD(list, next);
	pool->queued--;
	pool->running++;
	if (!fetch->known)
		pool->running_unknown++;
	fetch->began = deadline_now();
	return fetch;
}

static void
done(struct fetch_pool *pool, struct fetch *fetch)
{
	uint64_t one = 1;

	pool->running--;
	if (!fetch->known)
		pool->running_unknown--;
	if (pool->left) {
		free(fetch);
		return;
	}
	pool->held = pool->held || fetch->outcome == FETCH_FAILED;
	STAILQ_INSERT_TAIL(&pool->done, fetch, next);
	if (write(pool->done_event, &one, sizeof(one)) != (ssize_t)sizeof(one))
		daemon_log_limited("fetch event", LOG_ERR, "a fetch's end can't be told");
}

/* wait_for_call: what to fetch, or NULL when the thread is to end. */
static struct fetch *
wait_for_call(struct fetch_pool *pool, struct worker *self)
{
	struct timespec limit;
	int problem = 0;

	SLIST_INSERT_HEAD(&pool->idle, self, next);
	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += IDLE_SECONDS;
	while (self->fetch == NULL && !pool->left) {
		if (problem == ETIMEDOUT && pool->threads > 1)
			break;
		if (problem == ETIMEDOUT)
			limit.tv_sec += IDLE_SECONDS;
		problem = pthread_cond_timedwait(&self->called, &pool->mutex, &limit);
	}
	if (self->fetch == NULL)
		SLIST_REMOVE(&pool->idle, self, worker, next);
	return self->fetch;
}

/* Without the mutex. */
static void *
run(void *context)
{
	struct worker *self = context;
	struct fetch_pool *pool = self->pool;
	struct store *store = NULL;
	struct fetch *fetch;
	bool abandoned;

	pthread_mutex_lock(&pool->mutex);
	while ((fetch = self->fetch) != NULL || (fetch = wait_for_call(pool, self)) != NULL) {
		pthread_mutex_unlock(&pool->mutex);
		fetch_run(pool->source, &store, fetch);
		pthread_mutex_lock(&pool->mutex);
		done(pool, fetch);
		self->fetch = take(pool);
	}
	pthread_mutex_unlock(&pool->mutex);
	store_close(store);
	pthread_cond_destroy(&self->called);
	free(self);

	pthread_mutex_lock(&pool->mutex);
	if (pool->left && pool->threads == 1) {
		/* Here, since it may have to wait for a source of credentials. */
		pthread_mutex_unlock(&pool->mutex);
		fetch_source_free(pool->source);
		pool->source = NULL;
		pthread_mutex_lock(&pool->mutex);
	}
	abandoned = --pool->threads == 0 && pool->abandoned;
	if (pool->threads == 0)
		pthread_cond_signal(&pool->left_alone);
	pthread_mutex_unlock(&pool->mutex);
	if (abandoned)
		pool_free(pool);
	return NULL;
}

/* start_thread: with what it is to fetch first. */
static int
start_thread(struct fetch_pool *pool, struct fetch *fetch)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	pthread_t thread;

	if (worker == NULL)
		return -1;
	worker->pool = pool;
	worker->fetch = fetch;
	condition_init(&worker->called);
	if (background_thread_start(&thread, THREAD_NAME, run, worker) != 0) {
		pthread_cond_destroy(&worker->called);
		free(worker);
		return -1;
	}
	pthread_detach(thread);
	pool->threads++;
	return 0;
}

/* call: hands a fetch to a thread that is idle, or to a new one. */
static int
call(struct fetch_pool *pool, struct fetch *fetch)
{
	struct worker *worker = SLIST_FIRST(&pool->idle);

	if (worker == NULL)
		return start_thread(pool, fetch);
	SLIST_REMOVE_HEAD(&pool->idle, next);
	worker->fetch = fetch;
	pthread_cond_signal(&worker->called);
	return 0;
}

/* dispatch: as many as may run now. Returns -1 when there is no thread for one that waits, nor any to come. */
static int
dispatch(struct fetch_pool *pool)
{
	struct fetch *fetch;

	while ((fetch = take(pool)) != NULL) {
		if (call(pool, fetch) == 0)
			continue;
		pool->running--;
		if (!fetch->known)
			pool->running_unknown--;
		fetch->began = 0;
		if (fetch->known)
			STAILQ_INSERT_HEAD(&pool->known, fetch, next);
		else
			STAILQ_INSERT_HEAD(&pool->unknown, fetch, next);
		pool->queued++;
		return pool->running > 0 ? 0 : -1;
	}
	return 0;
}

static struct fetch *
withdraw(struct fetch_pool *pool, struct fetch_list *list)
{
	struct fetch *fetch = STAILQ_FIRST(list);

	if (fetch != NULL) {
		STAILQ_REMOVE_HEAD(list, next);
		pool->queued--;
	}
	return fetch;
}

/* What the loop calls: without the mutex. */

bool
fetch_pool_add(struct fetch_pool *pool, struct fetch *fetch, struct fetch **pushed_out)
{
	struct fetch_list *list = fetch->known ? &pool->known : &pool->unknown;
	bool added = true;

	*pushed_out = NULL;
	pthread_mutex_lock(&pool->mutex);
	if (pool->queued >= FETCH_QUEUE_MAX && fetch->known)
		*pushed_out = withdraw(pool, &pool->unknown);
	if (pool->queued >= FETCH_QUEUE_MAX) {
		added = false;
	} else {
		STAILQ_INSERT_TAIL(list, fetch, next);
		pool->queued++;
		if (dispatch(pool) != 0) {
			STAILQ_REMOVE(list, fetch, fetch, next);
			pool->queued--;
			added = false;
		}
	}
	pthread_mutex_unlock(&pool->mutex);
	return added;
}

struct fetch *
fetch_pool_next(struct fetch_pool *pool)
{
	struct fetch *fetch;
	uint64_t count;

	pthread_mutex_lock(&pool->mutex);
	if ((fetch = STAILQ_FIRST(&pool->done)) != NULL)
		STAILQ_REMOVE_HEAD(&pool->done, next);
	else if (read(pool->done_event, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
		daemon_log_limited("fetch event", LOG_ERR, "a fetch's end can't be heard of");
	pthread_mutex_unlock(&pool->mutex);
	return fetch;
}

void
fetch_pool_go_on(struct fetch_pool *pool)
{
	pthread_mutex_lock(&pool->mutex);
	/* Unless another has failed since. */
	pool->held = !STAILQ_EMPTY(&pool->done);
	dispatch(pool);
	pthread_mutex_unlock(&pool->mutex);
}

struct fetch *
fetch_pool_withdraw(struct fetch_pool *pool)
{
	struct fetch *fetch;

	pthread_mutex_lock(&pool->mutex);
	if ((fetch = withdraw(pool, &pool->known)) == NULL)
		fetch = withdraw(pool, &pool->unknown);
	pthread_mutex_unlock(&pool->mutex);
	return fetch;
}

struct fetch *
fetch_pool_withdraw_unknown(struct fetch_pool *pool)
{
	struct fetch *fetch;

	pthread_mutex_lock(&pool->mutex);
	fetch = withdraw(pool, &pool->unknown);
	pthread_mutex_unlock(&pool->mutex);
	return fetch;
}

void
fetch_pool_one_more(struct fetch_pool *pool, bool one)
{
	pthread_mutex_lock(&pool->mutex);
	pool->limit = one && pool->running < FETCH_THREADS_MAX ? pool->running + 1 : FETCH_THREADS_MAX;
	dispatch(pool);
	pthread_mutex_unlock(&pool->mutex);
}

bool
fetch_pool_leave(struct fetch_pool *pool, int wait_ms)
{
	struct timespec limit;
	struct worker *worker;
	int problem = 0;
	bool ended;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_nsec += (long)wait_ms % 1000 * 1000000;
	limit.tv_sec += wait_ms / 1000 + limit.tv_nsec / 1000000000;
	limit.tv_nsec %= 1000000000;
	pthread_mutex_lock(&pool->mutex);
	pool->left = true;
	SLIST_FOREACH(worker, &pool->idle, next)
		pthread_cond_signal(&worker->called);
	while (pool->threads > 0 && problem == 0 && wait_ms > 0)
		problem = pthread_cond_timedwait(&pool->left_alone, &pool->mutex, &limit);
	ended = pool->threads == 0;
	pool->abandoned = !ended;
	pthread_mutex_unlock(&pool->mutex);
	if (ended)
		pool_free(pool);
	return ended;
}
