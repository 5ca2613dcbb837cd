#include "api_server/pages.h"

#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PLAIN   "text/plain; charset=utf-8"
#define METRICS "text/plain; version=0.0.4; charset=utf-8"

static void
say(struct answer *answer, unsigned status, const char *text)
{
	char *copy = strdup(text);

	answer_text(answer, status, PLAIN, copy, copy != NULL ? strlen(copy) : 0);
}

void
pages_health(struct api *api, const struct settings *settings, struct answer *answer)
{
	if (connections_stopping(api->connections))
		say(answer, 503, "stopping\n");
	else if (!calls_ready(api->calls, &settings->config))
		say(answer, 503, "the store can't be read\n");
	else
		say(answer, 200, "ok\n");
}

/* brings_token: in a time that says nothing about the token. */
static bool
brings_token(const struct settings *settings, const char *authorization)
{
	static const char SCHEME[] = "Bearer ";
	const char *token = settings->metrics_token;

	if (token == NULL || authorization == NULL || strncasecmp(authorization, SCHEME, strlen(SCHEME)) != 0)
		return false;
	authorization += strlen(SCHEME);
	return strlen(authorization) == strlen(token) && gnutls_memcmp(authorization, token, strlen(token)) == 0;
}

void
pages_metrics(struct api *api, const struct settings *settings, bool loopback, const char *authorization,
    struct answer *answer)
{
	struct metrics_now now = { 0 };
	struct connections_now connections;
	size_t length = 0;
	char *text;

	if (!loopback && !brings_token(settings, authorization)) {
		say(answer, 403, "metrics are for this host, or for who brings the token\n");
		return;
	}
	connections_count(api->connections, &connections);
	now.connections = connections.open;
	now.requests = connections.requests;
	now.timed_out = connections.timed_out;
	now.audit_lost = audit_lost(api->audit);
	calls_count(api->calls, &now.writes, &now.commits);
	text = metrics_text(api->metrics, &now, &length);
	if (text == NULL)
		say(answer, 503, "out of memory\n");
	else
		answer_text(answer, 200, METRICS, text, length);
}
