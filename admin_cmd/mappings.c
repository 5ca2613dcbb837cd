#include "admin_cmd/mappings.h"

#include <stddef.h>
#include <string.h>

int
mappings_complete(cJSON *request, struct api_error *error)
{
	const cJSON *mappings = cJSON_GetObjectItemCaseSensitive(request, "HomeDirectoryMappings");
	cJSON *mapping;
	size_t index = 0;

	cJSON_ArrayForEach(mapping, mappings) {
		const char *target = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(mapping, "Target"));

		index++;
		if (target == NULL || cJSON_GetObjectItemCaseSensitive(mapping, "Entry") != NULL)
			continue;
		/* Variables are expanded in Targets alone: the user would see a directory named "${Transfer:UserName}". */
		if (strstr(target, "${") != NULL)
			return api_fail(error, API_VALIDATION, "Parameter validation failed: "
			    "Missing required parameter in HomeDirectoryMappings[%zu]: \"Entry\" "
			    "(only a Target without ${...} stands for both)", index - 1);
		if (cJSON_AddStringToObject(mapping, "Entry", target) == NULL)
			return api_fail(error, API_INTERNAL, "No memory");
	}
	return 0;
}
