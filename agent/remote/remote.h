/*
 * The store kept elsewhere, as the event loop sees it: what the cache holds is served at once while it is fresh, what must
 * be fetched first is waited for, one fetch a name however many wait; and what can't be fetched is served as it was, or not
 * at all. Nothing here waits or asks: threads do (fetch_pool.h).
 */
#ifndef BERTH_REMOTE_H
#define BERTH_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "agent/remote/breaker.h"
#include "common/host/config.h"
#include "common/store/store.h"
#include "common/wire/limits.h"

/* How long a lookup waits for a new record while there is an old one; the NSS module, which can't always be asked to wait
 * longer, waits 900 ms. Also how long one waits at all while it isn't known whether the store elsewhere is well again. */
#define REMOTE_STALE_MS 700
/* Who can be asked to wait longer is asked after so long, or at once when there is no record at all. */
#define REMOTE_SAY_WAIT_MS 300

struct remote;

/* remote_state: whether it is asked now. */
enum breaker_state remote_state(const struct remote *remote);

/* remote_start: for a configuration with such a store and a ServerId. Fetches the server's record at once.
 * NULL with errno. */
struct remote *remote_start(struct event_base *base, const struct config *config);
/* remote_stop: ends all waits with REMOTE_AGAIN; who asks this remote again is served what there is. Then frees it; threads
 * that fetch are waited for up to wait_ms. Returns whether none is left. */
bool remote_stop(struct remote *remote, int wait_ms);
/* remote_hurry: ends all waits with what there is; from now on nobody waits. */
void remote_hurry(struct remote *remote);

/* remote_store: to look up what the cache holds; NULL when it can't be read now. Until the next call of this file. */
struct store *remote_store(struct remote *remote);
/* remote_store_failed: it failed with *error; logged, and opened anew the next time. */
void remote_store_failed(struct remote *remote, const struct api_error *error);

/* The records that a lookup needs. */
struct remote_need {
	char user_name[USER_NAME_MAX + 1]; /* "": no user's */
	bool server;
	bool may_wait; /* its client can be asked to wait longer */
};

enum remote_verdict {
	REMOTE_SERVE,       /* what the cache holds may be served */
	REMOTE_STALE,       /* the same, though it is old, which was logged */
	REMOTE_MISSING,     /* there is no such record, whatever the cache holds */
	REMOTE_UNAVAILABLE, /* it can't be told */
	REMOTE_WAIT,        /* it will be told */
	REMOTE_AGAIN,       /* of a wait: the configuration has changed, look again */
};

/* remote_look: what to do now. */
enum remote_verdict remote_look(struct remote *remote, const struct remote_need *need);

struct remote_job;

/* A record that is waited for. */
struct remote_wait_part {
	struct remote_wait *wait;
	struct remote_job *job; /* NULL: its verdict is there */
	LIST_ENTRY(remote_wait_part) next; /* of the job */
	bool stale;
	enum remote_verdict verdict;
};

/* A lookup that waits, in the memory of who waits. Calls him back once with the verdict, and maybe before that to have the
 * client told. */
struct remote_wait {
	void (*over)(struct remote_wait *wait, enum remote_verdict verdict);
	void (*longer)(struct remote_wait *wait, unsigned milliseconds); /* NULL: he can't be told (any more) */
	int64_t deadline; /* milliseconds of CLOCK_MONOTONIC; 0: remote_wait() says it */

	struct remote *remote; /* the rest is the remote's; NULL: it isn't waiting */
	LIST_ENTRY(remote_wait) next;
	struct event *timer;
	struct remote_wait_part user, server;
};

/* remote_wait: after REMOTE_WAIT of the same need. Returns it again; or another verdict: there is nothing to wait for. */
enum remote_verdict remote_wait(struct remote *remote, const struct remote_need *need, struct remote_wait *wait);
/* remote_wait_end: he waits no longer; nobody is called back. Fine when he doesn't wait. */
void remote_wait_end(struct remote_wait *wait);

#endif
