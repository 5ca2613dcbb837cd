/*
 * ARNs, by which tags are addressed: arn:aws:transfer:REGION:ACCOUNT:server/ID and …:user/ID/NAME. Region and account are
 * the configuration's.
 */
#ifndef BERTH_ARN_H
#define BERTH_ARN_H

#include <stdbool.h>

#include "common/host/config.h"
#include "common/model/error.h"
#include "common/wire/limits.h"

#define ARN_MAX 1600 /* characters, by the API's shape */

struct arn {
	char server_id[SERVER_ID_LENGTH + 1];
	char user_name[USER_NAME_MAX + 1]; /* "": the server itself */
};

/* arn_write: user_name NULL: the server's. text: ARN_MAX + 1 bytes. */
void arn_write(const struct config *config, const char *server_id, const char *user_name, char *text);
/* arn_parse: returns 0, or -1 with API_INVALID_REQUEST when it is no server's or user's of this configuration. Whether there
 * is one, the store knows. */
int arn_parse(const struct config *config, const char *text, struct arn *arn, struct api_error *error);
/* arn_split: takes the text apart without asking whether what lies before the id is anybody's: what a log says was meant.
 * False when there is no server's id in it. */
bool arn_split(const char *text, struct arn *arn);

#endif
