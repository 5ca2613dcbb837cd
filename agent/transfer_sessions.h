/*
 * What the transfer log remembers of sessions: the sequence of each one's last event. As long as its helper is connected and
 * ten minutes more, so that what a helper sends again isn't written again; of sessions without a helper,
 * SESSIONS_REMEMBERED_MAX at the most.
 */
#ifndef BERTH_TRANSFER_SESSIONS_H
#define BERTH_TRANSFER_SESSIONS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define SESSIONS_REMEMBERED_MAX     65536
#define SESSIONS_REMEMBERED_SECONDS 600
#define SESSIONS_BUCKETS            16384

struct transfer_session {
	LIST_ENTRY(transfer_session) same_bucket;
	TAILQ_ENTRY(transfer_session) remembered; /* while it has no holder */
	uint64_t id;
	uint64_t last;  /* 0: no event is known */
	void *holder;   /* the connection of its helper, or NULL */
	int64_t since;  /* milliseconds of CLOCK_MONOTONIC: without a holder */
};

struct transfer_sessions {
	LIST_HEAD(, transfer_session) buckets[SESSIONS_BUCKETS];
	TAILQ_HEAD(transfer_session_list, transfer_session) remembered; /* longest first */
	size_t remembered_count;
};

void transfer_sessions_init(struct transfer_sessions *sessions);
/* transfer_sessions_free: none may be held. */
void transfer_sessions_free(struct transfer_sessions *sessions);

/* transfer_sessions_get: the one of this id (16 hexadecimal digits), which is new when it wasn't there. NULL: no memory. */
struct transfer_session *transfer_sessions_get(struct transfer_sessions *sessions, const char *id);

/* transfer_sessions_hold: not forgotten until it is let go, which it may be soon after that. */
void transfer_sessions_hold(struct transfer_sessions *sessions, struct transfer_session *session, void *holder);
void transfer_sessions_let_go(struct transfer_sessions *sessions, struct transfer_session *session);

/* transfer_sessions_forget: those whose time is over. */
void transfer_sessions_forget(struct transfer_sessions *sessions);

#endif
