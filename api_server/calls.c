/*
 * A pool of stores for those who read, and a thread with one store for those who write.
 */
#include "api_server/calls.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/host/background_thread.h"
#include "common/host/daemon_log.h"
#include "common/model/operations.h"
#include "common/store/store.h"
#include "common/wire/deadline.h"

#define LOOK_MS      1000 /* a stat(2) for every call would be felt */
#define READERS_KEPT 8
#define BATCH_CALLS  64
#define BATCH_MS     200 /* other processes' writers wait so long, and a commit */
/* After so long without a rest the writer takes one: who waits for the lock looks every two milliseconds, and would see it
 * free by chance alone. */
#define BUSY_MS      200
#define REST_MS      5

#define ANY_SERVER "s-00000000000000000"

/* An open store. */
struct handle {
	SLIST_ENTRY(handle) next;
	struct store *store; /* NULL: not open */
	char *spec;
	int64_t looked;      /* when it was asked whether it has moved: milliseconds of CLOCK_MONOTONIC */
};

STAILQ_HEAD(call_list, call);

struct calls {
	pthread_mutex_t mutex;
	SLIST_HEAD(handle_list, handle) readers; /* those that nobody uses now */
	size_t reader_count;                     /* of these */
	struct call_list waiting;
	pthread_cond_t wake; /* there is something in `waiting`, or: */
	bool stop;
	unsigned long writes, commits;
	int64_t began; /* when the writer took what it does now: milliseconds of CLOCK_MONOTONIC; 0: it waits */

	/* The writer's own. */
	pthread_t thread;
	struct handle writer;
	int64_t rested; /* when others last had time for the writer's lock: milliseconds of CLOCK_MONOTONIC */
};

/* -- stores ------------------------------------------------------------------------------------------------------------ */

static void
handle_close(struct handle *handle)
{
	store_close(handle->store);
	handle->store = NULL;
	free(handle->spec);
	handle->spec = NULL;
}

static int
handle_open(struct handle *handle, const char *spec, enum store_mode mode, struct api_error *error)
{
	handle->spec = strdup(spec);
	if (handle->spec == NULL)
		return api_fail_memory(error);
	if (store_open(spec, mode, &handle->store, error) == 0) {
		handle->looked = deadline_now();
		return 0;
	}
	handle_close(handle);
	return -1;
}

/* handle_fits: whether it is what the specification leads to; looks at most so often. */
static bool
handle_fits(struct handle *handle, const char *spec, int64_t look_ms)
{
	int64_t now = deadline_now();

	if (handle->store == NULL || strcmp(handle->spec, spec) != 0)
		return false;
	if (now - handle->looked < look_ms)
		return true;
	handle->looked = now;
	return !store_moved(handle->store);
}

/* conceal: a store's troubles are for the log: their text names this host's files. */
static void
conceal(const char *operation, struct api_error *error)
{
	if (error->code != API_UNAVAILABLE && error->code != API_INTERNAL)
		return;
	daemon_log_limited(error->message, LOG_ERR, "call failed: operation=%s result=%s reason=\"%s\"", operation,
	    api_error_name(error->code), error->message);
	if (error->code == API_UNAVAILABLE)
		api_fail(error, API_UNAVAILABLE, "The store can't be read or written now; berth-api's log says why");
	else
		api_fail(error, API_INTERNAL, "What the store holds can't be read; berth-api's log says why");
}

/* unopened: whatever kept a store from being opened, it isn't the caller's mistake. */
static int
unopened(struct api_error *error)
{
	error->code = API_UNAVAILABLE;
	return -1;
}

/* -- calls ------------------------------------------------------------------------------------------------------------- */

/* perform: the operation itself; the error is the store's own still. */
static void
perform(struct call *call, struct store *store)
{
	const struct operation_context context = { .store = store, .config = call->config };

	call->result = operation_call(&context, operation_name(call->operation), call->request, &call->response, &call->error);
}

