/*
 * A request's body: held in memory, as much as has come; never more than BODY_MAX, and of all bodies together what lies
 * beyond each one's first BODY_SMALL never more than BODY_TOTAL_MAX. Hashed as it comes. Answers are bounded in the same
 * way: a reader may be slow.
 */
#ifndef BERTH_BODY_H
#define BERTH_BODY_H

#include <gnutls/crypto.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "api_server/sigv4.h"
#include "common/model/error.h"

#define BODY_MAX       ((size_t)16 * 1024 * 1024)
#define BODY_SMALL     ((size_t)64 * 1024)
#define BODY_TOTAL_MAX ((size_t)64 * 1024 * 1024)

/* What all large bodies, or all large answers, take; zeroed to begin with. */
struct body_total {
	atomic_size_t bytes;
};

/* body_total_reserve: that one of them grows from one size to another; false when that is too much for now.
 * body_total_release: that one of this size has gone. */
bool body_total_reserve(struct body_total *total, size_t from, size_t to);
void body_total_release(struct body_total *total, size_t size);

struct body {
	struct body_total *total;
	char *text;
	size_t length, size;
	gnutls_hash_hd_t hash;
};

/* body_begin: body is all zero; body_release() ends it, whatever happened. body_append: API_SERIALIZATION when it becomes
 * too large, API_UNAVAILABLE when there is no room for it now. Both return 0 or -1. body_hash: of what came, once.
 * body_forget: the text is needed no more, but what has been made of it takes memory still; it counts as before. */
int body_begin(struct body *body, struct body_total *total, struct api_error *error);
int body_append(struct body *body, const char *bytes, size_t length, struct api_error *error);
void body_hash(struct body *body, unsigned char hash[SIGV4_HASH]);
void body_forget(struct body *body);
void body_release(struct body *body);

int body_too_large(struct api_error *error); /* -1 */

#endif
