#include "admin_cmd/doctor/apart.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin_cmd/child.h"

#define FINDINGS_MAX 64

struct carried {
	enum finding_level level;
	bool has_cure;
	char link[32], found[CURE_MAX], cure[CURE_MAX];
};

/* The memory of both: this, and the caller's part behind it. */
struct channel {
	struct checks *checks; /* this and the job are for the process; nothing it leaves here is believed */
	apart_job *job;
	size_t count;
	struct carried findings[FINDINGS_MAX];
	_Alignas(max_align_t) unsigned char shared[];
};

static void
carry(struct channel *channel, const struct finding *finding)
{
	struct carried *carried = &channel->findings[channel->count];

	if (channel->count == FINDINGS_MAX)
		return;
	carried->level = finding->level;
	carried->has_cure = finding->cure != NULL;
	snprintf(carried->link, sizeof(carried->link), "%s", finding->link);
	snprintf(carried->found, sizeof(carried->found), "%s", finding->found);
	snprintf(carried->cure, sizeof(carried->cure), "%s", finding->cure != NULL ? finding->cure : "");
	channel->count++;
}

static int
work(void *context)
{
	struct channel *channel = context;
	struct findings *findings = channel->checks->findings;
	size_t before = findings->count;

	channel->job(channel->checks, channel->shared);
	for (size_t i = before; i < findings->count; i++)
		carry(channel, &findings->items[i]);
	return 0;
}

/* take: the other side may be a user whom root doesn't believe: lengths and values are looked at here. */
static void
take(struct checks *checks, struct channel *channel)
{
	for (size_t i = 0; i < channel->count && i < FINDINGS_MAX; i++) {
		struct carried carried = channel->findings[i];

		carried.link[sizeof(carried.link) - 1] = carried.found[sizeof(carried.found) - 1] = '\0';
		carried.cure[sizeof(carried.cure) - 1] = '\0';
		if (carried.level <= FINDING_FAULT)
			findings_add(checks->findings, carried.level, carried.link, carried.has_cure ? carried.cure : NULL,
			    "%s", carried.found);
	}
}

int
apart_run(struct checks *checks, const char *user, int seconds, apart_job *job, void *shared, size_t size)
{
	struct channel *channel = child_memory(sizeof(*channel) + size);
	int status, problem;

	if (channel == NULL)
		return -1;
	channel->checks = checks;
	channel->job = job;
	if (size > 0)
		memcpy(channel->shared, shared, size);
	status = child_run(user, seconds, work, channel);
	problem = status < 0 ? errno : ECHILD;
	if (status == 0)
		take(checks, channel);
	if (status == 0 && size > 0)
		memcpy(shared, channel->shared, size);
	child_memory_free(channel, sizeof(*channel) + size);
	errno = problem;
	return status == 0 ? 0 : -1;
}
