/*
 * The sources of credentials, as the chain asks them: one at a time, in one thread.
 *
 * What they read, files, answers and what a program prints, is hostile bytes. No secret goes into a reason, and what held
 * one is overwritten before it is released.
 */
#ifndef BERTH_CREDENTIALS_SOURCE_H
#define BERTH_CREDENTIALS_SOURCE_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/store/transfer/credentials.h"
#include "common/store/transfer/http.h"

enum source_result {
	SOURCE_FOUND,
	SOURCE_ABSENT, /* nothing speaks of this source: the next one is asked */
	SOURCE_FAILED, /* it is meant, and can't give any: no other is asked, whose credentials would be somebody else's */
};

/* A file that credentials came from: another one, or a changed one, makes them be read anew. */
struct source_file {
	char path[PATH_MAX];
	struct stat status; /* all zero: it wasn't there */
};

#define SOURCE_FILES_MAX 2

struct source_search {
	const char *file, *profile, *region; /* of the options; NULL: not given */
	int (*given)(void *context, struct credentials *credentials, struct api_error *error); /* of the options, too */
	void *given_context;
	struct http_client *client;
	const atomic_bool *stop;   /* true: give up, as soon as can be */
	struct source_file files[SOURCE_FILES_MAX];
	size_t file_count;
	char why[1024];            /* unless found: "environment: AWS_ACCESS_KEY_ID isn't set", one line */
};

typedef enum source_result credential_source(struct source_search *search, struct credentials *credentials);

credential_source source_environment, source_web_identity, source_profile, source_container, source_metadata;

/* source_say: sets why, made fit for a log; returns the result. */
enum source_result source_say(struct source_search *search, enum source_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* source_variable: of the environment; NULL when it is empty, too. */
const char *source_variable(const char *name);

/* ---- what credentials are ---- */

/* source_take: checks and copies. secret, token: NULL is "". Returns NULL, or what is wrong with them. */
const char *source_take(struct credentials *credentials, const char *id, const char *secret, const char *token,
    int64_t expires);

/* source_take_json: of an object with AccessKeyId, SecretAccessKey, Expiration and the token under the name given. The text
 * isn't closed with NUL. `version`: "Version" must be 1. Returns NULL, or what is wrong. */
const char *source_take_json(struct credentials *credentials, const char *text, size_t length, const char *token_name,
    bool version);

/* ---- files ---- */

struct source_text {
	char *bytes; /* closed with NUL, which doesn't count */
	size_t length;
	struct stat status;
};

/* source_read: a regular file's text. Returns NULL, or what is wrong (errno: ENOENT …, 0 when no system call failed).
 * source_text_free() overwrites and releases it. */
const char *source_read(const char *path, size_t max, struct source_text *text);
void source_text_free(struct source_text *text);

/* source_read_token: one token of visible characters, with space around it. Returns NULL, or what is wrong. */
const char *source_read_token(const char *path, char *token, size_t size);

/* ---- a shared credentials or config file ---- */

#define INI_SETTINGS_MAX 64

struct ini_section {
	bool found;
	const char *header;
	struct { const char *name, *value; } settings[INI_SETTINGS_MAX];
	size_t count;
};

/*
 * ini_read: the settings of a profile; `text` is changed, and they point into it. `config`: its section is [profile NAME],
 * or [default]; else [NAME]. Returns NULL, or what is wrong, with the line's number.
 */
const char *ini_read(char *text, size_t length, const char *profile, bool config, struct ini_section *section, int *line);
/* ini_value: NULL when it isn't there, or is empty. */
const char *ini_value(const struct ini_section *section, const char *name);

/* ---- a program ---- */

/*
 * source_run: runs the command through the shell, in a session of its own, and reads the JSON that it prints; when it takes
 * longer than limit_ms, it and what it started are killed. `name` is for why. FOUND or FAILED.
 */
enum source_result source_run(struct source_search *search, const char *name, const char *command, int limit_ms,
    struct credentials *credentials);

/* ---- HTTP ---- */

#define SOURCE_ORIGIN_MAX 300

/* source_url: may credentials go that way? By https, or by http within this host and to the addresses that the agents of
 * containers have. Returns NULL, or what is wrong; `origin` (SOURCE_ORIGIN_MAX bytes), which is set in any case, is what may
 * be shown of it: its path may be a secret. */
const char *source_url(const char *url, char *origin);

/* A request to an endpoint that has credentials. */
struct source_request {
	const char *name;   /* of the source, and */
	const char *origin; /* what may be shown of the URL: for why */
	const char *method, *url;
	const char *const *headers;
	const char *body;   /* NULL: none */
	int connect_ms, try_ms;
	int tries;          /* that many when it can't be reached, or answers with a status of 500 or above */
};

/* source_send: an answer, whatever its status: SOURCE_FOUND; source_answer_free() overwrites and releases it. Or
 * SOURCE_FAILED, with why. AWS_CA_BUNDLE may name certificates instead of the system's. */
enum source_result source_send(struct source_search *search, const struct source_request *request,
    struct http_answer *answer);
void source_answer_free(struct http_answer *answer);

/* source_say_status: why an answer isn't taken: its status, with the code and the message that it holds, when it is JSON.
 * Returns SOURCE_FAILED. */
enum source_result source_say_status(struct source_search *search, const struct source_request *request,
    const struct http_answer *answer);

/* ---- web identities ---- */

/* source_assume_role: AssumeRoleWithWebIdentity. name: for why; session: NULL: one is made up. FOUND or FAILED. */
enum source_result source_assume_role(struct source_search *search, const char *name, const char *token_file,
    const char *role, const char *session, struct credentials *credentials);
/* source_take_assumed: what the token service answered, XML. Returns NULL, or what is wrong. */
const char *source_take_assumed(struct credentials *credentials, const char *text, size_t length);

#endif
