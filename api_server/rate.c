/*
 * Buckets of tokens, found by the key's id. Tokens are counted in thousandths: so many a second are as many thousandths a
 * millisecond.
 */
#include "api_server/rate.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/store/access_keys.h"

#define TOKEN   1000u
#define FULL_MS 2000 /* an empty bucket is full again */
#define CHAINS  256
#define RETRY_SECONDS 1 /* by then there is a token, even at one a second */

struct bucket {
	SLIST_ENTRY(bucket) next;
	char key_id[ACCESS_KEY_ID_LENGTH + 1];
	unsigned per_second;
	uint64_t tokens; /* thousandths, at `then` */
	int64_t then;
};

SLIST_HEAD(chain, bucket);

struct rate {
	pthread_mutex_t mutex;
	struct chain chains[CHAINS];
};

struct rate *
rate_new(void)
{
	struct rate *rate = calloc(1, sizeof(*rate));

	if (rate != NULL)
		pthread_mutex_init(&rate->mutex, NULL);
	return rate;
}

static struct bucket *
pop(struct chain *chain)
{
	struct bucket *first = SLIST_FIRST(chain);

	if (first != NULL)
		SLIST_REMOVE_HEAD(chain, next);
	return first;
}

void
rate_free(struct rate *rate)
{
	struct bucket *bucket;

	if (rate == NULL)
		return;
	for (size_t i = 0; i < CHAINS; i++)
		while ((bucket = pop(&rate->chains[i])) != NULL)
			free(bucket);
	pthread_mutex_destroy(&rate->mutex);
	free(rate);
}

static struct chain *
chain_of(struct rate *rate, const char *key_id)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *key_id != '\0'; key_id++)
		hash = (hash ^ (unsigned char)*key_id) * 16777619u;
	return &rate->chains[hash % CHAINS];
}

static uint64_t
capacity(const struct bucket *bucket)
{
	return (uint64_t)bucket->per_second * FULL_MS;
}

/* fill: what has come in since. A clock's reading that is older than another thread's brings nothing. */
static void
fill(struct bucket *bucket, int64_t now)
{
	int64_t passed = now - bucket->then;

	if (passed <= 0)
		return;
	bucket->tokens += (uint64_t)(passed < FULL_MS ? passed : FULL_MS) * bucket->per_second;
	bucket->then = now;
	if (bucket->tokens > capacity(bucket))
		bucket->tokens = capacity(bucket);
}

/* find: the key's bucket, or NULL. Those on the way that are full again are as good as none, and go: keys that are gone
 * leave nothing behind. */
static struct bucket *
find(struct chain *chain, const char *key_id, int64_t now)
{
	struct bucket *bucket, *found = NULL;
	struct chain kept = SLIST_HEAD_INITIALIZER(kept);

	while ((bucket = pop(chain)) != NULL) {
		fill(bucket, now);
		if (strcmp(bucket->key_id, key_id) == 0) {
			found = bucket;
		} else if (bucket->tokens == capacity(bucket)) {
			free(bucket);
			continue;
		}
		SLIST_INSERT_HEAD(&kept, bucket, next);
	}
	*chain = kept;
	return found;
}

static struct bucket *
add(struct chain *chain, const char *key_id, unsigned per_second, int64_t now)
{
	struct bucket *bucket = calloc(1, sizeof(*bucket));

	if (bucket == NULL)
		return NULL;
	snprintf(bucket->key_id, sizeof(bucket->key_id), "%s", key_id);
	bucket->per_second = per_second;
	bucket->tokens = capacity(bucket);
	bucket->then = now;
	SLIST_INSERT_HEAD(chain, bucket, next);
	return bucket;
}

/* take: with the mutex held. Without memory for a bucket nobody gets in: no limit would be worse. */
static bool
take(struct rate *rate, const char *key_id, unsigned per_second, int64_t now)
{
	struct chain *chain = chain_of(rate, key_id);
	struct bucket *bucket = find(chain, key_id, now);

	if (bucket == NULL)
		bucket = add(chain, key_id, per_second, now);
	if (bucket == NULL)
		return false;
	bucket->per_second = per_second; /* the key's limit may have been changed */
	if (bucket->tokens > capacity(bucket))
		bucket->tokens = capacity(bucket);
	if (bucket->tokens < TOKEN)
		return false;
	bucket->tokens -= TOKEN;
	return true;
}

unsigned
rate_take(struct rate *rate, const char *key_id, unsigned per_second, int64_t now)
{
	bool taken;

	if (per_second == 0)
		return 0;
	pthread_mutex_lock(&rate->mutex);
	taken = take(rate, key_id, per_second, now);
	pthread_mutex_unlock(&rate->mutex);
	return taken ? 0 : RETRY_SECONDS;
}
