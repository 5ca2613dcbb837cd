/*
 * A request that a test changes and has judged. It is signed here from its canonical form, written out: what this signer has
 * in common with the code under test is OpenSSL alone.
 */
#ifndef BERTH_TEST_SIGV4_MESSAGE_H
#define BERTH_TEST_SIGV4_MESSAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "api_server/sigv4.h"
#include "tests/unit/sigv4_vectors.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define HEADERS_MAX (SIGV4_HEADERS_MAX + 2)
#define SCOPE_TEXT "20150830/us-east-1/service/aws4_request"
#define TARGET "TransferService.DescribeUser"
#define TYPE "application/x-amz-json-1.1; charset=utf-8"
#define BODY "{\"ServerId\":\"s-0123456789abcdef0\",\"UserName\":\"alice\"}"
#define RIGHT_FORM "AWS4-HMAC-SHA256 Credential=$C, SignedHeaders=$H, Signature=$S"
#define SIGNED "content-type;host;x-amz-date;x-amz-target"
#define MISMATCH "The request signature we calculated does not match the signature you provided."

static const struct sigv4_scope SCOPE = { VECTOR_REGION, VECTOR_SERVICE };

/* A request that a test may change; its texts are its own. */
struct message {
	char *method, *path, *query, *body;
	struct sigv4_header headers[HEADERS_MAX];
	size_t count;
};

/* The free()s of what this file copied: the members are constant for everybody else. */
static inline void
release(const char *text)
{
	free((void *)(uintptr_t)text);
}

static inline char *
copy(const char *text)
{
	char *made = strdup(text);

	assert_non_null(made);
	return made;
}

static inline void
add(struct message *message, const char *name, const char *value)
{
	assert_true(message->count < HEADERS_MAX);
	message->headers[message->count++] = (struct sigv4_header) { copy(name), copy(value) };
}

static inline struct sigv4_header *
find(struct message *message, const char *name)
{
	size_t i;

	for (i = 0; i < message->count; i++)
		if (strcasecmp(message->headers[i].name, name) == 0)
			return &message->headers[i];
	fail_msg("no header %s", name);
	return NULL;
}

static inline void
set(struct message *message, const char *name, const char *value)
{
	struct sigv4_header *header = find(message, name);

	release(header->value);
	header->value = copy(value);
}

static inline void
drop(struct message *message, size_t at)
{
	release(message->headers[at].name);
	release(message->headers[at].value);
	message->count--;
	memmove(&message->headers[at], &message->headers[at + 1], (message->count - at) * sizeof(*message->headers));
}

static inline void
drop_named(struct message *message, const char *name)
{
	drop(message, (size_t)(find(message, name) - message->headers));
}

static inline void
release_message(struct message *message)
{
	free(message->method);
	free(message->path);
	free(message->query);
	free(message->body);
	while (message->count > 0)
		drop(message, message->count - 1);
}

static inline void
hash_text(const char *text, unsigned char hash[SIGV4_HASH])
{
	assert_int_equal(EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL), 1);
}

