/*
 * The store as the agent has it open: opened when it is first needed, and again after a failure or when another has taken
 * its place, at most once a second. So a store that is made, restored or unlocked after the agent's start is served within
 * a second.
 */
#ifndef BERTH_STORE_HANDLE_H
#define BERTH_STORE_HANDLE_H

#include <stdint.h>

#include "common/host/config.h"
#include "common/model/error.h"
#include "common/store/store.h"

struct remote;

struct store_handle {
	struct remote *remote;     /* of a store kept elsewhere, which is asked through it (remote.h); NULL: a local one */
	struct store *store;       /* NULL: not open */
	int64_t tried;             /* milliseconds of CLOCK_MONOTONIC of the last attempt to open; 0: none */
	int64_t looked;            /* the same of the last look whether it has moved */
	char reason[256];          /* why it isn't open, as it was logged last */
};

/* store_handle_get: the open store, or NULL after the reason was logged (each reason once). It may close the one that an
 * earlier call returned. */
struct store *store_handle_get(struct store_handle *handle, const struct config *config);

/* store_handle_failed: a call failed with *error; logs it, and lets go of a store that can't be read. */
void store_handle_failed(struct store_handle *handle, const struct api_error *error);

/* store_handle_close: forgets a local store and the last attempt: the next get opens it anew. */
void store_handle_close(struct store_handle *handle);

#endif
