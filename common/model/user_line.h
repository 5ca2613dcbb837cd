/*
 * A user as one line of JSON, which `berth export` writes and `berth import` reads: DescribeUser's User.
 */
#ifndef BERTH_USER_LINE_H
#define BERTH_USER_LINE_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "common/host/config.h"
#include "common/model/error.h"
#include "common/model/record.h"

/* user_line_write: the line, without its line end, and without control characters, which are escaped: it may be shown on a
 * terminal. cJSON_free() releases it. NULL when memory is out. */
char *user_line_write(const struct user_record *user, const struct config *config, struct api_error *error);

/* What a line says. Of its keys, those without an SshPublicKeyId have an empty id, and their bits aren't set. */
struct user_line {
	struct user_record user;
	uint64_t ids_given, dates_given; /* bit N: of the record's key N */
	char name[USER_NAME_MAX + 1];    /* for messages: what stands as UserName, whatever else is wrong; or "" */
};

/*
 * user_line_read: a line, judged as a CreateUser for the server would be, all its faults of shape at once. Arn and ServerId
 * are passed over; a key keeps its id and date. Returns 0, or -1 with *error; either way user_line_free() releases it.
 */
int user_line_read(const char *text, size_t length, const char *server_id, const struct config *config,
    struct user_line *line, struct api_error *error);
/* user_line_read_json: the same of a line that operation_parse() has parsed, or that was made in its place; its ServerId is
 * changed. */
int user_line_read_json(cJSON *object, const char *server_id, const struct config *config, struct user_line *line,
    struct api_error *error);
void user_line_free(struct user_line *line);

/* user_line_complete: the ids and dates that the line doesn't give: those that the same keys have in `stored` (may be NULL),
 * else new ones. Returns 0 or -1. */
int user_line_complete(struct user_line *line, const struct user_record *stored, struct api_error *error);

/*
 * user_line_differences: the members in which the line differs from the user that is stored, "HomeDirectory, Tags", into
 * members; "" when they are the same. The order of keys and tags, and ids and dates that the line doesn't give, don't count.
 */
#define USER_LINE_MEMBERS_MAX 160
void user_line_differences(const struct user_line *line, const struct user_record *stored,
    char members[USER_LINE_MEMBERS_MAX]);

#endif
