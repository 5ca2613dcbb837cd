#include "agent/transfer_sessions.h"

#include <stdlib.h>

#include "common/wire/deadline.h"

void
transfer_sessions_init(struct transfer_sessions *sessions)
{
	for (size_t i = 0; i < SESSIONS_BUCKETS; i++)
		LIST_INIT(&sessions->buckets[i]);
	TAILQ_INIT(&sessions->remembered);
	sessions->remembered_count = 0;
}

static void
remember(struct transfer_sessions *sessions, struct transfer_session *session)
{
	session->holder = NULL;
	session->since = deadline_now();
	TAILQ_INSERT_TAIL(&sessions->remembered, session, remembered);
	sessions->remembered_count++;
}

static void
forget_first(struct transfer_sessions *sessions)
{
	struct transfer_session *session = TAILQ_FIRST(&sessions->remembered);

	TAILQ_REMOVE(&sessions->remembered, session, remembered);
	LIST_REMOVE(session, same_bucket);
	sessions->remembered_count--;
	free(session);
}

void
transfer_sessions_free(struct transfer_sessions *sessions)
{
	while (!TAILQ_EMPTY(&sessions->remembered))
		forget_first(sessions);
}

struct transfer_session *
transfer_sessions_get(struct transfer_sessions *sessions, const char *id)
{
	uint64_t number = strtoull(id, NULL, 16);
	size_t bucket = number % SESSIONS_BUCKETS;
	struct transfer_session *session;

	LIST_FOREACH(session, &sessions->buckets[bucket], same_bucket)
		if (session->id == number)
			return session;
	session = calloc(1, sizeof(*session));
	if (session == NULL)
		return NULL;
	session->id = number;
	LIST_INSERT_HEAD(&sessions->buckets[bucket], session, same_bucket);
	/* Room is made first: the new one must outlive this call. */
	if (sessions->remembered_count >= SESSIONS_REMEMBERED_MAX)
		forget_first(sessions);
	remember(sessions, session);
	return session;
}

void
transfer_sessions_hold(struct transfer_sessions *sessions, struct transfer_session *session, void *holder)
{
	if (session->holder == NULL) {
		TAILQ_REMOVE(&sessions->remembered, session, remembered);
		sessions->remembered_count--;
	}
	session->holder = holder;
}

void
transfer_sessions_let_go(struct transfer_sessions *sessions, struct transfer_session *session)
{
	if (sessions->remembered_count >= SESSIONS_REMEMBERED_MAX)
		forget_first(sessions);
	remember(sessions, session);
}

void
transfer_sessions_forget(struct transfer_sessions *sessions)
{
	int64_t now = deadline_now();
	const struct transfer_session *first;

	while ((first = TAILQ_FIRST(&sessions->remembered)) != NULL &&
	    now - first->since >= SESSIONS_REMEMBERED_SECONDS * 1000)
		forget_first(sessions);
}
