#include "api_server/body.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BODY_FIRST ((size_t)4 * 1024)

int
body_too_large(struct api_error *error)
{
	return api_fail(error, API_SERIALIZATION, "The request body is too large: at most %zu bytes are taken", BODY_MAX);
}

int
body_begin(struct body *body, struct body_total *total, struct api_error *error)
{
	body->total = total;
	if (gnutls_hash_init(&body->hash, GNUTLS_DIG_SHA256) == 0)
		return 0;
	body->hash = NULL;
	return api_fail_memory(error);
}

static size_t
beyond_small(size_t size)
{
	return size > BODY_SMALL ? size - BODY_SMALL : 0;
}

bool
body_total_reserve(struct body_total *total, size_t from, size_t to)
{
	size_t more = beyond_small(to) - beyond_small(from);

	/* What takes nothing is never refused, even while another one that will be has been added. */
	if (more == 0 || atomic_fetch_add(&total->bytes, more) + more <= BODY_TOTAL_MAX)
		return true;
	atomic_fetch_sub(&total->bytes, more);
	return false;
}

void
body_total_release(struct body_total *total, size_t size)
{
	atomic_fetch_sub(&total->bytes, beyond_small(size));
}

static int
grow(struct body *body, size_t least, struct api_error *error)
{
	size_t size = body->size > 0 ? body->size : BODY_FIRST;
	char *text;

	while (size < least)
		size *= 2;
	if (!body_total_reserve(body->total, body->size, size))
		return api_fail(error, API_UNAVAILABLE, "Too many large requests at once; try again");
	text = realloc(body->text, size);
	if (text == NULL) {
		atomic_fetch_sub(&body->total->bytes, beyond_small(size) - beyond_small(body->size));
		return api_fail_memory(error);
	}
	body->text = text;
	body->size = size;
	return 0;
}

int
body_append(struct body *body, const char *bytes, size_t length, struct api_error *error)
{
	if (length > BODY_MAX - body->length)
		return body_too_large(error);
	if (length > body->size - body->length && grow(body, body->length + length, error) != 0)
		return -1;
	if (gnutls_hash(body->hash, bytes, length) != 0)
		return api_fail(error, API_INTERNAL, "The request body can't be hashed");
	memcpy(body->text + body->length, bytes, length);
	body->length += length;
	return 0;
}

void
body_hash(struct body *body, unsigned char hash[SIGV4_HASH])
{
	gnutls_hash_output(body->hash, hash);
}

void
body_forget(struct body *body)
{
	if (body->hash != NULL)
		gnutls_hash_deinit(body->hash, NULL);
	body->hash = NULL;
	free(body->text);
	body->text = NULL;
}

void
body_release(struct body *body)
{
	body_forget(body);
	if (body->total != NULL)
		body_total_release(body->total, body->size);
	*body = (struct body){ 0 };
}
