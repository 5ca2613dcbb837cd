/* HomeDirectoryMappings as a command line may write them. */
#ifndef BERTH_MAPPINGS_H
#define BERTH_MAPPINGS_H

#include <cjson/cJSON.h>

#include "common/model/error.h"

/* mappings_complete: a mapping with only a Target is shown as it is: its Entry becomes the Target, ${Transfer:UserName}
 * expanded, which the operation does in Targets alone. A convenience of the command line; the API's shape requires Entry.
 * Returns 0, or -1 with *error. */
int mappings_complete(cJSON *request, struct api_error *error);

#endif
