/*
 * Users of a server of a Transfer API, AWS's own or another host's berth-api, into this host's store.
 *
 *   import_transfer.c          the run: who the process is when, which server into which, records as they come, the end
 *   import_transfer_remote.c   the connection to the service, and one call with all its patience
 *   import_transfer_keeper.c   credentials, got by the process that the caller is
 *   import_transfer_server.c   the server there, and here
 *   import_transfer_crew.c     the threads: one lists, some fetch
 *   import_transfer_user.c     a record as it came: what of it can be taken
 *   import_pace.c              how fast the service is asked
 */
#ifndef BERTH_IMPORT_TRANSFER_H
#define BERTH_IMPORT_TRANSFER_H

#include <pthread.h>

#include "admin_cmd/import/import_batch.h"
#include "admin_cmd/import/import_flags.h"
#include "admin_cmd/import/import_pace.h"
#include "common/store/transfer/transfer.h"

/* import_transfer: all of it. report->left is the caller's. Returns an exit code. */
int import_transfer(const struct import_flags *flags, const struct config *config, struct import_report *report);

/* -- import_transfer_keeper.c -- */

/*
 * A process that stays who the caller is, and gets credentials for the one that becomes the store's user: a profile's files
 * are the caller's, and its credential_process was written down to be run as the caller and as nobody else.
 */
struct import_keeper;

/* import_keeper_start: makes the process, which has to be before there are threads. NULL with errno. */
struct import_keeper *import_keeper_start(const struct credential_options *options);
/* import_keeper_get: the source of a chain (credentials.h), whose context is the keeper. */
int import_keeper_get(void *keeper, struct credentials *credentials, struct api_error *error);
/* import_keeper_stop: whoever waits in a get gets none. */
void import_keeper_stop(struct import_keeper *keeper); /* NULL is fine */
void import_keeper_free(struct import_keeper *keeper); /* NULL is fine */

/* -- import_transfer_remote.c -- */

struct import_remote {
	struct credential_chain *chain;
	struct import_keeper *keeper;
	struct transfer_remote *remote;
	struct import_pace pace;
	char name[512]; /* in messages */
};

/* import_remote_open: as the caller: reads the credentials and the CA file. What is wrong is said on stderr. Returns 0, or
 * -1 with nothing to close. */
int import_remote_open(struct import_remote *remote, const struct import_transfer_flags *flags,
    const struct config *config);
void import_remote_close(struct import_remote *remote);

/*
 * import_remote_ask: one call. It waits as long as the service throttles, and tries again for some seconds when no usable
 * answer comes. Returns 0 with *response, which is an object; -1 with *error; or 1 when the pace was stopped.
 */
int import_remote_ask(struct import_remote *remote, struct store *store, const char *operation, const cJSON *request,
    cJSON **response, struct api_error *error);
/* import_remote_request: {"ServerId": …, "UserName": …} of those that aren't NULL; NULL when memory is out. */
cJSON *import_remote_request(const char *server_id, const char *user_name);

/* -- import_transfer_server.c -- */

/* import_server_find: into id, the server that is meant: `wanted`, or the only one there is. Returns 0, or -1 with
 * *error. */
int import_server_find(struct import_remote *remote, struct store *store, const char *wanted,
    char id[SERVER_ID_LENGTH + 1], struct api_error *error);
/* import_server_describe: the Server; refused when its users aren't SERVICE_MANAGED. What of it this host can't honour is
 * noted. NULL with *error. */
cJSON *import_server_describe(struct import_remote *remote, struct store *store, const char *id, struct import_left *left,
    struct api_error *error);
/* import_server_make: the same server in this host's store, as far as it can be served. Returns 0 or -1. */
int import_server_make(struct store *store, const char *id, cJSON *described, struct import_left *left,
    struct api_error *error);

/* -- import_transfer_user.c -- */

struct import_note {
	struct import_note *next;
	enum left_kind kind;
	char text[];
};

/* A user on the way from a fetching thread to the main one. */
struct import_fetched {
	struct import_fetched *next;
	char name[USER_NAME_MAX + 1];
	struct user_line line;    /* unless refused or gone */
	struct import_note *notes, **notes_end;
	size_t note_count;
	bool gone, refused;
	enum api_code code;       /* when refused */
	char *message;
	size_t bytes;             /* that it takes, about */
};

struct import_fetched *import_fetched_new(const char *name);
void import_fetched_free(struct import_fetched *fetched);
void import_fetched_refuse(struct import_fetched *fetched, const struct api_error *error);

/* import_fetched_judge: DescribeUser's answer. What can't be taken is taken out of it and noted; the rest is judged as a
 * line of an import is. */
void import_fetched_judge(struct import_fetched *fetched, cJSON *response, const char *server_id,
    const struct config *config);
/* import_user_tell: what of a good record this host can't honour. */
struct import_host {
	const struct config *config;
	struct import_left *left;
	struct import_accounts *accounts;
	struct import_buckets buckets;
};
void import_user_tell(struct import_host *host, const struct user_record *user);

/* -- import_transfer_crew.c -- */

struct import_crew;

struct import_crew_options {
	struct import_remote *remote;
	const struct config *config;
	const char *from_server_id, *server_id;
	bool resume; /* users that the local store has are passed over */
};

/* import_crew_start: NULL after saying on stderr why not. */
struct import_crew *import_crew_start(const struct import_crew_options *options);
/*
 * import_crew_take: what has been fetched, as a list for the caller to free, in *fetched; waits a moment for the first.
 * Returns 1 while there may be more, 0 when that was all, -1 with *error when it can't go on; *fetched is to be used anyway.
 */
int import_crew_take(struct import_crew *crew, struct import_fetched **fetched, struct api_error *error);
size_t import_crew_skipped(struct import_crew *crew);
/* import_crew_end: stops the threads. False: some are still in a call, and nothing of theirs may be freed: the process has
 * to end. */
bool import_crew_end(struct import_crew *crew);

#endif
