#include "common/store/transfer/credentials_source.h"

#define NAME "environment"

enum source_result
source_environment(struct source_search *search, struct credentials *credentials)
{
	const char *id = source_variable("AWS_ACCESS_KEY_ID"), *secret = source_variable("AWS_SECRET_ACCESS_KEY");
	const char *wrong;

	if (id == NULL && secret == NULL)
		return source_say(search, SOURCE_ABSENT, NAME ": AWS_ACCESS_KEY_ID isn't set");
	if (id == NULL)
		return source_say(search, SOURCE_FAILED, NAME ": AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID isn't");
	if (secret == NULL)
		return source_say(search, SOURCE_FAILED, NAME ": AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY isn't");
	wrong = source_take(credentials, id, secret, source_variable("AWS_SESSION_TOKEN"), 0);
	return wrong == NULL ? SOURCE_FOUND : source_say(search, SOURCE_FAILED, NAME ": %s", wrong);
}