static void
refuse(struct call *call, const struct api_error *error)
{
	cJSON_Delete(call->response);
	call->response = NULL;
	call->error = *error;
	call->result = -1;
}

static void
finish(struct call *call)
{
	if (call->result == -1)
		conceal(operation_name(call->operation), &call->error);
}

/* -- readers ----------------------------------------------------------------------------------------------------------- */

static struct handle *
pop_reader(struct calls *calls)
{
	struct handle *reader;

	pthread_mutex_lock(&calls->mutex);
	reader = SLIST_FIRST(&calls->readers);
	if (reader != NULL) {
		SLIST_REMOVE_HEAD(&calls->readers, next);
		calls->reader_count--;
	}
	pthread_mutex_unlock(&calls->mutex);
	return reader;
}

static void
free_reader(struct handle *reader)
{
	handle_close(reader);
	free(reader);
}

/* take_reader: one that fits, opened when there is none; NULL with *error. */
static struct handle *
take_reader(struct calls *calls, const struct config *config, struct api_error *error)
{
	struct handle *reader;

	while ((reader = pop_reader(calls)) != NULL) {
		if (handle_fits(reader, config->store, LOOK_MS))
			return reader;
		free_reader(reader);
	}
	reader = calloc(1, sizeof(*reader));
	if (reader == NULL) {
		api_fail_memory(error);
	} else if (handle_open(reader, config->store, STORE_READ, error) == -1) {
		unopened(error);
		free(reader);
		reader = NULL;
	}
	return reader;
}

/* give_back: unless the store has failed, or enough are kept. */
static void
give_back(struct calls *calls, struct handle *reader, bool failed)
{
	bool kept = false;

	pthread_mutex_lock(&calls->mutex);
	if (!failed && calls->reader_count < READERS_KEPT) {
		SLIST_INSERT_HEAD(&calls->readers, reader, next);
		calls->reader_count++;
		kept = true;
	}
	pthread_mutex_unlock(&calls->mutex);
	if (!kept)
		free_reader(reader);
}

static bool
has_failed(const struct call *call)
{
	return call->result == -1 && call->error.code == API_UNAVAILABLE;
}

static void
run_read(struct calls *calls, struct call *call)
{
	struct api_error error;
	struct handle *reader = take_reader(calls, call->config, &error);

	if (reader == NULL) {
		refuse(call, &error);
	} else {
		perform(call, reader->store);
		give_back(calls, reader, has_failed(call));
	}
	finish(call);
}

bool
calls_ready(struct calls *calls, const struct config *config)
{
	struct api_error error;
	struct handle *reader = take_reader(calls, config, &error);
	bool online, failed = true;

	if (reader != NULL) {
		failed = store_find_server(reader->store, ANY_SERVER, &online, &error) == -1;
		give_back(calls, reader, failed);
	}
	if (failed)
		conceal("health", &error);
	return !failed;
}

/* -- the writer -------------------------------------------------------------------------------------------------------- */

/* open_writer: as the call needs it: some make a store where there is none. */
static int
open_writer(struct calls *calls, const struct call *call, struct api_error *error)
{
	struct handle *writer = &calls->writer;
	bool makes = operation_makes_store(operation_name(call->operation));

	/* Each time: next to a commit the look costs nothing, and what is written to a store that was replaced is refused. */
	if (handle_fits(writer, call->config->store, 0))
		return 0;
	handle_close(writer);
	if (handle_open(writer, call->config->store, makes ? STORE_CREATE : STORE_WRITE, error) == 0)
		return 0;
	return unopened(error);
}

/* wait_for_call: with the mutex held. */
static void
wait_for_call(struct calls *calls)
{
	int64_t since = deadline_now();

	while (STAILQ_EMPTY(&calls->waiting) && !calls->stop)
		pthread_cond_wait(&calls->wake, &calls->mutex);
	if (deadline_now() - since >= REST_MS)
		calls->rested = deadline_now();
}