static inline void
hex_of(const unsigned char hash[SIGV4_HASH], char hex[2 * SIGV4_HASH + 1])
{
	size_t i;

	for (i = 0; i < SIGV4_HASH; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

static inline void
code_of(unsigned char key[SIGV4_HASH], const char *text)
{
	assert_non_null(HMAC(EVP_sha256(), key, SIGV4_HASH, (const unsigned char *)text, strlen(text), key, NULL));
}

static inline void
make_signing_key(unsigned char key[SIGV4_HASH])
{
	static const char SEED[] = "AWS4" VECTOR_SECRET;

	assert_non_null(HMAC(EVP_sha256(), SEED, sizeof(SEED) - 1, (const unsigned char *)"20150830", 8, key, NULL));
	code_of(key, VECTOR_REGION);
	code_of(key, VECTOR_SERVICE);
	code_of(key, "aws4_request");
}

/* The signature of a canonical request, written out without its last line, the body's hash. */
static inline void
sign(const char *canonical, const char *body, char signature[2 * SIGV4_HASH + 1])
{
	unsigned char hash[SIGV4_HASH], key[SIGV4_HASH];
	char hex[2 * SIGV4_HASH + 1], text[256], *whole;

	hash_text(body, hash);
	hex_of(hash, hex);
	assert_true(asprintf(&whole, "%s\n%s", canonical, hex) > 0);
	hash_text(whole, hash);
	free(whole);
	hex_of(hash, hex);
	snprintf(text, sizeof(text), "AWS4-HMAC-SHA256\n" VECTOR_TIME "\n" SCOPE_TEXT "\n%s", hex);
	make_signing_key(key);
	code_of(key, text);
	hex_of(key, signature);
}

/* A template's $C, $H and $S replaced. */
static inline char *
fill_in(const char *template, const char *credential, const char *signed_headers, const char *signature)
{
	size_t size;
	char *text;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	for (; *template != '\0'; template++) {
		if (*template != '$') {
			fputc(*template, to);
			continue;
		}
		template++;
		fputs(*template == 'C' ? credential : *template == 'H' ? signed_headers : signature, to);
	}
	assert_int_equal(fclose(to), 0);
	return text;
}

static inline void
authorize(struct message *message, const char *template, const char *credential, const char *signed_headers,
    const char *signature)
{
	char *text = fill_in(template, credential, signed_headers, signature);

	add(message, "Authorization", text);
	free(text);
}

/* What SDKs send for DescribeUser. */
static inline void
describe_user(struct message *message, const char *template)
{
	char signature[2 * SIGV4_HASH + 1];

	*message = (struct message) { .method = copy("POST"), .path = copy("/"), .query = copy(""), .body = copy(BODY) };
	add(message, "Host", "127.0.0.1:8443");
	add(message, "X-Amz-Date", VECTOR_TIME);
	add(message, "X-Amz-Target", TARGET);
	add(message, "Content-Type", TYPE);
	sign("POST\n/\n\ncontent-type:" TYPE "\nhost:127.0.0.1:8443\nx-amz-date:" VECTOR_TIME "\nx-amz-target:" TARGET
	    "\n\n" SIGNED, BODY, signature);
	authorize(message, template, VECTOR_KEY_ID "/" SCOPE_TEXT, SIGNED, signature);
}

struct outcome {
	int read, verify; /* verify: -1 too when it wasn't asked */
	struct sigv4_authorization authorization;
	struct api_error error;
};

static inline struct sigv4_request
request_of(const struct message *message)
{
	return (struct sigv4_request) { message->method, message->path, message->query, message->headers, message->count };
}

static inline void
judge_at(struct message *message, time_t now, struct outcome *outcome)
{
	struct sigv4_request request = request_of(message);
	unsigned char key[SIGV4_HASH], hash[SIGV4_HASH];
	const char *secret;

	memset(outcome, 0, sizeof(*outcome));
	outcome->verify = -1;
	outcome->read = sigv4_read(&request, &SCOPE, now, &outcome->authorization, &outcome->error);
	if (outcome->read == -1)
		return;
	/* A signature says nothing of the key's id but by the secret that belongs to it. */
	secret = strcmp(outcome->authorization.key_id, VECTOR_KEY_ID) == 0 ? VECTOR_SECRET : "another key's";
	assert_int_equal(sigv4_signing_key(secret, outcome->authorization.date, &SCOPE, key, &outcome->error), 0);
	hash_text(message->body, hash);
	outcome->verify = sigv4_verify(&request, &outcome->authorization, &SCOPE, key, hash, &outcome->error);
}

static inline void
accepted(struct message *message)
{
	struct outcome outcome;

	judge_at(message, VECTOR_SECONDS, &outcome);
	if (outcome.verify == -1)
		fail_msg("%s", outcome.error.message);
	assert_string_equal(outcome.authorization.key_id, VECTOR_KEY_ID);
	release_message(message);
}

static inline void
refused_at(struct message *message, time_t now, enum api_code code, const char *text)
{
	struct outcome outcome;

	judge_at(message, now, &outcome);
	if (outcome.verify == 0)
		fail_msg("taken, and not refused with \"%s\"", text);
	if (outcome.error.code != code || strstr(outcome.error.message, text) == NULL)
		fail_msg("%s: %s, and not \"%s\"", api_error_name(outcome.error.code), outcome.error.message, text);
	release_message(message);
}

static inline void
refused(struct message *message, enum api_code code, const char *text)
{
	refused_at(message, VECTOR_SECONDS, code, text);
}

static inline void
vector_message(const struct vector *vector, struct message *message)
{
	char *target = copy(vector->target), *question = strchr(target, '?');
	char *headers = copy(vector->headers), *rest = headers, *header, *colon;

	if (question != NULL)
		*question++ = '\0';
	*message = (struct message) { .method = copy(vector->method), .path = copy(target),
		.query = copy(question != NULL ? question : ""), .body = copy(vector->body) };
	add(message, "Host", VECTOR_HOST);
	add(message, "X-Amz-Date", VECTOR_TIME);
	while ((header = strsep(&rest, "|")) != NULL && *header != '\0') {
		colon = strchr(header, ':');
		*colon = '\0';
		add(message, header, colon + 1);
	}
	authorize(message, RIGHT_FORM, VECTOR_KEY_ID "/" SCOPE_TEXT, vector->signed_headers, vector->signature);
	free(target);
	free(headers);
}

#endif
