/*
 * What an operation is called with, beyond its flags: the members of --cli-input-json, and whether all of them have names
 * that it knows. The operations themselves pass over an unknown member, and a typing error would be lost.
 */
#ifndef BERTH_REQUEST_H
#define BERTH_REQUEST_H

#include <cjson/cJSON.h>

#include "common/model/error.h"
#include "common/model/shapes.h"

/* request_add_input: adds the members of a JSON object (the word, or the file that it names) which the request doesn't have
 * yet. Returns 0, or -1 with *error. */
int request_add_input(cJSON *request, const char *word, struct api_error *error);

/* request_check: says on stderr, in the AWS command line's words, which members are missing or unknown, at every depth.
 * Returns COMMAND_OK when there are none, else COMMAND_USAGE. */
int request_check(const struct shape *shape, const cJSON *request);

#endif
