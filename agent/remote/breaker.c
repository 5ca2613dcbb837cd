#include "agent/remote/breaker.h"

#define FIRST_MS        1000
#define RETRY_AFTER_MAX 60 /* seconds: whatever is asked for, a store that is well again isn't left alone for hours */

void
breaker_init(struct breaker *breaker, unsigned longest_ms)
{
	*breaker = (struct breaker){ .state = BREAKER_UP, .longest_ms = longest_ms };
}

static void
lengthen(struct breaker *breaker)
{
	unsigned pause = breaker->state == BREAKER_UP ? FIRST_MS : breaker->pause_ms * 2;

	breaker->pause_ms = pause < breaker->longest_ms ? pause : breaker->longest_ms;
}

void
breaker_failed(struct breaker *breaker, int64_t now, unsigned retry_after, unsigned random)
{
	int64_t asked = now + (int64_t)(retry_after < RETRY_AFTER_MAX ? retry_after : RETRY_AFTER_MAX) * 1000;

	if (breaker->state != BREAKER_DOWN) {
		lengthen(breaker);
		breaker->state = BREAKER_DOWN;
		/* Hosts that lost the store together don't come back together. */
		breaker->until = now + breaker->pause_ms - random % (breaker->pause_ms / 4 + 1);
	}
	if (retry_after > 0 && breaker->until < asked)
		breaker->until = asked;
}

void
breaker_probe(struct breaker *breaker)
{
	breaker->state = BREAKER_PROBING;
}

bool
breaker_succeeded(struct breaker *breaker)
{
	bool was_up = breaker->state == BREAKER_UP;

	breaker->state = BREAKER_UP;
	return !was_up;
}
