/*
 * An error as the API's protocol writes it.
 */
#ifndef BERTH_ERROR_JSON_H
#define BERTH_ERROR_JSON_H

#include <cjson/cJSON.h>

#include "common/model/error.h"

/* api_error_json: {"__type":"ResourceNotFoundException","Message":…,"Resource":…,"ResourceType":…}, with the members that
 * this kind of error has; RetryAfterSeconds is a string. The caller frees it; NULL when memory is out. */
cJSON *api_error_json(const struct api_error *error);

#endif
