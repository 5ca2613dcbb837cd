#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/metrics.h"
#include "agent/remote/remote_private.h"
#include "common/host/daemon_log.h"
#include "common/wire/deadline.h"

#define MISSING_MS_MAX 5000
#define FAILED_MS      1000
#define SPARED_SECONDS_MAX 60

static unsigned
any_number(void)
{
	unsigned number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
		number = (unsigned)deadline_now();
	return number;
}

static struct remote_job *
find_job(struct remote *remote, const char *name)
{
	struct remote_job *job;

	LIST_FOREACH(job, &remote->jobs[name_hash(name) % REMOTE_BUCKETS], next) {
		if (strcmp(job->fetch.user_name, name) == 0)
			return job;
	}
	return NULL;
}

/* verdict_on: what a fetch's outcome is to one who waits for it. */
static enum remote_verdict
verdict_on(struct remote *remote, const struct fetch *fetch, bool stale)
{
	switch (fetch->outcome) {
	case FETCH_DONE:
		return REMOTE_SERVE;
	case FETCH_MISSING:
		return REMOTE_MISSING;
	case FETCH_NOT_KEPT:
	case FETCH_UNUSABLE:
		return REMOTE_UNAVAILABLE;
	case FETCH_FAILED:
	case FETCH_REFUSED:
		break;
	}
	return remote_fall_back(remote, fetch->user_name, stale);
}

/* job_over: who waits for it alone is called back. Frees it. */
static void
job_over(struct remote *remote, struct remote_job *job)
{
	struct remote_wait_part *part;

	LIST_REMOVE(job, next);
	while ((part = LIST_FIRST(&job->parts)) != NULL)
		remote_part_over(part, verdict_on(remote, &job->fetch, part->stale));
	free(job);
}

struct remote_job *
remote_fetch(struct remote *remote, const char *name, bool known)
{
	struct remote_job *job = find_job(remote, name);
	struct fetch *pushed_out;

	if (job != NULL)
		return job;
	if (remote->reader.damaged) {
		remote->reader.damaged = false;
		fetch_source_damaged(remote->source);
	}
	if ((job = calloc(1, sizeof(*job))) == NULL)
		return NULL;
	snprintf(job->fetch.user_name, sizeof(job->fetch.user_name), "%s", name);
	job->fetch.known = known;
	LIST_INIT(&job->parts);
	if (!fetch_pool_add(remote->pool, &job->fetch, &pushed_out)) {
		free(job);
		job = NULL;
	} else {
		LIST_INSERT_HEAD(&remote->jobs[name_hash(name) % REMOTE_BUCKETS], job, next);
	}
	if (job == NULL || pushed_out != NULL)
		daemon_log_limited("fetch queue", LOG_WARNING, "too many records are to be fetched at once: max=%d",
		    FETCH_QUEUE_MAX);
	if (pushed_out != NULL) {
		pushed_out->outcome = FETCH_FAILED;
		job_over(remote, (struct remote_job *)pushed_out);
	}
	return job;
}

/* say_down: once, and again when it is of another kind. */
static void
say_down(struct remote *remote, enum api_code code)
{
	char topic[32];

	if (remote->said_down && remote->said_code == code)
		return;
	snprintf(topic, sizeof(topic), "store down %d", (int)code);
	if (!daemon_log_limited(topic, LOG_ERR,
	    "store can't be asked, what is cached is served: store=%s pause_ms=%" PRId64 " reason=\"%s\"", remote->spec,
	    remote->breaker.until - deadline_now(), remote->reason))
		return;
	remote->said_down = true;
	remote->said_code = code;
}

/* trip: nobody is asked for a moment; who would be next isn't either. */
static void
trip(struct remote *remote, const struct fetch *why)
{
	int64_t now = deadline_now();
	struct timeval pause;
	struct fetch *fetch;
	int64_t left;

	snprintf(remote->reason, sizeof(remote->reason), "%s", why->reason);
	remote->tripped = now;
	remote->slow = false;
	breaker_failed(&remote->breaker, now, why->retry_after, any_number());
	say_down(remote, why->code);
	left = remote->breaker.until - now;
	pause.tv_sec = left / 1000;
	pause.tv_usec = left % 1000 * 1000;
	evtimer_add(remote->retry, &pause);
	while ((fetch = fetch_pool_withdraw(remote->pool)) != NULL) {
		fetch->outcome = FETCH_FAILED;
		job_over(remote, (struct remote_job *)fetch);
	}
}

/* remember: until somebody drops records from the cache, which is to ask for everything anew. */
static void
remember(struct remote *remote, const char *name, enum remembered_what what, unsigned milliseconds)
{
	if (cache_reader_dropped(&remote->reader))
		remembered_forget_all(&remote->remembered);
	remembered_put(&remote->remembered, name, what, deadline_now() + milliseconds);
}

/* note_refusal: this record can't be had for a moment, though others can. */
static void
note_refusal(struct remote *remote, const struct fetch *fetch)
{
	char topic[USER_NAME_MAX + 16];

	snprintf(topic, sizeof(topic), "not fetched %s", fetch->user_name);
	remember(remote, fetch->user_name, REMEMBERED_FAILED, FAILED_MS);
	daemon_log_limited(topic, LOG_ERR, "record can't be fetched: user=%s reason=\"%s\"", fetch->user_name,
	    fetch->reason);
}

/*
 * spare_unknown: who isn't let ask for some names, or has asked for too many, and it was one that may be nobody's: anybody
 * can make such questions, and what comes of them mustn't keep users' records from being fetched, or an old one would be
 * served to one whose key was taken away. Whether it isn't these names alone, the server's own record tells.
 */
