#include "agent/remote/remote.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/remote/remote_private.h"
#include "common/host/daemon_log.h"
#include "common/wire/deadline.h"

#define PAUSE_MS_MAX 10000 /* between two questions whether the store is well again */

/* why_none: why there is no new record of this name now. */
static const char *
why_none(const struct remote *remote, const char *name, bool stale)
{
	int64_t now = deadline_now();

	if (!stale && remote->breaker.state == BREAKER_UP && name[0] != '\0' && now < remote->spared)
		return "names that aren't cached aren't asked for just now";
	if (remembered_get(&remote->remembered, name, now) == REMEMBERED_FAILED)
		return "it couldn't be fetched just before";
	if (remote->slow || remote->breaker.state == BREAKER_UP || remote->reason[0] == '\0')
		return "no answer yet";
	return remote->reason;
}

/* One user's line a minute stands for all: an outage concerns everybody, and anybody may guess names. */
enum remote_verdict
remote_fall_back(struct remote *remote, const char *name, bool stale)
{
	const char *what = name[0] != '\0' ? "user=" : "server=", *which = name[0] != '\0' ? name : remote->server_id;

	if (stale) {
		daemon_log_limited(name[0] != '\0' ? "stale user" : "stale server", LOG_WARNING,
		    "record served stale: %s%s age=%" PRId64 " reason=\"%s\"", what, which,
		    cache_reader_age(&remote->reader, name), why_none(remote, name, stale));
		return REMOTE_STALE;
	}
	daemon_log_limited(name[0] != '\0' ? "no user" : "no server", LOG_WARNING,
	    "no record to serve, the lookup is answered UNAVAILABLE: %s%s reason=\"%s\"", what, which,
	    why_none(remote, name, stale));
	return REMOTE_UNAVAILABLE;
}

/* is_outdated: of a record that the cache has. Its age is in whole seconds, and may be unknown. */
static bool
is_outdated(struct remote *remote, const char *name, int64_t now)
{
	int64_t fetched = INT64_MAX, age;

	if (remote->outdated.all_before != 0) {
		age = cache_reader_age(&remote->reader, name);
		fetched = age == -1 ? 0 : now - (age + 1) * 1000;
	}
	return outdated_has(&remote->outdated, name, fetched);
}

struct remote_look
remote_look_at(struct remote *remote, const char *name, int64_t now)
{
	enum remembered_what what = remembered_get(&remote->remembered, name, now);
	struct remote_look look = { .verdict = REMOTE_WAIT };
	struct remote_job *job;
	enum cache_state state;

	if (what != REMEMBERED_NOTHING && cache_reader_dropped(&remote->reader)) {
		remembered_forget_all(&remote->remembered);
		what = REMEMBERED_NOTHING;
	}
	if (what == REMEMBERED_MISSING) {
		look.verdict = REMOTE_MISSING;
		return look;
	}
	state = cache_reader_look(&remote->reader, name);
	if (state == CACHE_FRESH) {
		look.verdict = REMOTE_SERVE;
		return look;
	}
	look.known = state == CACHE_STALE;
	look.stale = look.known && !is_outdated(remote, name, now);
	if (remote->hurried || what == REMEMBERED_FAILED || remote->breaker.state == BREAKER_DOWN ||
	    (!look.known && name[0] != '\0' && now < remote->spared) ||
	    (!look.stale && remote->slow && remote->breaker.state == BREAKER_PROBING)) {
		look.verdict = remote_fall_back(remote, name, look.stale);
	} else if (look.stale && (remote->slow || remote->breaker.state == BREAKER_PROBING)) {
		job = remote_fetch(remote, name, look.known);
		if (job == NULL || !atomic_load(&job->fetch.answered))
			look.verdict = remote_fall_back(remote, name, look.stale);
	}
	return look;
}

enum remote_verdict
remote_look(struct remote *remote, const struct remote_need *need)
{
	int64_t now = deadline_now();
	enum remote_verdict user = REMOTE_SERVE, server = REMOTE_SERVE;

	if (need->user_name[0] != '\0')
		user = remote_look_at(remote, need->user_name, now).verdict;
	if (need->server && user != REMOTE_MISSING)
		server = remote_look_at(remote, REMOTE_SERVER, now).verdict;
	return remote_verdict_of_both(user, server);
}

enum remote_verdict
remote_verdict_of_both(enum remote_verdict one, enum remote_verdict other)
{
	static const enum remote_verdict order[] = { REMOTE_MISSING, REMOTE_WAIT, REMOTE_UNAVAILABLE, REMOTE_STALE };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (one == order[i] || other == order[i])
			return order[i];
	return REMOTE_SERVE;
}

enum breaker_state
remote_state(const struct remote *remote)
{
	return remote->breaker.state;
}

struct store *
remote_store(struct remote *remote)
{
	return cache_reader_store(&remote->reader);
}

void
remote_store_failed(struct remote *remote, const struct api_error *error)
{
	cache_reader_failed(&remote->reader, error);
}

static void
remote_free(struct remote *remote)
{
	if (remote->done != NULL)
		event_free(remote->done);
	if (remote->retry != NULL)
		event_free(remote->retry);
	cache_reader_close(&remote->reader);
	free(remote->file);
	free(remote->spec);
	free(remote->server_id);
	free(remote);
}

bool
remote_stop(struct remote *remote, int wait_ms)
{
	struct remote_wait *wait;
	bool ended;

	remote->hurried = true;
	while ((wait = LIST_FIRST(&remote->waits)) != NULL)
		remote_wait_over(wait, REMOTE_AGAIN);
	ended = fetch_pool_leave(remote->pool, wait_ms);
	remote_free(remote);
	return ended;
}

static void
set_limits(struct remote *remote, const struct config *config)
{
	unsigned longest = config->cache_seconds * 1000 / 2;

	remote->cache_ms = config->cache_seconds * 1000;
	remote->wait_ms = fetch_wait_ms(config);
	breaker_init(&remote->breaker, longest < PAUSE_MS_MAX ? longest : PAUSE_MS_MAX);
	remote->reader.options = (struct cache_options){
		.file = remote->file, .spec = remote->spec, .server_id = remote->server_id,
		.cache_seconds = config->cache_seconds, .stale_seconds = config->stale_seconds,
	};
}

struct remote *
remote_start(struct event_base *base, const struct config *config)
{
	struct remote *remote = calloc(1, sizeof(*remote));

	if (remote == NULL)
		return NULL;
	remote->base = base;
	LIST_INIT(&remote->waits);
	if ((remote->file = strdup(config->cache_file)) == NULL || (remote->spec = strdup(config->store)) == NULL ||
	    (remote->server_id = strdup(config->server_id)) == NULL ||
	    (remote->retry = evtimer_new(base, remote_probe, remote)) == NULL ||
	    (remote->source = fetch_source_new(config)) == NULL ||
	    (remote->pool = fetch_pool_new(remote->source)) == NULL) {
		remote_free(remote);
		return NULL;
	}
	set_limits(remote, config);
	remote->done = event_new(base, fetch_pool_descriptor(remote->pool), EV_READ | EV_PERSIST, remote_fetched, remote);
	if (remote->done == NULL || event_add(remote->done, NULL) != 0) {
		fetch_pool_leave(remote->pool, 0);
		remote_free(remote);
		return NULL;
	}
	remote_fetch(remote, REMOTE_SERVER, false);
	return remote;
}
