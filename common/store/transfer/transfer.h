/*
 * A store kept elsewhere: a Transfer API, AWS's own or another host's berth-api, asked in AWS JSON 1.1 over HTTPS.
 *
 *   transfer.c           what threads share; one call: signed, sent, tried again
 *   transfer_answer.c    what an answer is: the one asked for, an error of the API's, or something else
 *   transfer_record.c    a user's record from it; transfer_server.c: a server's
 *   transfer_store.c     the store's verbs (store.h)
 *   http.c               HTTP, on libcurl
 *   credentials*.c       what is signed with
 *
 * What comes back is hostile bytes: bounded, checked, never trusted to be of the shape that was asked for. And it is read
 * leniently: a record that was written by other rules than ours is taken as it is, loses only the parts that can't be used,
 * and is judged when somebody logs in.
 */
#ifndef BERTH_TRANSFER_H
#define BERTH_TRANSFER_H

#include "common/model/error.h"
#include "common/store/store.h"
#include "common/store/transfer/credentials.h"

struct transfer_options {
	const char *url;     /* what follows "transfer:" in a specification; "": AWS's endpoint of the region */
	const char *region;
	const char *ca_file; /* PEM; NULL: the system's certificates */
	const char *ca_name; /* what names it, for messages; NULL: StoreCAFile */
	unsigned connect_ms; /* for a connection */
	unsigned call_ms;    /* for a call, with all that is tried again in it */
	bool throttled_at_once; /* what is throttled isn't tried again: the caller waits, for others, too */
	/* lost: a part of a user's record that can't be used ("SshPublicKeys", "key-…: an RSA key of 512 bits"); or NULL.
	 * Called in the thread of the call; the texts are one line each, fit for a terminal. A member of the record that Berth
	 * doesn't know is told of, too ("is not known to Berth"), for those who copy it. */
	void (*lost)(void *context, const char *user_name, const char *member, const char *why);
	void *lost_context;
};

/* What the stores of several threads have in common. */
struct transfer_remote;

/* transfer_remote_new: reads the CA file; asks nobody. The chain stays the caller's and must outlive it. Returns 0, or -1
 * with *error. */
int transfer_remote_new(const struct transfer_options *options, struct credential_chain *chain,
    struct transfer_remote **remote, struct api_error *error);
void transfer_remote_free(struct transfer_remote *remote); /* after the last of its stores is closed; NULL is fine */

/*
 * transfer_open: a store of one thread, with connections of its own. Nobody is asked yet. Its calls fail with the API's own
 * errors (API_THROTTLING when it was asked to wait for longer than the call may take), or API_UNAVAILABLE when no usable
 * answer came. It lists, describes and finds; writes go through store_call() alone. A read that fails with API_INTERNAL has
 * found the record, but it can't be used: the message names the member. API_NOT_FOUND of a user may also mean that there is
 * no such server: resource_type says which, where the other side does.
 *
 * Tried again is what was throttled, and reads that failed over there (5xx); what couldn't be sent or wasn't answered isn't,
 * and a write only when it was throttled: it may have been done. Its message says so.
 *
 * The order of lists is the other side's. berth-api's is that of the names; AWS promises none. store_list_users() …, called
 * with an `after`, fail with API_UNAVAILABLE when the names turn out to be in another order.
 */
int transfer_open(struct transfer_remote *remote, struct store **store, struct api_error *error);

/* transfer_open_own: the same for a process that needs one only, with a remote and a chain of its own, closed with it. */
int transfer_open_own(const struct transfer_options *options, const struct credential_options *credentials,
    struct store **store, struct api_error *error);

#endif
