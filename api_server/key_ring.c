#include "api_server/key_ring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/daemon_log.h"
#include "common/wire/deadline.h"

#define RETRY_MILLISECONDS 1000 /* a file that can't be read isn't tried with every request */
#define REGION_MAX         64   /* a signing key for a longer one isn't remembered */

/* The last one that was computed for a key. */
struct signing_key {
	char date[sizeof("YYYYMMDD")], region[REGION_MAX];
	unsigned char bytes[SIGV4_HASH];
};

struct key_ring {
	atomic_uint references;
	char *path;
	struct access_keys keys;
	pthread_mutex_t mutex; /* over signing_keys */
	struct signing_key *signing_keys; /* as many as keys */
};

struct key_rings {
	pthread_mutex_t mutex;
	struct key_ring *current; /* NULL: none was read yet, or it couldn't be */
	bool failed;              /* the file couldn't be read when it was last tried */
	int64_t retry;            /* when it is tried again then */
};

struct key_rings *
key_rings_new(void)
{
	struct key_rings *rings = calloc(1, sizeof(*rings));

	if (rings != NULL && pthread_mutex_init(&rings->mutex, NULL) != 0) {
		free(rings);
		return NULL;
	}
	return rings;
}

void
key_rings_free(struct key_rings *rings)
{
	if (rings == NULL)
		return;
	key_ring_release(rings->current);
	pthread_mutex_destroy(&rings->mutex);
	free(rings);
}

static struct key_ring *
read_ring(const char *path, struct api_error *error)
{
	struct key_ring *ring = calloc(1, sizeof(*ring));

	if (ring == NULL || pthread_mutex_init(&ring->mutex, NULL) != 0) {
		free(ring);
		api_fail_memory(error);
		return NULL;
	}
	atomic_init(&ring->references, 1);
	if (access_keys_read(path, &ring->keys, error) != 0) {
		key_ring_release(ring);
		return NULL;
	}
	ring->path = strdup(path);
	ring->signing_keys = calloc(ring->keys.count + 1, sizeof(*ring->signing_keys));
	if (ring->path == NULL || ring->signing_keys == NULL) {
		api_fail_memory(error);
		key_ring_release(ring);
		return NULL;
	}
	return ring;
}

/* renew: under the mutex. */
static void
renew(struct key_rings *rings, const char *path)
{
	struct key_ring *old = rings->current;
	struct api_error problem = { 0 };
	int64_t now = deadline_now();

	if (old == NULL && now < rings->retry)
		return;
	rings->current = read_ring(path, &problem);
	rings->retry = now + RETRY_MILLISECONDS;
	/* By the reason: a second fault is said while the first one's minute isn't over. */
	if (rings->current == NULL)
		daemon_log_limited(problem.message, LOG_ERR, "access keys can't be read, so nobody is let in: reason=\"%s\"",
		    problem.message);
	else if (rings->failed)
		daemon_log(LOG_NOTICE, "access keys can be read again: keys=%zu", rings->current->keys.count);
	else if (old != NULL)
		daemon_log(LOG_INFO, "access keys reloaded: keys=%zu", rings->current->keys.count);
	rings->failed = rings->current == NULL;
	key_ring_release(old);
}

static struct key_ring *
take_current(struct key_rings *rings)
{
	struct key_ring *ring;

	pthread_mutex_lock(&rings->mutex);
	ring = rings->current;
	if (ring != NULL)
		atomic_fetch_add(&ring->references, 1);
	pthread_mutex_unlock(&rings->mutex);
	return ring;
}

static bool
is_current(const struct key_ring *ring, const char *path)
{
	return ring != NULL && strcmp(ring->path, path) == 0 && !access_keys_changed(path, &ring->keys);
}

struct key_ring *
key_ring_take(struct key_rings *rings, const char *path, struct api_error *error)
{
	struct key_ring *ring = take_current(rings);

	/* Looked at without the mutex: every request does so. */
	if (is_current(ring, path))
		return ring;
	key_ring_release(ring);
	pthread_mutex_lock(&rings->mutex);
	if (!is_current(rings->current, path))
		renew(rings, path);
	pthread_mutex_unlock(&rings->mutex);
	ring = take_current(rings);
	if (ring == NULL)
		api_fail(error, API_UNAVAILABLE, "The access keys can't be read now; berth-api's log says why");
	return ring;
}

void
key_ring_release(struct key_ring *ring)
{
	if (ring == NULL || atomic_fetch_sub(&ring->references, 1) != 1)
		return;
	if (ring->signing_keys != NULL)
		explicit_bzero(ring->signing_keys, ring->keys.count * sizeof(*ring->signing_keys));
	free(ring->signing_keys);
	access_keys_free(&ring->keys);
	free(ring->path);
	pthread_mutex_destroy(&ring->mutex);
	free(ring);
}

const struct access_key *
key_ring_find(const struct key_ring *ring, const char *id)
{
	return access_keys_find(&ring->keys, id);
}

size_t
key_ring_count(const struct key_ring *ring)
{
	return ring->keys.count;
}

int
key_ring_signing_key(struct key_ring *ring, const struct access_key *key, const char *date,
    const struct sigv4_scope *scope, unsigned char signing_key[SIGV4_HASH], struct api_error *error)
{
	struct signing_key *known = &ring->signing_keys[key - ring->keys.keys];
	bool found;

	pthread_mutex_lock(&ring->mutex);
	found = strcmp(known->date, date) == 0 && strcmp(known->region, scope->region) == 0;
	if (found)
		memcpy(signing_key, known->bytes, SIGV4_HASH);
	pthread_mutex_unlock(&ring->mutex);
	if (found)
		return 0;
	if (sigv4_signing_key(key->secret, date, scope, signing_key, error) != 0)
		return -1;
	if (strlen(date) >= sizeof(known->date) || strlen(scope->region) >= sizeof(known->region))
		return 0;
	pthread_mutex_lock(&ring->mutex);
	strcpy(known->date, date);
	strcpy(known->region, scope->region);
	memcpy(known->bytes, signing_key, SIGV4_HASH);
	pthread_mutex_unlock(&ring->mutex);
	return 0;
}
