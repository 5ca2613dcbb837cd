#include "common/store/transfer/credentials.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/host/background_thread.h"
#include "common/store/transfer/credentials_source.h"
#include "common/wire/deadline.h"

#define RENEW_BEFORE   300   /* seconds before they expire; of shorter-lived ones, a quarter of what is left */
#define RENEW_AGAIN_MS 10000 /* when that failed, at most */
#define FAILURE_MS     2000  /* for so long a failure is the answer of all that ask */
#define REJECTED_MS    2000  /* no oftener do rejections make the source be asked */
#define LOOK_MS        1000  /* no oftener are the files looked at */
#define SOURCE_COUNT   5

struct source {
	const char *name;
	credential_source *ask;
};

static const struct source SOURCES[SOURCE_COUNT] = {
	{ "environment", source_environment },
	{ "web identity", source_web_identity },
	{ "profile", source_profile },
	{ "container", source_container },
	{ "instance metadata", source_metadata },
};
static const struct source PROFILE_ALONE[] = { { "profile", source_profile } };
static credential_source source_given;
static const struct source GIVEN_ALONE[] = { { "given", source_given } };

/* Sources are asked by a thread of the chain's own: whoever has valid credentials never waits, and one that is slower than a
 * caller's deadline has an answer for the next. */
struct credential_chain {
	char *file, *profile, *region;
	const struct source *sources;
	size_t source_count;

	struct source_search search; /* the asking thread's, and nobody's lock */
	atomic_bool stop;

	pthread_mutex_t lock;        /* of all below */
	pthread_cond_t asked;        /* on CLOCK_MONOTONIC: `asking` has become false */
	pthread_t thread;
	bool started;                /* it is to be joined */
	bool asking;
	const char *now_asked;       /* which source; a constant */
	bool have;
	struct credentials kept;
	int64_t renew;               /* CLOCK_REALTIME, seconds; 0: never */
	int64_t not_before;          /* deadline.h's milliseconds: when the sources may be asked again after a failure */
	int64_t rejected_before;     /* until then rejections change nothing */
	int64_t looked;              /* at the files */
	struct source_file files[SOURCE_FILES_MAX];
	size_t file_count;
	struct api_error failure;
};

/* ---- one search ---- */

/* The options' own. */
static enum source_result
source_given(struct source_search *search, struct credentials *credentials)
{
	struct api_error error;

	if (search->given(search->given_context, credentials, &error) == 0)
		return SOURCE_FOUND;
	return source_say(search, SOURCE_FAILED, "%s", error.message);
}

static void
set_asked(struct credential_chain *chain, const char *name)
{
	pthread_mutex_lock(&chain->lock);
	chain->now_asked = name;
	pthread_mutex_unlock(&chain->lock);
}

static bool
has_expired(const struct credentials *credentials)
{
	return credentials->expires != 0 && time(NULL) >= credentials->expires;
}

/* Asks one source after the other; returns 0 or -1 with *error. */
static int
search_all(struct credential_chain *chain, struct credentials *credentials, struct api_error *error)
{
	struct source_search *search = &chain->search;
	enum source_result result = SOURCE_ABSENT;
	char tried[SOURCE_COUNT * (sizeof(search->why) + 2)];
	size_t length = 0;

	search->file_count = 0;
	for (size_t i = 0; i < chain->source_count && result == SOURCE_ABSENT; i++) {
		set_asked(chain, chain->sources[i].name);
		search->why[0] = '\0';
		result = chain->sources[i].ask(search, credentials);
		if (result == SOURCE_FOUND && has_expired(credentials))
			result = source_say(search, SOURCE_FAILED, "%s: its credentials have expired already",
			    chain->sources[i].name);
		if (result == SOURCE_FOUND && chain->sources[i].ask != source_profile)
			search->file_count = 0;
		length += (size_t)snprintf(tried + length, sizeof(tried) - length, "%s%s", i == 0 ? "" : "; ", search->why);
	}
	if (result == SOURCE_FOUND)
		return 0;
	explicit_bzero(credentials, sizeof(*credentials));
	return api_fail(error, API_ACCESS_DENIED, "No credentials for the store: %s", tried);
}