/* take_waiting: those that wait, as far as they are of one store; waits for the first. False when all is done. */
static bool
take_waiting(struct calls *calls, struct call_list *batch)
{
	const char *spec = NULL;
	struct call *call;
	size_t count = 0;

	pthread_mutex_lock(&calls->mutex);
	calls->began = 0;
	wait_for_call(calls);
	calls->began = deadline_now();
	while ((call = STAILQ_FIRST(&calls->waiting)) != NULL && count++ < BATCH_CALLS) {
		if (spec != NULL && strcmp(spec, call->config->store) != 0)
			break;
		spec = call->config->store;
		STAILQ_REMOVE_HEAD(&calls->waiting, waiting);
		STAILQ_INSERT_TAIL(batch, call, waiting);
	}
	pthread_mutex_unlock(&calls->mutex);
	return spec != NULL;
}

/* put_back: those that the batch had no time for, before all others. */
static void
put_back(struct calls *calls, struct call_list *rest)
{
	pthread_mutex_lock(&calls->mutex);
	STAILQ_CONCAT(rest, &calls->waiting);
	STAILQ_CONCAT(&calls->waiting, rest);
	pthread_mutex_unlock(&calls->mutex);
}

static void
count_commit(struct calls *calls, unsigned long writes)
{
	pthread_mutex_lock(&calls->mutex);
	calls->writes += writes;
	calls->commits += writes > 0;
	pthread_mutex_unlock(&calls->mutex);
}

/* end_batch: commits, if there is anything to. When that fails, nothing of it was done. */
static void
end_batch(struct calls *calls, struct call_list *done, unsigned long writes)
{
	struct api_error error;
	struct call *call;

	if (writes == 0) {
		store_abandon(calls->writer.store);
		return;
	}
	if (store_commit(calls->writer.store, &error) == 0) {
		count_commit(calls, writes);
		return;
	}
	STAILQ_FOREACH(call, done, waiting)
		if (call->result == 0)
			refuse(call, &error);
}

/* perform_all: moves calls from the batch to those done until there is none left, or no time. */
static void
perform_all(struct calls *calls, struct call_list *batch, struct call_list *done)
{
	int64_t deadline = deadline_after(BATCH_MS);
	unsigned long writes = 0;
	struct call *call;

	while ((call = STAILQ_FIRST(batch)) != NULL && (STAILQ_EMPTY(done) || deadline_left(deadline) > 0)) {
		STAILQ_REMOVE_HEAD(batch, waiting);
		perform(call, calls->writer.store);
		writes += call->result == 0;
		STAILQ_INSERT_TAIL(done, call, waiting);
	}
	end_batch(calls, done, writes);
}

/* perform_one: by itself, which the store commits. */
static void
perform_one(struct calls *calls, struct call_list *batch, struct call_list *done)
{
	struct call *call = STAILQ_FIRST(batch);

	STAILQ_REMOVE_HEAD(batch, waiting);
	perform(call, calls->writer.store);
	count_commit(calls, call->result == 0);
	STAILQ_INSERT_TAIL(done, call, waiting);
}

/* refuse_first: the store can't be had for this call. */
static void
refuse_first(struct call_list *batch, struct call_list *done, const struct api_error *error)
{
	struct call *call = STAILQ_FIRST(batch);

	STAILQ_REMOVE_HEAD(batch, waiting);
	refuse(call, error);
	STAILQ_INSERT_TAIL(done, call, waiting);
}

static void
run_batch(struct calls *calls, struct call_list *batch, struct call_list *done)
{
	struct api_error error;

	if (open_writer(calls, STAILQ_FIRST(batch), &error) == -1) {
		refuse_first(batch, done, &error);
	} else if (STAILQ_NEXT(STAILQ_FIRST(batch), waiting) == NULL) {
		perform_one(calls, batch, done);
	} else if (store_begin(calls->writer.store, &error) == 0) {
		perform_all(calls, batch, done);
	} else {
		/* It has waited for another process long enough for all of them. */
		while (!STAILQ_EMPTY(batch))
			refuse_first(batch, done, &error);
	}
}

