/*
 * The Transfer API's operations: a request as JSON in, a response as JSON out. `berth admin` builds the request from flags;
 * an API server passes on what it was sent. All rules hold here, so that no caller can forget one.
 *
 *   shapes.c       one table: every member's type, length, range, pattern, enum (Transfer's own shapes)
 *   rules.c        what a record must mean
 *   keys.c         SSH public keys, on libssh
 *   record_json.c  a record from and to JSON
 *   operation_*.c  one function an operation
 */
#ifndef BERTH_OPERATIONS_H
#define BERTH_OPERATIONS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "common/host/config.h"
#include "common/model/error.h"
#include "common/store/store.h"

struct operation_context {
	struct store *store;
	const struct config *config; /* floors, region, account id, MinRsaBits */
	bool with_users;             /* DeleteServer takes the server's users along: for a command line's --force alone */
};

/*
 * operation_call: name is the API's ("CreateUser"). *response is NULL for an operation without output; the caller frees it
 * with cJSON_Delete(). Returns 0, or -1 with *error set, nothing written and *response NULL.
 *
 * With a store kept elsewhere (store_is_remote()) the request is checked by its shape and by this host's own rules, and
 * handed on as it is; the answer is that store's, as it is. A write that failed with API_UNAVAILABLE or API_INTERNAL may have
 * been done there.
 */
int operation_call(const struct operation_context *context, const char *name, const cJSON *request, cJSON **response,
    struct api_error *error);

/* operation_parse: a request body to JSON, strictly: refuses what cJSON lets through (bytes left over, invalid UTF-8,
 * \u0000, a member twice, nesting beyond what any shape has). The caller frees it; NULL with *error (API_SERIALIZATION, or
 * API_UNAVAILABLE when memory is out). */
cJSON *operation_parse(const char *text, size_t length, struct api_error *error);
/* operation_parse_answer: the same for what another Transfer API has answered, whose numbers stay as they are: 6001.0 is a
 * whole one there, and members that we don't know may have a fraction. */
cJSON *operation_parse_answer(const char *text, size_t length, struct api_error *error);

/* operation_number: the operation's place, from 0 to OPERATION_COUNT - 1, or -1 for an unknown one. operation_name: of such
 * a place. */
#define OPERATION_COUNT 18
int operation_number(const char *name);
const char *operation_name(int number);

/* operation_writes: whether the operation changes the store; false for an unknown one. */
bool operation_writes(const char *name);

/* operation_makes_store: whether the operation may make a new store, as CreateServer does; false for an unknown one. */
bool operation_makes_store(const char *name);

#endif