/* ---- what is kept ---- */

static void
keep(struct credential_chain *chain, const struct credentials *credentials)
{
	int64_t before = (credentials->expires - time(NULL)) / 4;

	chain->kept = *credentials;
	chain->have = true;
	chain->not_before = 0;
	chain->renew = 0;
	/* For one who waited for them and comes too late. */
	api_fail(&chain->failure, API_ACCESS_DENIED,
	    "No credentials for the store: the last ones have expired or were refused");
	if (credentials->expires != 0)
		chain->renew = credentials->expires - (before < 1 ? 1 : before < RENEW_BEFORE ? before : RENEW_BEFORE);
}

static void
keep_failure(struct credential_chain *chain, const struct api_error *error)
{
	int64_t left, wait = FAILURE_MS;

	chain->failure = *error;
	/* Those that are kept are valid for as long as they were. */
	if (chain->have && !has_expired(&chain->kept) && chain->kept.expires != 0) {
		left = (chain->kept.expires - time(NULL)) * 1000 / 4;
		wait = left < 1000 ? 1000 : left < RENEW_AGAIN_MS ? left : RENEW_AGAIN_MS;
	}
	chain->not_before = deadline_after((int)wait);
}

static void *
ask(void *context)
{
	struct credential_chain *chain = context;
	struct credentials credentials;
	struct api_error error;
	int rc = search_all(chain, &credentials, &error);

	pthread_mutex_lock(&chain->lock);
	if (rc == 0)
		keep(chain, &credentials);
	else
		keep_failure(chain, &error);
	memcpy(chain->files, chain->search.files, sizeof(chain->files));
	chain->file_count = chain->search.file_count;
	chain->looked = deadline_now();
	chain->asking = false;
	pthread_cond_broadcast(&chain->asked);
	pthread_mutex_unlock(&chain->lock);
	explicit_bzero(&credentials, sizeof(credentials));
	return NULL;
}

/* Returns 0, or -1 with errno. */
static int
start_asking(struct credential_chain *chain)
{
	if (chain->started)
		pthread_join(chain->thread, NULL); /* at its end already */
	chain->started = false;
	chain->now_asked = chain->sources[0].name;
	if (background_thread_start(&chain->thread, "credentials", ask, chain) == -1)
		return -1;
	chain->started = true;
	chain->asking = true;
	return 0;
}

/* ---- when it is asked ---- */

static bool
file_has_changed(const struct source_file *file)
{
	const struct stat *was = &file->status;
	struct stat is;

	if (stat(file->path, &is) == -1)
		return was->st_ino != 0;
	return is.st_dev != was->st_dev || is.st_ino != was->st_ino || is.st_size != was->st_size ||
	    is.st_mtim.tv_sec != was->st_mtim.tv_sec || is.st_mtim.tv_nsec != was->st_mtim.tv_nsec ||
	    is.st_ctim.tv_sec != was->st_ctim.tv_sec || is.st_ctim.tv_nsec != was->st_ctim.tv_nsec;
}

static bool
files_have_changed(struct credential_chain *chain)
{
	int64_t now = deadline_now();

	if (now - chain->looked < LOOK_MS)
		return false;
	chain->looked = now;
	for (size_t i = 0; i < chain->file_count; i++)
		if (file_has_changed(&chain->files[i]))
			return true;
	return false;
}

/* Those that are kept are valid: may there be better ones? */
static bool
is_due(struct credential_chain *chain)
{
	if (chain->renew != 0 && time(NULL) >= chain->renew && deadline_now() >= chain->not_before)
		return true;
	return files_have_changed(chain);
}

/* Until nobody asks any more. Returns 0, or -1 when that takes longer than until the deadline. */
static int
wait_asked(struct credential_chain *chain, int64_t deadline)
{
	struct timespec until = { .tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000 };

	while (chain->asking)
		if (pthread_cond_timedwait(&chain->asked, &chain->lock, &until) == ETIMEDOUT && chain->asking)
			return -1;
	return 0;
}

