#include "common/model/error_json.h"

#include <stdio.h>

#include "common/model/record_json.h"

cJSON *
api_error_json(const struct api_error *error)
{
	bool names_resource = error->code == API_NOT_FOUND || error->code == API_EXISTS;
	cJSON *body = cJSON_CreateObject();
	char seconds[16];
	bool well;

	snprintf(seconds, sizeof(seconds), "%u", error->retry_after);
	well = body != NULL && record_json_add_string(body, "__type", api_error_name(error->code)) &&
	    record_json_add_string(body, "Message", error->message) &&
	    record_json_add_string(body, "Resource", names_resource ? error->resource : NULL) &&
	    record_json_add_string(body, "ResourceType", names_resource ? error->resource_type : NULL) &&
	    record_json_add_string(body, "RetryAfterSeconds", error->code == API_THROTTLING ? seconds : NULL);
	if (well)
		return body;
	cJSON_Delete(body);
	return NULL;
}