static void
spare_unknown(struct remote *remote, const struct fetch *why)
{
	unsigned pause = why->retry_after < SPARED_SECONDS_MAX ? why->retry_after : SPARED_SECONDS_MAX;
	struct fetch *fetch;

	daemon_log_limited("spared", LOG_WARNING, "the store doesn't answer for a name that isn't cached; such names aren't "
	    "asked for: pause_s=%u reason=\"%s\"", pause > 0 ? pause : 1, why->reason);
	remote->spared = deadline_now() + (int64_t)(pause > 0 ? pause : 1) * 1000;
	while ((fetch = fetch_pool_withdraw_unknown(remote->pool)) != NULL) {
		fetch->outcome = FETCH_FAILED;
		job_over(remote, (struct remote_job *)fetch);
	}
	if (why->code == API_ACCESS_DENIED)
		remote_fetch(remote, REMOTE_SERVER, true);
}

static bool
is_of_unknown(const struct fetch *fetch)
{
	return !fetch->known && fetch->user_name[0] != '\0' &&
	    (fetch->code == API_ACCESS_DENIED || fetch->code == API_THROTTLING);
}

/*
 * note_failure: a store that has answered others since this was asked is well, and the trouble is this record's; but one
 * that asks us to go slower means us. What began before it was last found not to answer says nothing new.
 */
static void
note_failure(struct remote *remote, const struct fetch *fetch)
{
	bool probe = remote->breaker.state == BREAKER_PROBING && fetch->user_name[0] == '\0';

	if (fetch->began < remote->tripped && fetch->retry_after == 0 && !probe)
		return;
	if (is_of_unknown(fetch) && remote->breaker.state == BREAKER_UP) {
		spare_unknown(remote, fetch);
		return;
	}
	if (fetch->began >= remote->succeeded || fetch->retry_after > 0) {
		trip(remote, fetch);
		return;
	}
	note_refusal(remote, fetch);
}

static void
note_answer(struct remote *remote)
{
	remote->succeeded = deadline_now();
	remote->slow = false;
	cache_reader_written(&remote->reader);
	if (breaker_succeeded(&remote->breaker)) {
		evtimer_del(remote->retry);
		fetch_pool_one_more(remote->pool, false);
	}
	if (remote->said_down || !remote->said_up)
		daemon_log(LOG_INFO, "store answers%s: store=%s server=%s", remote->said_down ? " again" : "", remote->spec,
		    remote->server_id);
	remote->said_up = true;
	remote->said_down = false;
}

static void
note_missing(struct remote *remote, const struct fetch *fetch)
{
	remember(remote, fetch->user_name, REMEMBERED_MISSING,
	    remote->cache_ms < MISSING_MS_MAX ? remote->cache_ms : MISSING_MS_MAX);
	if (fetch->user_name[0] == '\0')
		daemon_log_limited("missing server", LOG_ERR, "the store has no such server: store=%s server=%s", remote->spec,
		    remote->server_id);
}

/* note_not_kept: what is in the cache is known to be of the past. */
static void
note_not_kept(struct remote *remote, const struct fetch *fetch)
{
	if (fetch->known)
		outdated_add(&remote->outdated, fetch->user_name, deadline_now());
	daemon_log_limited("not kept", LOG_ERR, "the cache can't be written: file=%s user=%s reason=\"%s\"", remote->file,
	    fetch->user_name, fetch->reason);
}

static void
note(struct remote *remote, const struct fetch *fetch)
{
	if (fetch->outcome == FETCH_FAILED) {
		note_failure(remote, fetch);
		return;
	}
	note_answer(remote);
	remembered_forget(&remote->remembered, fetch->user_name);
	if (fetch->outcome == FETCH_REFUSED) {
		note_refusal(remote, fetch);
		return;
	}
	if (fetch->outcome == FETCH_MISSING)
		note_missing(remote, fetch);
	if (fetch->outcome == FETCH_NOT_KEPT || fetch->missing_kept)
		note_not_kept(remote, fetch);
	else
		outdated_remove(&remote->outdated, fetch->user_name);
	if (fetch->outcome == FETCH_UNUSABLE)
		note_refusal(remote, fetch);
	if (fetch->outcome == FETCH_NOT_KEPT)
		remember(remote, fetch->user_name, REMEMBERED_FAILED, FAILED_MS);
}

void
remote_fetched(evutil_socket_t fd, short what, void *context)
{
	struct remote *remote = context;
	struct fetch *fetch;

	(void)fd;
	(void)what;
	while ((fetch = fetch_pool_next(remote->pool)) != NULL) {
		metrics_add(METRIC_FETCHES, 1);
		metrics_add(METRIC_FETCH_ERRORS, fetch->outcome != FETCH_DONE && fetch->outcome != FETCH_MISSING);
		note(remote, fetch);
		job_over(remote, (struct remote_job *)fetch);
	}
	fetch_pool_go_on(remote->pool);
}

/* The server's own record is what every session needs. */
void
remote_probe(evutil_socket_t fd, short what, void *context)
{
	struct remote *remote = context;

	(void)fd;
	(void)what;
	breaker_probe(&remote->breaker);
	fetch_pool_one_more(remote->pool, true);
	if (remote_fetch(remote, REMOTE_SERVER, true) == NULL) {
		struct fetch none = { .began = INT64_MAX, .outcome = FETCH_FAILED, .reason = "out of memory or threads" };

		trip(remote, &none);
	}
}
