/*
 * The threads of an import: one lists the users page by page, some describe them, each with connections of its own. The
 * queues between them and the main thread are bounded, in users and in bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin_cmd/import/import_transfer.h"
#include "common/host/background_thread.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/wire/deadline.h"

#define FETCHERS    8
#define NAMES_MAX   500 /* listed and not yet asked for: two pages */
#define RESULTS_MAX 128
#define RESULT_BYTES_MAX (16u * 1024 * 1024)
#define PAGE        250  /* the service would give 1,000, of up to 8 KiB each */
#define PAGES_MAX   100000 /* however few users each brings */
#define TOKEN_MAX   6144 /* the API's own bound */
#define TAKE_MS     200
#define END_MS      2000

struct import_crew {
	struct import_crew_options options;
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* any of what follows */
	char (*names)[USER_NAME_MAX + 1];
	size_t name_first, name_count;
	struct import_fetched *results, **results_end;
	size_t result_count, result_bytes, skipped;
	unsigned at_work; /* threads that have not ended */
	bool listed, stopped, failed;
	struct api_error error; /* when failed */
	int64_t failed_by;      /* until then, what is under way may still come */

	pthread_t threads[FETCHERS + 1];
	struct store *stores[FETCHERS + 1]; /* the lister's is the last */
	struct store *local;                /* the lister's, for resuming */
	unsigned thread_count;
};

/* -- what goes between the threads -- */

/* The first failure counts; everybody ends. */
static void
fail(struct import_crew *crew, const struct api_error *error)
{
	pthread_mutex_lock(&crew->mutex);
	if (!crew->failed) {
		crew->error = *error;
		crew->failed_by = deadline_after(END_MS);
	}
	crew->failed = true;
	pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->mutex);
	import_pace_stop(&crew->options.remote->pace);
}

static bool
put_name(struct import_crew *crew, const char *name)
{
	size_t at;
	bool well;

	pthread_mutex_lock(&crew->mutex);
	while (crew->name_count == NAMES_MAX && !crew->stopped && !crew->failed)
		pthread_cond_wait(&crew->changed, &crew->mutex);
	well = !crew->stopped && !crew->failed;
	if (well) {
		at = (crew->name_first + crew->name_count++) % NAMES_MAX;
		snprintf(crew->names[at], sizeof(crew->names[at]), "%s", name);
		pthread_cond_broadcast(&crew->changed);
	}
	pthread_mutex_unlock(&crew->mutex);
	return well;
}

static bool
next_name(struct import_crew *crew, char name[USER_NAME_MAX + 1])
{
	bool there;

	pthread_mutex_lock(&crew->mutex);
	while (crew->name_count == 0 && !crew->listed && !crew->stopped && !crew->failed)
		pthread_cond_wait(&crew->changed, &crew->mutex);
	there = crew->name_count > 0 && !crew->stopped && !crew->failed;
	if (there) {
		memcpy(name, crew->names[crew->name_first], USER_NAME_MAX + 1);
		crew->name_first = (crew->name_first + 1) % NAMES_MAX;
		if (crew->name_count-- == NAMES_MAX)
			pthread_cond_broadcast(&crew->changed);
	}
	pthread_mutex_unlock(&crew->mutex);
	return there;
}

/* What was fetched is kept even when others have failed. */
static bool
put_result(struct import_crew *crew, struct import_fetched *fetched)
{
	bool well;

	pthread_mutex_lock(&crew->mutex);
	while ((crew->result_count >= RESULTS_MAX || crew->result_bytes >= RESULT_BYTES_MAX) && !crew->stopped)
		pthread_cond_wait(&crew->changed, &crew->mutex);
	well = !crew->stopped;
	if (well) {
		*crew->results_end = fetched;
		crew->results_end = &fetched->next;
		crew->result_bytes += fetched->bytes;
		if (crew->result_count++ == 0)
			pthread_cond_broadcast(&crew->changed);
	}
	pthread_mutex_unlock(&crew->mutex);
	if (!well)
		import_fetched_free(fetched);
	return well;
}

