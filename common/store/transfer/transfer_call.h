/*
 * What the files of the transfer store have for each other.
 */
#ifndef BERTH_TRANSFER_CALL_H
#define BERTH_TRANSFER_CALL_H

#include <cjson/cJSON.h>

#include "common/store/store_operations.h"
#include "common/store/transfer/http.h"
#include "common/store/transfer/transfer.h"

struct transfer_remote {
	char *url;    /* "https://HOST[:PORT]" */
	char *region;
	char *ca;     /* NULL: the system's */
	struct transfer_options options; /* its numbers and functions; the strings are above */
	struct credential_chain *chain;
};

struct transfer_store {
	struct store base;
	struct transfer_remote *remote;
	struct http_client *client;
	struct credential_chain *own_chain; /* of a store that owns its remote (transfer_open_own()); else NULL */
};

/* transfer_endpoint: AWS's of a region, malloc'ed; NULL when memory is out. */
char *transfer_endpoint(const char *region);

/* transfer_call: one operation, with all that is tried again. *response is NULL for an operation without output. Returns 0,
 * or -1 with *error. */
int transfer_call(struct transfer_store *store, const char *operation, const cJSON *request, cJSON **response,
    struct api_error *error);

/* transfer_ask: a read; the request is freed, NULL means that memory was out. A fault of the other side's is no fault of the
 * record: API_INTERNAL is kept for one that can't be used. transfer_request: one of these members; each may be NULL. */
int transfer_ask(struct transfer_store *store, const char *operation, cJSON *request, cJSON **response,
    struct api_error *error);
cJSON *transfer_request(const char *server_id, const char *user_name);

/* What an answer is. */
enum transfer_verdict {
	TRANSFER_ANSWERED,  /* what was asked for */
	TRANSFER_REFUSED,   /* an error of the API's, or an answer that is none */
	TRANSFER_THROTTLED, /* not done: to be asked again later */
	TRANSFER_FAILED,    /* a fault on the other side, which may be over soon; maybe done */
	TRANSFER_UNSIGNED,  /* the credentials aren't known there, or not any more */
};

/* transfer_judge: url is for messages. TRANSFER_ANSWERED with *response (NULL: an operation without output), or another one
 * with *error. */
enum transfer_verdict transfer_judge(const char *url, const char *operation, const struct http_answer *answer,
    cJSON **response, struct api_error *error);

/* Who is told of what a record has lost (transfer.h); told may be NULL. */
struct transfer_losses {
	void (*told)(void *context, const char *user_name, const char *member, const char *why);
	void *context;
};

/*
 * transfer_read_user: DescribeUser's answer, leniently. Returns 0 with *user, for record_free_user(); or -1 with *error,
 * API_INTERNAL with the member named when the record can't be used, and API_UNAVAILABLE when the answer is none to what was
 * asked, or memory is out. transfer_read_server: DescribeServer's Server, or an item of ListServers; server_id may be NULL
 * for any.
 */
int transfer_read_user(const char *server_id, const char *user_name, const cJSON *answer,
    const struct transfer_losses *losses, struct user_record *user, struct api_error *error);
int transfer_read_server(const char *server_id, const cJSON *object, struct server_record *server, struct api_error *error);

/* transfer_of: the store behind the verbs' one. transfer_losses_of: whom its options name. */
struct transfer_store *transfer_of(struct store *store);
struct transfer_losses transfer_losses_of(const struct transfer_store *store);

/* transfer_describe: asks for a user, with transfer_read_user()'s result; API_NOT_FOUND for a name that nobody can have. */
int transfer_describe(struct transfer_store *store, const char *server_id, const char *user_name,
    const struct transfer_losses *losses, struct user_record *user, struct api_error *error);

/* The calls that list, as in store_operations.h. */
int transfer_list_servers(struct store *store, const char *after, size_t limit, store_visit_server *visit, void *context,
    struct api_error *error);
int transfer_list_users(struct store *store, const char *server_id, const char *after, size_t limit, store_visit_user *visit,
    void *context, struct api_error *error);
int transfer_find_users(struct store *store, const char *server_id, const struct tag *tags, size_t tag_count,
    const char *after, size_t limit, store_visit_user *visit, void *context, struct api_error *error);
int transfer_read_users(struct store *store, const char *server_id, store_visit_record *visit, void *context,
    struct api_error *error);

/* transfer_read_whole: a number without a fraction from 0 to max. */
bool transfer_read_whole(const cJSON *number, double max, double *value);

#endif
