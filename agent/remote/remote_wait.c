#include <stdatomic.h>
#include <stdio.h>

#include "agent/remote/remote_private.h"
#include "common/wire/deadline.h"

/* A client that was told to wait so long is answered a little before it stops waiting. */
#define MARGIN_MS 250

static void
resolve(struct remote_wait_part *part, enum remote_verdict verdict)
{
	if (part->job != NULL)
		LIST_REMOVE(part, next);
	part->job = NULL;
	part->verdict = verdict;
}

/* verdict_of: what its records' verdicts make together. */
static enum remote_verdict
verdict_of(const struct remote_wait *wait)
{
	return remote_verdict_of_both(wait->user.verdict, wait->server.verdict);
}

void
remote_wait_over(struct remote_wait *wait, enum remote_verdict verdict)
{
	remote_wait_end(wait);
	wait->over(wait, verdict);
}

void
remote_part_over(struct remote_wait_part *part, enum remote_verdict verdict)
{
	struct remote_wait *wait = part->wait;

	resolve(part, verdict);
	if (verdict_of(wait) != REMOTE_WAIT)
		remote_wait_over(wait, verdict_of(wait));
}

/* begin_part: returns whether there is no record at all to fall back on. */
static bool
begin_part(struct remote *remote, struct remote_wait *wait, struct remote_wait_part *part, const char *name, int64_t now)
{
	struct remote_look look = remote_look_at(remote, name, now);

	*part = (struct remote_wait_part){ .wait = wait, .stale = look.stale, .verdict = look.verdict };
	if (look.verdict != REMOTE_WAIT)
		return false;
	part->job = remote_fetch(remote, name, look.known);
	if (part->job == NULL) {
		part->verdict = remote_fall_back(remote, name, look.stale);
		return false;
	}
	LIST_INSERT_HEAD(&part->job->parts, part, next);
	return !look.stale;
}

static void
say_longer(struct remote_wait *wait, int64_t now)
{
	if (wait->longer != NULL)
		wait->longer(wait, (unsigned)(wait->deadline - now) + MARGIN_MS);
	wait->longer = NULL;
}

/* expire_part: one that has an old record has waited in vain: until an answer comes others needn't; and none need while it
 * isn't known whether the store is well again. But once the answer is there, and only the cache is slow, the old record is
 * nobody's any more. */
static void
expire_part(struct remote *remote, struct remote_wait_part *part)
{
	char name[USER_NAME_MAX + 1];

	if (part->job == NULL)
		return;
	part->stale = part->stale && !atomic_load(&part->job->fetch.answered);
	remote->slow = remote->slow || part->stale || remote->breaker.state == BREAKER_PROBING;
	snprintf(name, sizeof(name), "%s", part->job->fetch.user_name);
	resolve(part, remote_fall_back(remote, name, part->stale));
}

static void set_timer(struct remote_wait *wait, int64_t now);

static void
on_timer(evutil_socket_t fd, short what, void *context)
{
	struct remote_wait *wait = context;
	int64_t now = deadline_now();

	(void)fd;
	(void)what;
	if (now < wait->deadline) {
		say_longer(wait, now);
		set_timer(wait, now);
		return;
	}
	expire_part(wait->remote, &wait->user);
	expire_part(wait->remote, &wait->server);
	remote_wait_over(wait, verdict_of(wait));
}

static void
set_timer(struct remote_wait *wait, int64_t now)
{
	int64_t left = wait->deadline > now ? wait->deadline - now : 0;
	struct timeval limit;

	if (wait->longer != NULL && left > REMOTE_SAY_WAIT_MS)
		left = REMOTE_SAY_WAIT_MS;
	limit.tv_sec = left / 1000;
	limit.tv_usec = left % 1000 * 1000;
	evtimer_add(wait->timer, &limit);
}

enum remote_verdict
remote_wait(struct remote *remote, const struct remote_need *need, struct remote_wait *wait)
{
	int64_t now = deadline_now();
	bool without = false, patient;

	/* Until both verdicts are known, nothing that happens meanwhile ends it. */
	wait->remote = NULL;
	wait->user = wait->server = (struct remote_wait_part){ .wait = wait, .verdict = REMOTE_WAIT };
	if ((wait->timer = evtimer_new(remote->base, on_timer, wait)) == NULL)
		return REMOTE_UNAVAILABLE;
	wait->remote = remote;
	LIST_INSERT_HEAD(&remote->waits, wait, next);
	if (need->user_name[0] != '\0')
		without = begin_part(remote, wait, &wait->user, need->user_name, now);
	else
		wait->user.verdict = REMOTE_SERVE;
	if (need->server)
		without = begin_part(remote, wait, &wait->server, REMOTE_SERVER, now) || without;
	else
		wait->server.verdict = REMOTE_SERVE;
	if (verdict_of(wait) != REMOTE_WAIT) {
		remote_wait_end(wait);
		return verdict_of(wait);
	}
	patient = without && need->may_wait && remote->breaker.state == BREAKER_UP;
	if (wait->deadline == 0)
		wait->deadline = now + (patient || remote->wait_ms < REMOTE_STALE_MS ? remote->wait_ms : REMOTE_STALE_MS);
	if (!need->may_wait)
		wait->longer = NULL;
	if (without)
		say_longer(wait, now);
	set_timer(wait, now);
	return REMOTE_WAIT;
}

void
remote_wait_end(struct remote_wait *wait)
{
	if (wait->remote == NULL)
		return;
	wait->remote = NULL;
	LIST_REMOVE(wait, next);
	resolve(&wait->user, wait->user.verdict);
	resolve(&wait->server, wait->server.verdict);
	event_free(wait->timer);
	wait->timer = NULL;
}

void
remote_hurry(struct remote *remote)
{
	struct remote_wait *wait;

	remote->hurried = true;
	while ((wait = LIST_FIRST(&remote->waits)) != NULL) {
		wait->deadline = 0;
		on_timer(-1, 0, wait);
	}
}
