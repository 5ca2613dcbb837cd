#include "admin_cmd/why/why_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/model/timestamp.h"

#define DAY 86400.0

/* read_old_time: "Nov 22 04:19:26", local time; returns what follows, or NULL. */
static char *
read_old_time(char *line, double now, double *seconds)
{
	time_t current = (time_t)now;
	struct tm local, written;
	char *rest;

	if (localtime_r(&current, &local) == NULL)
		return NULL;
	written = (struct tm){ .tm_year = local.tm_year, .tm_isdst = -1 };
	rest = strptime(line, "%b %d %H:%M:%S", &written);
	if (rest == NULL)
		return NULL;
	/* A clock may be a little ahead of ours. */
	for (int year = local.tm_year; year >= local.tm_year - 8; year--) {
		struct tm tried = written;

		tried.tm_year = year;
		*seconds = (double)mktime(&tried);
		if (*seconds <= now + DAY && tried.tm_mday == written.tm_mday)
			return rest;
	}
	return NULL;
}

/* read_time: either form. */
static char *
read_time(char *line, double now, double *seconds)
{
	size_t length = strcspn(line, " ");
	char text[64];
	cJSON *string;
	bool good;

	if (line[0] < '0' || line[0] > '9')
		return read_old_time(line, now, seconds);
	if (length >= sizeof(text))
		return NULL;
	snprintf(text, sizeof(text), "%.*s", (int)length, line);
	string = cJSON_CreateString(text);
	good = string != NULL && timestamp_read(string, seconds);
	cJSON_Delete(string);
	return good ? line + length : NULL;
}

/* without_repeats: rsyslog may write "message repeated N times: [ MESSAGE]". */
static char *
without_repeats(char *message)
{
	static const char start[] = "message repeated ", middle[] = " times: [ ";
	size_t length = strlen(message);
	char *at = message + strlen(start);

	if (strncmp(message, start, strlen(start)) != 0 || message[length - 1] != ']')
		return message;
	at += strspn(at, "0123456789");
	if (strncmp(at, middle, strlen(middle)) != 0)
		return message;
	message[length - 1] = '\0';
	return at + strlen(middle);
}

bool
why_line_read(char *line, double now, struct why_line *read)
{
	char *at = read_time(line, now, &read->time), *end;
	size_t length;

	if (at == NULL || *at != ' ')
		return false;
	at += 1 + strcspn(at + 1, " "); /* the host */
	if (*at++ != ' ')
		return false;
	length = strcspn(at, "[: ");
	if (length == 0 || length >= sizeof(read->program))
		return false;
	snprintf(read->program, sizeof(read->program), "%.*s", (int)length, at);
	read->pid = 0;
	at += length;
	if (*at == '[') {
		read->pid = (pid_t)strtol(at + 1, &end, 10);
		at = *end == ']' ? end + 1 : end;
	}
	if (strncmp(at, ": ", 2) != 0)
		return false;
	read->message = without_repeats(at + 2);
	return true;
}