static void
has_ended(struct import_crew *crew, bool listed)
{
	pthread_mutex_lock(&crew->mutex);
	crew->at_work--;
	crew->listed = crew->listed || listed;
	pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->mutex);
}

/* -- fetching -- */

/* Whether the whole import can't go on, or only this user couldn't be had. */
static bool
is_everybodys(struct import_crew *crew, struct store *store, const struct api_error *error)
{
	struct import_remote *remote = crew->options.remote;
	cJSON *request, *response;
	struct api_error again;
	int result;

	switch (error->code) {
	case API_VALIDATION:
	case API_INVALID_REQUEST:
	case API_EXISTS:
	case API_CONFLICT:
	case API_SERIALIZATION:
		return false;
	case API_INTERNAL:
	case API_UNAVAILABLE:
		/* A service that answers others can't answer this. */
		request = import_remote_request(crew->options.from_server_id, NULL);
		result = import_remote_ask(remote, store, "DescribeServer", request, &response, &again);
		cJSON_Delete(request);
		if (result == 0)
			cJSON_Delete(response);
		return result != 0;
	default:
		return true;
	}
}

/* Returns false when there is nothing more to do. */
static bool
fetch(struct import_crew *crew, struct store *store, const char *name)
{
	struct import_fetched *fetched = import_fetched_new(name);
	cJSON *request = import_remote_request(crew->options.from_server_id, name), *response = NULL;
	struct api_error error;
	int result;

	if (fetched == NULL)
		result = api_fail_memory(&error);
	else
		result = import_remote_ask(crew->options.remote, store, "DescribeUser", request, &response, &error);
	cJSON_Delete(request);
	if (result == 0)
		import_fetched_judge(fetched, response, crew->options.server_id, crew->options.config);
	else if (result == -1 && error.code == API_NOT_FOUND && strcmp(error.resource_type, "Server") != 0)
		fetched->gone = true;
	else if (result == -1 && fetched != NULL && !is_everybodys(crew, store, &error))
		import_fetched_refuse(fetched, &error);
	else if (result == -1)
		fail(crew, &error);
	cJSON_Delete(response);
	if (result == 0 || (fetched != NULL && (fetched->gone || fetched->refused)))
		return put_result(crew, fetched);
	import_fetched_free(fetched);
	return false;
}

struct thread {
	struct import_crew *crew;
	struct store *store;
};

static void *
run_fetcher(void *context)
{
	struct thread thread = *(struct thread *)context;
	char name[USER_NAME_MAX + 1];

	free(context);
	while (next_name(thread.crew, name) && fetch(thread.crew, thread.store, name))
		;
	has_ended(thread.crew, false);
	return NULL;
}

/* -- listing -- */

static bool
refuse_name(struct import_crew *crew, const char *name)
{
	struct import_fetched *fetched;
	struct api_error error, shown;

	api_fail(&shown, API_OK, "%.*s", USER_NAME_MAX, name);
	api_fail(&error, API_VALIDATION, "ListUsers names a user by what can be no user's name");
	if ((fetched = import_fetched_new(shown.message)) == NULL) {
		api_fail_memory(&error);
		fail(crew, &error);
		return false;
	}
	import_fetched_refuse(fetched, &error);
	return put_result(crew, fetched);
}

/* Whether the local store has the user: 1 or 0; -1 when it can't be asked. */
static int
is_there(struct import_crew *crew, const char *name)
{
	struct store_login login;
	struct api_error error;
	int found;

	if (crew->local == NULL)
		return 0;
	found = store_find_by_name(crew->local, crew->options.server_id, name, &login, &error);
	if (found == -1)
		fail(crew, &error);
	return found;
}

static bool
take_listed(struct import_crew *crew, const cJSON *item)
{
	const char *name = record_json_string(item, "UserName");
	int there;

	if (name == NULL || strlen(name) > USER_NAME_MAX || !pattern_user_name(name))
		return refuse_name(crew, name == NULL ? "" : name);
	there = is_there(crew, name);
	if (there == 0)
		return put_name(crew, name);
	if (there == -1)
		return false;
	pthread_mutex_lock(&crew->mutex);
	crew->skipped++;
	pthread_mutex_unlock(&crew->mutex);
	return true;
}

