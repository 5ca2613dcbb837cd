/*
 * The credentials of a store elsewhere, found as AWS's own tools find them, kept, and renewed before they expire.
 *
 *   credentials.c           the chain: which source is asked after which, what is kept, when it is renewed
 *   credentials_*.c         one source each
 *
 * The order: the environment (AWS_ACCESS_KEY_ID …), web identity (AWS_WEB_IDENTITY_TOKEN_FILE), the profile in the shared
 * credentials and config files (its own keys, credential_process, web_identity_token_file), the container's endpoint
 * (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, _FULL_URI), the instance's metadata (IMDSv2). With a profile or a file named by
 * the options, that profile alone: a configuration that names one means it. A source that is meant but fails (half of the
 * environment's keys, a profile that was named and isn't there) ends the search: the next one's would be somebody else's.
 */
#ifndef BERTH_CREDENTIALS_H
#define BERTH_CREDENTIALS_H

#include <stdint.h>

#include "common/model/error.h"

struct credentials {
	char access_key_id[129];     /* AWS's limits: 16 to 128 characters */
	char secret_access_key[257];
	char session_token[8000];       /* "": none */
	int64_t expires;             /* seconds since 1970; 0: never */
};

struct credential_options {
	const char *file;    /* a shared credentials file; NULL: AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/credentials */
	const char *profile; /* NULL: AWS_PROFILE, or "default" */
	const char *region;  /* of the token service, for web identities */
	/* Asked in place of all these, for a process that isn't any more who the credentials belong to; NULL: none. It returns
	 * 0, or -1 with *error, and is called in a thread of the chain's. */
	int (*source)(void *context, struct credentials *credentials, struct api_error *error);
	void *source_context;
};

/* The chain may be used by several threads at once. */
struct credential_chain;

/* credential_chain_new: copies the options. NULL when memory is out. */
struct credential_chain *credential_chain_new(const struct credential_options *options);
/* credential_chain_free: forgets the secrets, ends a credential_process that runs, and waits for an endpoint that is being
 * asked, some seconds at most. NULL is fine. */
void credential_chain_free(struct credential_chain *chain);

/*
 * credential_chain_get: a copy of what is to be signed with now. Those that expire are renewed some minutes before, by a
 * thread of the chain's own while all go on with the old ones; and a source that fails then is asked again a little later,
 * for as long as the old ones are valid. Files are looked at once a second, and read anew when they have changed. The first
 * time, and once they have expired, it waits for the source, until `deadline` (common/wire/deadline.h) at most; a source
 * that takes longer goes on, and has an answer for the next call. A failure is the answer of all calls of the next seconds.
 * Returns 0, or -1 with API_ACCESS_DENIED and a message that names what was tried and what came of it, without any secret.
 */
int credential_chain_get(struct credential_chain *chain, int64_t deadline, struct credentials *credentials,
    struct api_error *error);

/* credential_chain_rejected: these were refused as unknown or expired: what is kept, if it is still these, is not used
 * again, and the next get asks the source. At most once in two seconds: a source that has no others isn't asked at every
 * call. */
void credential_chain_rejected(struct credential_chain *chain, const struct credentials *credentials);

#endif
