#include "admin_cmd/import/import_pace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/wire/deadline.h"

#define BACKOFF_FIRST_MS 200
#define BACKOFF_MAX_MS   20000
#define WAIT_MAX_SECONDS 3600 /* however long the service says */

int
import_pace_start(struct import_pace *pace, unsigned most)
{
	pthread_condattr_t monotonic;
	int result;

	memset(pace, 0, sizeof(*pace));
	pace->most = most;
	pace->at_once = most;
	pace->backoff_ms = BACKOFF_FIRST_MS;
	if (pthread_condattr_init(&monotonic) != 0)
		return -1;
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	result = pthread_cond_init(&pace->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (result != 0)
		return -1;
	pthread_mutex_init(&pace->mutex, NULL);
	return 0;
}

void
import_pace_free(struct import_pace *pace)
{
	pthread_cond_destroy(&pace->changed);
	pthread_mutex_destroy(&pace->mutex);
}

bool
import_pace_enter(struct import_pace *pace, uint64_t *ticket)
{
	struct timespec until;
	bool entered;

	pthread_mutex_lock(&pace->mutex);
	while (!pace->stopped && (deadline_left(pace->resume) > 0 || pace->active >= (unsigned)pace->at_once)) {
		if (deadline_left(pace->resume) > 0) {
			until.tv_sec = pace->resume / 1000;
			until.tv_nsec = pace->resume % 1000 * 1000000;
			pthread_cond_timedwait(&pace->changed, &pace->mutex, &until);
		} else {
			pthread_cond_wait(&pace->changed, &pace->mutex);
		}
	}
	entered = !pace->stopped;
	if (entered)
		pace->active++;
	*ticket = pace->slowed;
	pthread_mutex_unlock(&pace->mutex);
	return entered;
}

/* Up to a quarter more, so that many who were refused at one moment don't all come back at one moment. */
static int
with_jitter(int milliseconds)
{
	uint32_t chance = 0;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) == -1)
		chance = 0;
	return milliseconds + (int)(chance % ((uint32_t)milliseconds / 4 + 1));
}

/* Requests that were under way together count as one refusal. */
static void
slow_down(struct import_pace *pace, uint64_t ticket, unsigned retry_after)
{
	int wait_ms = (int)(retry_after < WAIT_MAX_SECONDS ? retry_after : WAIT_MAX_SECONDS) * 1000;
	int64_t resume;

	if (wait_ms < pace->backoff_ms)
		wait_ms = pace->backoff_ms;
	if (ticket == pace->slowed) {
		pace->slowed++;
		pace->at_once = pace->at_once / 2 < 1 ? 1 : pace->at_once / 2;
		pace->backoff_ms = pace->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : pace->backoff_ms * 2;
	} else if (retry_after == 0) {
		return;
	}
	resume = deadline_after(with_jitter(wait_ms));
	if (resume > pace->resume)
		pace->resume = resume;
}

void
import_pace_leave(struct import_pace *pace, uint64_t ticket, enum import_pace_outcome outcome, unsigned retry_after)
{
	pthread_mutex_lock(&pace->mutex);
	pace->active--;
	if (outcome == PACE_THROTTLED) {
		slow_down(pace, ticket, retry_after);
	} else if (outcome == PACE_ANSWERED) {
		pace->backoff_ms = BACKOFF_FIRST_MS;
		pace->at_once += 1 / pace->at_once;
		if (pace->at_once > pace->most)
			pace->at_once = pace->most;
	}
	pthread_cond_broadcast(&pace->changed);
	pthread_mutex_unlock(&pace->mutex);
}

bool
import_pace_waits(struct import_pace *pace)
{
	bool waits;

	pthread_mutex_lock(&pace->mutex);
	waits = deadline_left(pace->resume) > 0;
	pthread_mutex_unlock(&pace->mutex);
	return waits;
}

void
import_pace_stop(struct import_pace *pace)
{
	pthread_mutex_lock(&pace->mutex);
	pace->stopped = true;
	pthread_cond_broadcast(&pace->changed);
	pthread_mutex_unlock(&pace->mutex);
}
