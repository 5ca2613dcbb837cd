/*
 * Who sends a request, and whether they may: the signature's parts, the access key, its rate, what it is allowed.
 */
#ifndef BERTH_AUTHORIZE_H
#define BERTH_AUTHORIZE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "api_server/key_ring.h"
#include "api_server/rate.h"
#include "api_server/settings.h"
#include "api_server/sigv4.h"
#include "common/model/error.h"

/* All zero to begin with; authorize_release() ends it. */
struct caller {
	struct sigv4_authorization authorization;
	struct key_ring *ring;
	const struct access_key *key; /* NULL until it is known */
	bool authenticated;
};

/* authorize_headers: all that can be judged before the body: the signature's form, and that its key is known and enabled.
 * authorize_body: that it still is, after a body that may have taken its time; the signature itself; then the key's rate. */
int authorize_headers(struct caller *caller, const struct sigv4_request *request, const struct settings *settings,
    struct key_rings *rings, struct api_error *error);
int authorize_body(struct caller *caller, const struct sigv4_request *request, const struct settings *settings,
    struct key_rings *rings, const unsigned char body_hash[SIGV4_HASH], struct rate *rate, struct api_error *error);
/* authorize_operation: whether the key may run it at all. authorize_call: on that server too. */
int authorize_operation(const struct caller *caller, const char *operation, struct api_error *error);
int authorize_call(const struct caller *caller, const char *operation, const cJSON *request, const struct config *config,
    struct api_error *error);
void authorize_release(struct caller *caller);

#endif
