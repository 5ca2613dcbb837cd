#include "admin_cmd/admin/mappings.h"

#include <stdlib.h>

#include "common/model/record_json.h"
#include "common/model/rules.h"

static int
complete(cJSON *mapping, const char *target, const char *user_name, struct api_error *error)
{
	char *entry = rules_expand(target, user_name);
	const cJSON *added = NULL;

	if (entry != NULL) {
		cJSON_DeleteItemFromObjectCaseSensitive(mapping, "Entry"); /* a null, which is as good as none */
		added = cJSON_AddStringToObject(mapping, "Entry", entry);
	}
	free(entry);
	return added != NULL ? 0 : api_fail_memory(error);
}

int
mappings_complete(cJSON *request, struct api_error *error)
{
	const char *user_name = record_json_string(request, "UserName");
	cJSON *mapping;

	/* Without a name nothing is called. */
	if (user_name == NULL)
		return 0;
	cJSON_ArrayForEach(mapping, record_json_member(request, "HomeDirectoryMappings")) {
		const char *target = record_json_string(mapping, "Target");

		if (target == NULL || record_json_member(mapping, "Entry") != NULL)
			continue;
		if (complete(mapping, target, user_name, error) == -1)
			return -1;
	}
	return 0;
}
