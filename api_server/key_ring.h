/*
 * The access keys in force: read again as soon as their file changes, so that a key that was disabled or deleted counts with
 * the next request. Reference counted, like the settings.
 */
#ifndef BERTH_KEY_RING_H
#define BERTH_KEY_RING_H

#include "api_server/sigv4.h"
#include "common/model/error.h"
#include "common/store/access_keys.h"

struct key_ring;
struct key_rings;

struct key_rings *key_rings_new(void); /* NULL when memory is out */
void key_rings_free(struct key_rings *rings);

/* key_ring_take: what stands in the file now, for key_ring_release(). A file that can't be read or isn't one of keys: NULL
 * with *error (API_UNAVAILABLE, and the reason in the log), for nobody is known then. Any thread. */
struct key_ring *key_ring_take(struct key_rings *rings, const char *path, struct api_error *error);
void key_ring_release(struct key_ring *ring); /* NULL is fine */

/* key_ring_find: NULL when there is none of that id. It lives as long as the ring. */
const struct access_key *key_ring_find(const struct key_ring *ring, const char *id);
size_t key_ring_count(const struct key_ring *ring);

/* key_ring_signing_key: sigv4_signing_key(), remembered for each key. */
int key_ring_signing_key(struct key_ring *ring, const struct access_key *key, const char *date,
    const struct sigv4_scope *scope, unsigned char signing_key[SIGV4_HASH], struct api_error *error);

#endif