/* Where a list has come to. */
struct place {
	char *token;   /* of the next page; NULL: there is none */
	char *earlier; /* one of before, a new one at each power of two of pages: what goes in circles comes to it again */
	size_t pages;
};

/* Returns what is wrong with a token, or NULL. */
static const char *
token_fault(const struct place *place, const char *next)
{
	if (strlen(next) > TOKEN_MAX)
		return "a page's NextToken is too long";
	if ((place->token != NULL && strcmp(next, place->token) == 0) ||
	    (place->earlier != NULL && strcmp(next, place->earlier) == 0))
		return "a page's NextToken leads to the same page";
	return place->pages == PAGES_MAX ? "it has pages without an end" : NULL;
}

/* Returns 0, or -1: no memory. */
static int
go_on(struct place *place, const char *next)
{
	char *token = next == NULL ? NULL : strdup(next);

	place->pages++;
	if ((place->pages & (place->pages - 1)) == 0) {
		free(place->earlier);
		place->earlier = place->token;
	} else {
		free(place->token);
	}
	place->token = token;
	return next != NULL && token == NULL ? -1 : 0;
}

/* Takes the page's users. False: nothing more to do. */
static bool
take_page(struct import_crew *crew, const cJSON *response, struct place *place)
{
	const char *next = record_json_string(response, "NextToken"), *fault = NULL;
	const cJSON *users = cJSON_GetObjectItemCaseSensitive(response, "Users"), *item;
	struct api_error error = { .code = API_OK };

	if (!cJSON_IsArray(users))
		fault = "the answer has no Users";
	else if (next != NULL)
		fault = token_fault(place, next);
	if (fault != NULL)
		api_fail(&error, API_UNAVAILABLE, "ListUsers: %s", fault);
	if (error.code != API_OK) {
		fail(crew, &error);
		return false;
	}
	cJSON_ArrayForEach(item, users)
		if (!take_listed(crew, item))
			return false;
	if (go_on(place, next) == 0)
		return true;
	api_fail_memory(&error);
	fail(crew, &error);
	return false;
}

static int
ask_page(struct import_crew *crew, struct store *store, const char *token, cJSON **response)
{
	cJSON *request = import_remote_request(crew->options.from_server_id, NULL);
	struct api_error error;
	int result;

	*response = NULL;
	if (request == NULL || cJSON_AddNumberToObject(request, "MaxResults", PAGE) == NULL ||
	    (token != NULL && cJSON_AddStringToObject(request, "NextToken", token) == NULL))
		result = api_fail_memory(&error);
	else
		result = import_remote_ask(crew->options.remote, store, "ListUsers", request, response, &error);
	cJSON_Delete(request);
	if (result == -1)
		fail(crew, &error);
	return result;
}

static void *
run_lister(void *context)
{
	struct thread thread = *(struct thread *)context;
	struct place place = { 0 };
	cJSON *response;
	bool well;

	free(context);
	do {
		well = ask_page(thread.crew, thread.store, place.token, &response) == 0 &&
		    take_page(thread.crew, response, &place);
		cJSON_Delete(response);
	} while (well && place.token != NULL);
	free(place.token);
	free(place.earlier);
	has_ended(thread.crew, well);
	return NULL;
}

/* -- the main thread's side -- */

static void
free_crew(struct import_crew *crew)
{
	struct import_fetched *fetched;
	size_t i;

	while ((fetched = crew->results) != NULL) {
		crew->results = fetched->next;
		import_fetched_free(fetched);
	}
	for (i = 0; i <= FETCHERS; i++)
		store_close(crew->stores[i]);
	store_close(crew->local);
	pthread_cond_destroy(&crew->changed);
	pthread_mutex_destroy(&crew->mutex);
	free(crew->names);
	free(crew);
}

