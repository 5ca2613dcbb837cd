#include <stdio.h>
#include <string.h>

#include "session_helper/sshd_line.h"

#define OWN_MAX 256

/* The words before the session's client, whether its user stands there, and whether the client's own text follows. */
static const struct {
	const char *words;
	bool user, text_follows;
} forms[] = {
	{ "Received disconnect from ", false, true },
	{ "Disconnected from ", true, false },
	{ "Connection closed by ", true, false },
	{ "Connection reset by ", true, false },
	{ "Timeout, client not responding from ", true, false },
};

bool
sshd_line_is_own(const struct syslog_line *line, const struct event_session *session)
{
	char own[OWN_MAX];
	size_t length;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		snprintf(own, sizeof(own), "%s%s%s%s%s port %u%s", forms[i].words, forms[i].user ? "user " : "",
		    forms[i].user ? session->user : "", forms[i].user ? " " : "", session->client, session->client_port,
		    forms[i].text_follows ? ":" : "");
		length = strlen(own);
		if (line->message_length < length || memcmp(line->message, own, length) != 0)
			continue;
		if (forms[i].text_follows || line->message_length == length)
			return true;
	}
	return false;
}
