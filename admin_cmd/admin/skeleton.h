/* What --generate-cli-skeleton prints: a request with every member, to be filled in for --cli-input-json. */
#ifndef BERTH_SKELETON_H
#define BERTH_SKELETON_H

#include <cjson/cJSON.h>

#include "common/model/shapes.h"

/* skeleton_make: an enum's first value, an empty string, 0, or a list of one. The caller frees it; NULL: no memory. */
cJSON *skeleton_make(const struct shape *shape);

#endif
