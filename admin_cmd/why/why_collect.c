#include <stdlib.h>
#include <string.h>

#include "admin_cmd/why/why.h"

#define LOGIN_SECONDS   180.0 /* LoginGraceTime is 120: longer ago, a pid is another process's */
#define STRANGER_SECONDS 60.0 /* the agent says it once in that time */
#define AGENT_SECONDS   120.0

void
why_add(struct why *why, double time, const char *program, pid_t pid, const char *message)
{
	struct why_event event = { .time = time, .pid = pid }, *events;

	if (time < why->since || why_message(program, message, why->user, &event) == WHY_NOTHING)
		return;
	if (why->count == WHY_EVENTS_MAX) {
		why->count /= 2;
		memmove(why->events, why->events + WHY_EVENTS_MAX - why->count, why->count * sizeof(*why->events));
	}
	if (why->count == why->room) {
		events = reallocarray(why->events, why->room > 0 ? 2 * why->room : 64, sizeof(*events));
		if (events == NULL) {
			why->out_of_memory = true;
			return;
		}
		why->events = events;
		why->room = why->room > 0 ? 2 * why->room : 64;
	}
	why->events[why->count++] = event;
}

void
why_looked(struct why *why, const char *place)
{
	if (why->looked_count < WHY_LOOKED_MAX && (why->looked[why->looked_count] = strdup(place)) != NULL)
		why->looked_count++;
}

void
why_free(struct why *why)
{
	free(why->events);
	for (size_t i = 0; i < why->looked_count; i++)
		free(why->looked[i]);
	*why = (struct why){ 0 };
}

/* Whether it is of sshd's process: its own lines, and the PAM module's. */
static bool
is_sshds(const struct why_event *event)
{
	return event->who == WHY_SSHD || event->who == WHY_PAM_BERTH;
}

static bool
same_login(const struct why_event *one, const struct why_event *other)
{
	return is_sshds(one) && is_sshds(other) && one->pid != 0 && one->pid == other->pid;
}

/* name_nameless: a line that names nobody is the user's when its process names the user in another one. */
static void
name_nameless(struct why *why, size_t index)
{
	struct why_event *event = &why->events[index];

	event->kind = WHY_NOTHING;
	for (size_t i = index + 1; i < why->count && why->events[i].time - event->time < LOGIN_SECONDS; i++) {
		const struct why_event *other = &why->events[i];

		if (!same_login(event, other) || (other->kind != WHY_REFUSED && other->kind != WHY_ACCEPTED))
			continue;
		event->kind = WHY_REFUSED;
		return;
	}
}

/* merge: of two lines of a login the one that explains more stays, and knows what the other one knew. */
static void
merge(struct why_event *earlier, struct why_event *later)
{
	bool later_stays = later->weight > earlier->weight;
	struct why_event *stays = later_stays ? later : earlier, *goes = later_stays ? earlier : later;

	if (stays->client[0] == '\0')
		memcpy(stays->client, goes->client, sizeof(stays->client));
	goes->kind = WHY_NOTHING;
}

/* join_login: with the lines that follow of the same login. Keys that sshd didn't take before it took one refuse nobody. */
static void
join_login(struct why *why, size_t index)
{
	struct why_event *event = &why->events[index];

	for (size_t i = index + 1; event->kind == WHY_REFUSED && i < why->count &&
	    why->events[i].time - event->time < LOGIN_SECONDS; i++) {
		struct why_event *other = &why->events[i];

		if (!same_login(event, other))
			continue;
		if (other->kind == WHY_ACCEPTED && event->who == WHY_SSHD)
			event->kind = WHY_NOTHING;
		else if (other->kind == WHY_REFUSED)
			merge(event, other);
	}
}

/* judge_agents: a key that the agent doesn't know was no reason when the next thing that sshd says is that it took another. A
 * fault of the agent's was one when sshd refused the user soon after. */
static void
judge_agents(struct why *why, size_t index)
{
	struct why_event *event = &why->events[index];
	double seconds = event->kind == WHY_FOR_ALL ? AGENT_SECONDS : STRANGER_SECONDS;
	const struct why_event *next = NULL;

	for (size_t i = index + 1; next == NULL && i < why->count && why->events[i].time - event->time < seconds; i++)
		if (is_sshds(&why->events[i]) && (why->events[i].kind == WHY_REFUSED || why->events[i].kind == WHY_ACCEPTED))
			next = &why->events[i];
	if (event->kind == WHY_FOR_ALL)
		event->kind = next != NULL && next->kind == WHY_REFUSED ? WHY_REFUSED : WHY_NOTHING;
	else if (next != NULL && next->kind == WHY_ACCEPTED)
		event->kind = WHY_NOTHING;
}

void
why_collect(struct why *why, size_t last)
{
	size_t kept = 0;

	for (size_t i = 0; i < why->count; i++)
		if (why->events[i].kind == WHY_NAMELESS)
			name_nameless(why, i);
	for (size_t i = 0; i < why->count; i++)
		if (why->events[i].kind == WHY_REFUSED && is_sshds(&why->events[i]))
			join_login(why, i);
	for (size_t i = 0; i < why->count; i++)
		if (why->events[i].who == WHY_BERTHD && why->events[i].kind != WHY_NOTHING)
			judge_agents(why, i);
	for (size_t i = 0; i < why->count; i++)
		if (why->events[i].kind == WHY_REFUSED)
			why->events[kept++] = why->events[i];
	why->count = kept;
	if (kept <= last)
		return;
	memmove(why->events, why->events + kept - last, last * sizeof(*why->events));
	why->count = last;
}
