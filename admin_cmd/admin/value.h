/*
 * A flag's words to the member's JSON: file:// and fileb:// read, shorthand and JSON parsed, numbers made numbers.
 */
#ifndef BERTH_VALUE_H
#define BERTH_VALUE_H

#include <cjson/cJSON.h>

#include "common/model/error.h"
#include "common/model/shapes.h"

/* A file behind file:// may be this long: all of a user's mappings are at most 8 MiB, and JSON may be written wide. */
#define VALUE_FILE_MAX (16 * 1024 * 1024)

/* value_parse: words are what followed the member's flag on the command line. Returns the JSON, which the caller frees; or
 * NULL with *error, its message whole and fit for people. */
cJSON *value_parse(const struct shape_member *member, const char *const *words, size_t word_count, struct api_error *error);

/* value_load: the word itself, or what stands in the file that it names. The caller frees it; NULL with *error. */
char *value_load(const char *flag_name, const char *word, struct api_error *error);

/* value_number: a whole number in decimal digits; -1 when it isn't one. */
int value_number(const char *text, double *number);

/* value_member_shape: of a structure's member; NULL when it has none of that name. */
const struct shape *value_member_shape(const struct shape *shape, const char *name);

#endif
