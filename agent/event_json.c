/*
 * Events written as lines of JSON.
 */
#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>

#include "agent/event_json.h"
#include "common/model/json_line.h"
#include "common/model/text.h"

#define MICROSECONDS 1000000

#define MARK_TIME     "{\"time\":\""
#define MARK_SESSION  "\",\"session\":\""
#define MARK_SEQUENCE "\",\"sequence\":"

/* put_base64: EVP_EncodeBlock() closes with a NUL, for which there must be room too. */
static void
put_base64(struct json_line *line, const char *bytes, size_t length)
{
	if ((length + 2) / 3 * 4 >= (size_t)(line->end - line->at)) {
		line->overflow = true;
		return;
	}
	line->at += EVP_EncodeBlock((unsigned char *)line->at, (const unsigned char *)bytes, (int)length);
}

/* put_exact: a member that may be any bytes, which base64 keeps when they aren't UTF-8. Nothing for an empty one. */
static void
put_exact(struct json_line *line, const char *name, const char *value)
{
	size_t length = strlen(value);

	if (length == 0)
		return;
	json_line_put(line, ",");
	json_line_string(line, name, value);
	if (text_is_utf8(value, length, NULL))
		return;
	json_line_put(line, ",\"%s_base64\":\"", name);
	put_base64(line, value, length);
	json_line_put(line, "\"");
}

static void
put_identity(struct json_line *line, const struct event_session *session)
{
	json_line_put(line, ",");
	json_line_string(line, "server", session->server_id);
	json_line_put(line, ",");
	json_line_string(line, "user", session->user);
	json_line_put(line, ",\"uid\":%" PRIu32 ",", session->uid);
	json_line_string(line, "client", session->client);
	json_line_put(line, ",\"port\":%" PRIu32 ",", session->client_port);
	json_line_string(line, "key", session->fingerprint);
}

static void
put_outcome(struct json_line *line, const struct event *event)
{
	if (event->flags & EVENT_HAS_BYTES)
		json_line_put(line, ",\"bytes\":%" PRIu64, event->bytes);
	if (event->flags & EVENT_HAS_DURATION)
		json_line_put(line, ",\"duration\":%" PRIu64 ".%06" PRIu64, event->duration / MICROSECONDS,
		    event->duration % MICROSECONDS);
	if (event->status[0] != '\0') {
		json_line_put(line, ",");
		json_line_string(line, "status", event->status);
	}
	if (event_operation_is_transfer(event->operation))
		json_line_put(line, ",\"complete\":%s", event->flags & EVENT_COMPLETE ? "true" : "false");
	if (event->flags & EVENT_CUT)
		json_line_put(line, ",\"cut\":true");
	if (event->corrects != 0)
		json_line_put(line, ",\"corrects\":%" PRIu64, event->corrects);
}

static void
put_totals(struct json_line *line, const struct event_totals *totals)
{
	json_line_put(line, ",\"totals\":{\"files_put\":%" PRIu64 ",\"files_got\":%" PRIu64 ",\"bytes_put\":%" PRIu64
	    ",\"bytes_got\":%" PRIu64 ",\"operations\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"dropped\":%" PRIu64 "}",
	    totals->files_put, totals->files_got, totals->bytes_put, totals->bytes_got, totals->operations, totals->failed,
	    totals->dropped);
}

size_t
event_json_write(const struct event_session *session, const struct event *event, char *to, size_t size)
{
	struct json_line line = { .at = to, .end = to + size };

	json_line_put(&line, MARK_TIME);
	json_line_time(&line, event->time);
	json_line_put(&line, MARK_SESSION "%s" MARK_SEQUENCE "%" PRIu64, session->id, event->sequence);
	put_identity(&line, session);
	json_line_put(&line, ",\"operation\":\"%s\"", event_operation_name(event->operation));
	put_exact(&line, "path", event->path);
	put_exact(&line, "target", event->target);
	put_exact(&line, "new_path", event->new_path);
	put_exact(&line, "new_target", event->new_target);
	put_outcome(&line, event);
	put_exact(&line, "text", event->text);
	if (event->operation == EVENT_DROPPED)
		json_line_put(&line, ",\"dropped\":%" PRIu64, event->totals.dropped);
	if (event->operation == EVENT_SESSION_CLOSE)
		put_totals(&line, &event->totals);
	json_line_put(&line, "}");
	json_line_bytes(&line, "\n", 1);
	return line.overflow ? 0 : (size_t)(line.at - to);
}

/* skip: moves *at past the text when it stands there. */
static bool
skip(const char **at, const char *end, const char *text)
{
	size_t length = strlen(text);

	if ((size_t)(end - *at) < length || memcmp(*at, text, length) != 0)
		return false;
	*at += length;
	return true;
}

static bool
read_id(const char **at, const char *end, char session[SESSION_ID_LENGTH + 1])
{
	if (end - *at < SESSION_ID_LENGTH)
		return false;
	memcpy(session, *at, SESSION_ID_LENGTH);
	session[SESSION_ID_LENGTH] = '\0';
	*at += SESSION_ID_LENGTH;
	return session_id_valid(session);
}

static bool
read_number(const char *at, const char *end, uint64_t *number)
{
	for (*number = 0; at < end && *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(*number, 10, number) || __builtin_add_overflow(*number, *at - '0', number))
			return false;
	}
	return *number > 0 && at < end && *at == ',';
}

bool
event_json_mark(const char *line, size_t length, char session[SESSION_ID_LENGTH + 1], uint64_t *sequence)
{
	const char *at = line, *end = line + length;

	if (!skip(&at, end, MARK_TIME) || end - at < JSON_LINE_TIME_LENGTH)
		return false;
	at += JSON_LINE_TIME_LENGTH;
	return skip(&at, end, MARK_SESSION) && read_id(&at, end, session) && skip(&at, end, MARK_SEQUENCE) &&
	    read_number(at, end, sequence);
}