static struct import_crew *
new_crew(const struct import_crew_options *options)
{
	struct import_crew *crew = calloc(1, sizeof(*crew));
	pthread_condattr_t monotonic;

	if (crew == NULL || (crew->names = calloc(NAMES_MAX, sizeof(*crew->names))) == NULL) {
		free(crew);
		return NULL;
	}
	crew->options = *options;
	crew->results_end = &crew->results;
	pthread_mutex_init(&crew->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&crew->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return crew;
}

static int
open_stores(struct import_crew *crew, struct api_error *error)
{
	size_t i;

	for (i = 0; i <= FETCHERS; i++)
		if (transfer_open(crew->options.remote->remote, &crew->stores[i], error) == -1)
			return -1;
	return crew->options.resume ? store_open(crew->options.config->store, STORE_READ, &crew->local, error) : 0;
}

static int
start_thread(struct import_crew *crew, struct store *store, const char *name, void *(*run)(void *))
{
	struct thread *thread = malloc(sizeof(*thread));

	if (thread == NULL)
		return -1;
	thread->crew = crew;
	thread->store = store;
	pthread_mutex_lock(&crew->mutex);
	crew->at_work++;
	pthread_mutex_unlock(&crew->mutex);
	if (background_thread_start(&crew->threads[crew->thread_count], name, run, thread) == 0) {
		crew->thread_count++;
		return 0;
	}
	pthread_mutex_lock(&crew->mutex);
	crew->at_work--;
	pthread_mutex_unlock(&crew->mutex);
	free(thread);
	return -1;
}

static int
start_threads(struct import_crew *crew, struct api_error *error)
{
	size_t i;

	if (start_thread(crew, crew->stores[FETCHERS], "list", run_lister) == -1)
		return api_fail(error, API_UNAVAILABLE, "can't start a thread: %s", strerror(errno));
	for (i = 0; i < FETCHERS; i++)
		if (start_thread(crew, crew->stores[i], "fetch", run_fetcher) == -1)
			break;
	/* Fewer will do, but for none. */
	return i > 0 ? 0 : api_fail(error, API_UNAVAILABLE, "can't start a thread: %s", strerror(errno));
}

struct import_crew *
import_crew_start(const struct import_crew_options *options)
{
	struct import_crew *crew = new_crew(options);
	struct api_error error;

	if (crew == NULL)
		fputs("berth import: no memory\n", stderr);
	if (crew == NULL || (open_stores(crew, &error) == 0 && start_threads(crew, &error) == 0))
		return crew;
	fprintf(stderr, "berth import: %s\n", error.message);
	import_crew_end(crew);
	return NULL;
}

int
import_crew_take(struct import_crew *crew, struct import_fetched **fetched, struct api_error *error)
{
	int64_t end = deadline_after(TAKE_MS);
	const struct timespec until = { end / 1000, end % 1000 * 1000000 };
	int result = 1;

	pthread_mutex_lock(&crew->mutex);
	while (crew->results == NULL && crew->at_work > 0 &&
	    pthread_cond_timedwait(&crew->changed, &crew->mutex, &until) == 0)
		;
	*fetched = crew->results;
	crew->results = NULL;
	crew->results_end = &crew->results;
	crew->result_count = crew->result_bytes = 0;
	pthread_cond_broadcast(&crew->changed);
	if (crew->failed && (crew->at_work == 0 || deadline_left(crew->failed_by) == 0)) {
		*error = crew->error;
		result = -1;
	} else if (crew->at_work == 0) {
		result = 0;
	}
	pthread_mutex_unlock(&crew->mutex);
	return result;
}

size_t
import_crew_skipped(struct import_crew *crew)
{
	size_t skipped;

	pthread_mutex_lock(&crew->mutex);
	skipped = crew->skipped;
	pthread_mutex_unlock(&crew->mutex);
	return skipped;
}

bool
import_crew_end(struct import_crew *crew)
{
	int64_t end = deadline_after(END_MS);
	const struct timespec until = { end / 1000, end % 1000 * 1000000 };
	unsigned i;

	pthread_mutex_lock(&crew->mutex);
	crew->stopped = true;
	pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->mutex);
	import_pace_stop(&crew->options.remote->pace);
	for (i = 0; i < crew->thread_count; i++)
		if (pthread_clockjoin_np(crew->threads[i], NULL, CLOCK_MONOTONIC, &until) != 0)
			return false;
	free_crew(crew);
	return true;
}
