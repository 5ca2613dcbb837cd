/*
 * The store kept elsewhere, as the event loop sees it: private to
 *
 *   remote.c        start and end, and what a lookup may be served
 *   remote_jobs.c   what is fetched, and what came of it
 *   remote_wait.c   who waits
 */
#ifndef BERTH_REMOTE_PRIVATE_H
#define BERTH_REMOTE_PRIVATE_H

#include "agent/remote/breaker.h"
#include "agent/remote/cache_reader.h"
#include "agent/remote/fetch_pool.h"
#include "agent/remote/outdated.h"
#include "agent/remote/remembered.h"
#include "agent/remote/remote.h"

#define REMOTE_SERVER  "" /* its record's name */
#define REMOTE_BUCKETS 256

/* A fetch, and who waits for it. Freed as the fetch it begins with. */
struct remote_job {
	struct fetch fetch;
	LIST_ENTRY(remote_job) next; /* of its bucket */
	LIST_HEAD(, remote_wait_part) parts;
};

struct remote {
	struct event_base *base;
	char *file, *spec, *server_id;
	unsigned cache_ms, wait_ms;
	struct cache_reader reader;
	struct fetch_source *source; /* the pool's */
	struct fetch_pool *pool;
	struct event *done, *retry;
	LIST_HEAD(, remote_job) jobs[REMOTE_BUCKETS]; /* by name: one for each */
	LIST_HEAD(, remote_wait) waits;
	struct remembered remembered;
	struct outdated outdated;
	struct breaker breaker;
	int64_t succeeded, tripped; /* when a store last answered, and when it was last found not to */
	int64_t spared; /* until then names that the cache doesn't have aren't asked for */
	bool slow;     /* somebody has waited in vain for an answer that isn't there yet */
	bool said_down, said_up;
	enum api_code said_code;
	bool hurried;  /* nobody waits any more */
	char reason[FETCH_REASON_MAX]; /* why it was last found not to answer */
};

/* What a look at one record says. */
struct remote_look {
	enum remote_verdict verdict; /* REMOTE_WAIT: to be fetched */
	bool known, stale;           /* the cache has one; and it may be served should there be no other */
};

/* remote_look_at: what may be served of a name, and whether it has to be fetched. */
struct remote_look remote_look_at(struct remote *remote, const char *name, int64_t now);
/* remote_fall_back: the verdict when no new record is to be had; one that is served for that is logged. */
enum remote_verdict remote_fall_back(struct remote *remote, const char *name, bool stale);

/* remote_fetch: the job there is for a name, or a new one. NULL: there is no room. */
struct remote_job *remote_fetch(struct remote *remote, const char *name, bool known);
/* remote_fetched: on the pool's event. remote_probe: when a pause of the breaker's is over. */
void remote_fetched(evutil_socket_t fd, short what, void *remote);
void remote_probe(evutil_socket_t fd, short what, void *remote);

/* remote_verdict_of_both: what two records' verdicts make together. */
enum remote_verdict remote_verdict_of_both(enum remote_verdict one, enum remote_verdict other);
/* remote_part_over: a part of a wait has its verdict; when the other has too, who waits is called back. */
void remote_part_over(struct remote_wait_part *part, enum remote_verdict verdict);
/* remote_wait_over: who waits is called back; the wait may be gone after that. */
void remote_wait_over(struct remote_wait *wait, enum remote_verdict verdict);

#endif