static int
get(struct credential_chain *chain, int64_t deadline, struct credentials *credentials, struct api_error *error)
{
	bool waited = false;

	for (;;) {
		if (chain->have && !has_expired(&chain->kept)) {
			if (!chain->asking && is_due(chain))
				(void)start_asking(chain); /* without a thread now, there may be one the next time */
			*credentials = chain->kept;
			return 0;
		}
		if (!chain->asking && (waited || deadline_now() < chain->not_before)) {
			*error = chain->failure;
			return -1;
		}
		if (!chain->asking && start_asking(chain) == -1)
			return api_fail(error, API_ACCESS_DENIED, "No credentials for the store: %s", strerror(errno));
		if (wait_asked(chain, deadline) == -1)
			return api_fail(error, API_ACCESS_DENIED, "No credentials for the store: %s: no answer in time",
			    chain->now_asked);
		waited = true;
	}
}

int
credential_chain_get(struct credential_chain *chain, int64_t deadline, struct credentials *credentials,
    struct api_error *error)
{
	int rc;

	pthread_mutex_lock(&chain->lock);
	rc = get(chain, deadline, credentials, error);
	pthread_mutex_unlock(&chain->lock);
	return rc;
}

static bool
same(const struct credentials *one, const struct credentials *other)
{
	return strcmp(one->access_key_id, other->access_key_id) == 0 &&
	    strcmp(one->secret_access_key, other->secret_access_key) == 0 &&
	    strcmp(one->session_token, other->session_token) == 0;
}

void
credential_chain_rejected(struct credential_chain *chain, const struct credentials *credentials)
{
	pthread_mutex_lock(&chain->lock);
	/* A source that has no others must not be asked at every call. */
	if (chain->have && same(&chain->kept, credentials) && deadline_now() >= chain->rejected_before) {
		chain->have = false;
		chain->not_before = 0;
		chain->rejected_before = deadline_after(REJECTED_MS);
		explicit_bzero(&chain->kept, sizeof(chain->kept));
	}
	pthread_mutex_unlock(&chain->lock);
}

/* ---- its life ---- */

static char *
copy(const char *text, bool *no_memory)
{
	char *made = text == NULL ? NULL : strdup(text);

	*no_memory = *no_memory || (text != NULL && made == NULL);
	return made;
}

static void
set_up_lock(struct credential_chain *chain)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&chain->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&chain->asked, &attributes);
	pthread_condattr_destroy(&attributes);
}

struct credential_chain *
credential_chain_new(const struct credential_options *options)
{
	struct credential_chain *chain = calloc(1, sizeof(*chain));
	bool alone = options->file != NULL || options->profile != NULL, no_memory = false;

	if (chain == NULL)
		return NULL;
	set_up_lock(chain);
	chain->file = copy(options->file, &no_memory);
	chain->profile = copy(options->profile, &no_memory);
	chain->region = copy(options->region, &no_memory);
	chain->sources = options->source != NULL ? GIVEN_ALONE : alone ? PROFILE_ALONE : SOURCES;
	chain->source_count = options->source != NULL || alone ? 1 : SOURCE_COUNT;
	chain->search = (struct source_search){ .file = chain->file, .profile = chain->profile, .region = chain->region,
		.given = options->source, .given_context = options->source_context,
		.client = http_client_new(), .stop = &chain->stop };
	if (!no_memory && chain->search.client != NULL)
		return chain;
	credential_chain_free(chain);
	return NULL;
}

void
credential_chain_free(struct credential_chain *chain)
{
	if (chain == NULL)
		return;
	atomic_store(&chain->stop, true);
	if (chain->started)
		pthread_join(chain->thread, NULL);
	http_client_free(chain->search.client);
	pthread_cond_destroy(&chain->asked);
	pthread_mutex_destroy(&chain->lock);
	free(chain->file);
	free(chain->profile);
	free(chain->region);
	explicit_bzero(chain, sizeof(*chain));
	free(chain);
}
