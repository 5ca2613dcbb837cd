/*
 * An event as its line of JSON, and what the agent has to find in such a line again. docs/transfer-log.md describes the
 * members.
 *
 * Written here and not by cJSON: a line must be safe to show, so DEL, U+2028 and the like are escaped, which cJSON doesn't
 * do; and its numbers are doubles, which hold no byte count beyond 2^53.
 */
#ifndef BERTH_EVENT_JSON_H
#define BERTH_EVENT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/event.h"

/* What an event of `length` bytes may become, at the most: a byte that isn't UTF-8 takes three for U+FFFD and, as all bytes
 * of its string, four thirds in base64; a control character takes six. */
#define EVENT_JSON_ROOM(length) (10 * (length) + 1024)

/* event_json_write: the line with its newline; returns its length, or 0 when `size` bytes don't hold it. */
size_t event_json_write(const struct event_session *session, const struct event *event, char *to, size_t size);

/* event_json_mark: whose event a line is, and which. False when it isn't one of event_json_write()'s. */
bool event_json_mark(const char *line, size_t length, char session[SESSION_ID_LENGTH + 1], uint64_t *sequence);

#endif
