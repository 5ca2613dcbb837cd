/*
 * The AWS command line's shorthand syntax: a structure written as Key=value,Key=value.
 *
 *   structure  member *("," member)
 *   member     name "=" value            name: letters, digits and _ . # / -
 *   value      string *("," string)      several strings are a list; a list ends where the next "name=" begins
 *            | "[" [value *("," value)] "]"
 *            | "{" structure "}"
 *   string     '…' | "…" | plain         in quotes \\ and the escaped quote stand for themselves
 *
 * A plain string ends at a comma (written \, inside one), within brackets also at the bracket that closes. White space
 * around it is dropped. Unlike there, a plain string may hold "${…}", as Targets do.
 */
#ifndef BERTH_SHORTHAND_H
#define BERTH_SHORTHAND_H

#include <cjson/cJSON.h>

#include "common/model/error.h"

/* shorthand_parse: an object of strings, lists and objects, which the caller frees; or NULL with *error. */
cJSON *shorthand_parse(const char *text, struct api_error *error);

#endif
