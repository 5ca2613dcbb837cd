#include "common/model/arn.h"

#include <stdio.h>
#include <string.h>

#include "common/model/patterns.h"

void
arn_write(const struct config *config, const char *server_id, const char *user_name, char *text)
{
	snprintf(text, ARN_MAX + 1, "arn:aws:transfer:%s:%s:%s/%s%s%s", config->region, config->account_id,
	    user_name == NULL ? "server" : "user", server_id, user_name == NULL ? "" : "/",
	    user_name == NULL ? "" : user_name);
}

bool
arn_split(const char *text, struct arn *arn)
{
	const char *slash = strchr(text, '/');
	size_t length;

	memset(arn, 0, sizeof(*arn));
	if (slash == NULL)
		return false;
	length = strcspn(slash + 1, "/");
	if (length != SERVER_ID_LENGTH)
		return false;
	memcpy(arn->server_id, slash + 1, length);
	if (!pattern_server_id(arn->server_id))
		return false;
	if (slash[1 + length] == '\0')
		return true;
	if (!pattern_user_name(slash + 2 + length))
		return false;
	snprintf(arn->user_name, sizeof(arn->user_name), "%s", slash + 2 + length);
	return true;
}

int
arn_parse(const struct config *config, const char *text, struct arn *arn, struct api_error *error)
{
	char ours[ARN_MAX + 1];

	if (arn_split(text, arn)) {
		arn_write(config, arn->server_id, arn->user_name[0] == '\0' ? NULL : arn->user_name, ours);
		if (strcmp(text, ours) == 0)
			return 0;
	}
	return api_fail(error, API_INVALID_REQUEST,
	    "Arn: \"%.300s\" is no server's or user's here; it is written "
	    "arn:aws:transfer:%s:%s:server/ID or …:user/ID/NAME", text, config->region, config->account_id);
}
