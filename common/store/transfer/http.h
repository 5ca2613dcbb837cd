/*
 * HTTP as a store elsewhere and the sources of its credentials need it, on libcurl: one request, one answer of bounded size
 * within a time limit, over connections that are kept.
 */
#ifndef BERTH_HTTP_H
#define BERTH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/error.h"

/* A client keeps its connections open between requests. Used by one thread at a time. */
struct http_client;

/* What a request is signed with (Signature Version 4). */
struct http_signature {
	const char *access_key_id, *secret_access_key;
	const char *session_token; /* NULL: none */
	const char *region, *service;
};

struct http_request {
	const char *method; /* "GET", "POST", "PUT" */
	const char *url;
	const char *const *headers; /* "Name: value", none empty, NULL at the end; NULL: none. All are signed */
	const void *body;           /* NULL: none */
	size_t body_length;
	const struct http_signature *signature; /* NULL: not signed */
	const char *ca;     /* certificates that the peer's must descend from, PEM; NULL: the system's */
	bool direct;        /* through no proxy, whatever the environment says */
	bool once;          /* over a new connection: one that has been closed meanwhile would make curl send it again */
	int connect_ms;     /* for the connection, TLS included */
	int64_t deadline;   /* for all of it (common/wire/deadline.h) */
	size_t answer_max;  /* a longer body is a failure */
};

struct http_answer {
	long status;        /* 200 … */
	char *body;         /* closed with NUL, which doesn't count; http_answer_free() releases it */
	size_t length;
	int64_t retry_after_ms; /* what Retry-After said; -1: nothing */
	int64_t date;       /* what Date said, in seconds since 1970; -1: nothing */
	char error_type[128]; /* what x-amzn-ErrorType said; "": nothing, or too much */
	bool sent;          /* without an answer, too: some of the request is on its way, and may be acted on */
};

/* http_client_new: NULL when memory is out. */
struct http_client *http_client_new(void);
void http_client_free(struct http_client *client); /* NULL is fine */

/*
 * http_send: returns 0 once a whole answer is there, whatever its status; http_answer_free() releases it. Or -1 with *error,
 * API_UNAVAILABLE, whose message says what couldn't be done ("https://… can't be reached: connection refused"); then there
 * is nothing to release. No redirection is followed. The certificate and the host's name are always verified.
 */
int http_send(struct http_client *client, const struct http_request *request, struct http_answer *answer,
    struct api_error *error);
void http_answer_free(struct http_answer *answer);

#endif