/* answer: who is told frees the call. */
static void
answer(struct calls *calls, struct call_list *done)
{
	struct call *call;
	bool failed = false;

	while ((call = STAILQ_FIRST(done)) != NULL) {
		STAILQ_REMOVE_HEAD(done, waiting);
		failed = failed || has_failed(call);
		finish(call);
		call->done(call);
	}
	if (failed)
		handle_close(&calls->writer);
}

/* rest: leaves the lock to others, if it is time to. What comes in meanwhile makes the next batch larger. */
static void
rest(struct calls *calls)
{
	const struct timespec pause = { .tv_nsec = REST_MS * 1000000L };

	if (deadline_now() - calls->rested < BUSY_MS)
		return;
	nanosleep(&pause, NULL);
	calls->rested = deadline_now();
}

static void *
run_writer(void *context)
{
	struct call_list batch = STAILQ_HEAD_INITIALIZER(batch), done = STAILQ_HEAD_INITIALIZER(done);
	struct calls *calls = context;

	while (take_waiting(calls, &batch)) {
		run_batch(calls, &batch, &done);
		put_back(calls, &batch);
		answer(calls, &done);
		rest(calls);
	}
	return NULL;
}

/* -- from outside ------------------------------------------------------------------------------------------------------ */

struct calls *
calls_start(void)
{
	struct calls *calls = calloc(1, sizeof(*calls));
	int problem;

	if (calls == NULL)
		return NULL;
	pthread_mutex_init(&calls->mutex, NULL);
	pthread_cond_init(&calls->wake, NULL);
	SLIST_INIT(&calls->readers);
	STAILQ_INIT(&calls->waiting);
	if (background_thread_start(&calls->thread, "api-writer", run_writer, calls) == 0)
		return calls;
	problem = errno;
	pthread_cond_destroy(&calls->wake);
	pthread_mutex_destroy(&calls->mutex);
	free(calls);
	errno = problem;
	return NULL;
}

bool
calls_run(struct calls *calls, struct call *call)
{
	call->result = 0;
	call->response = NULL;
	call->error.code = API_OK;
	if (!operation_writes(operation_name(call->operation))) {
		run_read(calls, call);
		return true;
	}
	pthread_mutex_lock(&calls->mutex);
	STAILQ_INSERT_TAIL(&calls->waiting, call, waiting);
	pthread_cond_signal(&calls->wake);
	pthread_mutex_unlock(&calls->mutex);
	return false;
}

int64_t
calls_writing(struct calls *calls)
{
	int64_t began;

	pthread_mutex_lock(&calls->mutex);
	began = calls->began;
	pthread_mutex_unlock(&calls->mutex);
	return began != 0 ? deadline_now() - began : 0;
}

void
calls_count(struct calls *calls, unsigned long *writes, unsigned long *commits)
{
	pthread_mutex_lock(&calls->mutex);
	*writes = calls->writes;
	*commits = calls->commits;
	pthread_mutex_unlock(&calls->mutex);
}

void
calls_stop(struct calls *calls)
{
	struct handle *reader;

	if (calls == NULL)
		return;
	pthread_mutex_lock(&calls->mutex);
	calls->stop = true;
	pthread_cond_signal(&calls->wake);
	pthread_mutex_unlock(&calls->mutex);
	pthread_join(calls->thread, NULL);
	handle_close(&calls->writer);
	while ((reader = pop_reader(calls)) != NULL)
		free_reader(reader);
	pthread_cond_destroy(&calls->wake);
	pthread_mutex_destroy(&calls->mutex);
	free(calls);
}
