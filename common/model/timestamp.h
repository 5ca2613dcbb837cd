/* Points in time as the API has them: seconds since 1970, with milliseconds. */
#ifndef BERTH_TIMESTAMP_H
#define BERTH_TIMESTAMP_H

#include <stdbool.h>

#include <cjson/cJSON.h>

double timestamp_now(void);

/* timestamp_read: a number of seconds, as the API sends it, or a text as the AWS command line prints it,
 * "2024-05-06T07:08:09.123000+00:00" (or "Z"; the fraction may be missing). Returns false when it is neither, or not between
 * the years 1970 and 9999. */
bool timestamp_read(const cJSON *value, double *seconds);

/* timestamp_same: equal to the millisecond, which is as exact as the API is. */
bool timestamp_same(double one, double other);

#endif
