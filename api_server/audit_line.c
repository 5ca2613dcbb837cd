#include "api_server/audit_line.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "common/model/arn.h"
#include "common/model/json_line.h"
#include "common/model/operations.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/model/shapes.h"
#include "common/model/text.h"

#define WORD_BYTES    128 /* of an id or an address */
#define MESSAGE_BYTES 480 /* of a refusal's message */
#define CUT           "…"

/* What a call was about; "" is unknown, or not written as such a thing is. */
struct subject {
	char server_id[SERVER_ID_LENGTH + 1];
	char user_name[USER_NAME_MAX + 1];
	char key_id[KEY_ID_LENGTH + 1];
};

static void
begin(struct json_line *line)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_REALTIME, &now);
	json_line_text(line, "{\"time\":\"");
	json_line_time(line, (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	json_line_text(line, "\"");
}

static size_t
end(struct json_line *line, const char *start)
{
	json_line_text(line, "}\n");
	return line->overflow ? 0 : (size_t)(line->at - start);
}

/* put_text: a member whose value, when it is longer than `most` bytes, is cut between two characters and marked. */
static void
put_text(struct json_line *line, const char *name, const char *value, size_t most)
{
	char cut[MESSAGE_BYTES + sizeof(CUT)];
	size_t length = strnlen(value, most + 1);

	json_line_text(line, ",");
	if (length <= most) {
		json_line_string(line, name, value);
		return;
	}
	for (length = most; length > 0 && ((unsigned char)value[length] & 0xc0) == 0x80; length--)
		;
	memcpy(cut, value, length);
	memcpy(cut + length, CUT, sizeof(CUT));
	json_line_string(line, name, cut);
}

static void
put_known(struct json_line *line, const char *name, const char *value)
{
	if (value[0] != '\0')
		put_text(line, name, value, WORD_BYTES);
}

/* copy_if: a member's text, if it is written as such a thing is. The object may be NULL, and hold anything. */
static void
copy_if(const cJSON *object, const char *member, bool (*matches)(const char *), char *to, size_t size)
{
	const char *text = record_json_string(object, member);

	if (text != NULL && strlen(text) < size && matches(text))
		strcpy(to, text);
}

/* requested: the request when the operation looks at this member of it, else NULL. */
static const cJSON *
requested(const struct audit_entry *entry, const char *member)
{
	return entry->operation != NULL && shapes_has_member(entry->operation, member) ? entry->request : NULL;
}

static void
find_subject(const struct audit_entry *entry, struct subject *subject)
{
	const char *text = record_json_string(requested(entry, "Arn"), "Arn");
	struct arn arn;

	memset(subject, 0, sizeof(*subject));
	if (text != NULL && arn_split(text, &arn)) {
		memcpy(subject->server_id, arn.server_id, sizeof(arn.server_id));
		memcpy(subject->user_name, arn.user_name, sizeof(arn.user_name));
	}
	copy_if(requested(entry, "UserName"), "UserName", pattern_user_name, subject->user_name, sizeof(subject->user_name));
	for (int i = 0; i < 2; i++) {
		copy_if(i == 0 ? requested(entry, "ServerId") : entry->response, "ServerId", pattern_server_id,
		    subject->server_id, sizeof(subject->server_id));
		copy_if(i == 0 ? requested(entry, "SshPublicKeyId") : entry->response, "SshPublicKeyId", pattern_ssh_key_id,
		    subject->key_id, sizeof(subject->key_id));
	}
}

/* is_subject: members that say what a call is about, and not what it changes there. */
static bool
is_subject(const char *member)
{
	static const char *const SUBJECTS[] = { "ServerId", "UserName", "Arn", "SshPublicKeyId" };

	for (size_t i = 0; i < sizeof(SUBJECTS) / sizeof(*SUBJECTS); i++)
		if (strcmp(member, SUBJECTS[i]) == 0)
			return true;
	return false;
}

/* put_changed: the shape's own names, as far as the request has them: nothing that a client could make up. */
static void
put_changed(struct json_line *line, const struct audit_entry *entry)
{
	const struct shape_member *member;
	const char *before = ",\"changed\":[";

	if (entry->request == NULL || entry->error != NULL || !operation_writes(entry->operation))
		return;
	for (member = shapes_request(entry->operation)->members; member->name != NULL; member++) {
		if (is_subject(member->name) || record_json_member(entry->request, member->name) == NULL)
			continue;
		json_line_text(line, before);
		json_line_put(line, "\"%s\"", member->name);
		before = ",";
	}
	if (before[1] == '\0')
		json_line_text(line, "]");
}

static void
put_result(struct json_line *line, const struct api_error *error)
{
	json_line_text(line, ",");
	json_line_string(line, "result", error == NULL ? "ok" : api_error_name(error->code));
	if (error != NULL)
		put_text(line, "message", error->message, MESSAGE_BYTES);
}

size_t
audit_line_write(const struct audit_entry *entry, char *to, size_t size)
{
	struct json_line line = { .at = to, .end = to + size };
	struct subject subject;

	find_subject(entry, &subject);
	begin(&line);
	put_text(&line, "request", entry->request_id, WORD_BYTES);
	put_known(&line, "key", entry->key_id);
	json_line_text(&line, entry->authenticated ? ",\"authenticated\":true" : ",\"authenticated\":false");
	put_text(&line, "client", entry->address, WORD_BYTES);
	json_line_put(&line, ",\"port\":%u", entry->port);
	if (entry->operation != NULL)
		put_text(&line, "operation", entry->operation, WORD_BYTES);
	put_known(&line, "server", subject.server_id);
	put_known(&line, "user", subject.user_name);
	put_known(&line, "ssh_public_key", subject.key_id);
	put_result(&line, entry->error);
	if (entry->operation != NULL)
		put_changed(&line, entry);
	json_line_put(&line, ",\"milliseconds\":%" PRId64 ".%03d", entry->microseconds / 1000,
	    (int)(entry->microseconds % 1000));
	return end(&line, to);
}

size_t
audit_line_suppressed(unsigned long count, char *to, size_t size)
{
	struct json_line line = { .at = to, .end = to + size };

	begin(&line);
	json_line_put(&line, ",\"suppressed\":%lu", count);
	return end(&line, to);
}
