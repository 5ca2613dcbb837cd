/*
 * The audit log: a line of JSON for every call, in ApiLogFile; docs/api.md describes its members. Never a secret, a
 * signature, a key's body or a policy: of what a call changes, the names of the request's members alone.
 *
 *   {"time":"2026-11-22T14:00:00.123456Z","request":"…","key":"BRTH…","authenticated":true,"client":"127.0.0.1",
 *    "port":50022,"operation":"UpdateUser","server":"s-…","user":"alice","result":"ok","changed":["Policy","Role"],
 *    "milliseconds":1.234}
 *
 *   key, operation   left out when not known
 *   server, user     those that the request, its Arn or the answer names, when they are written as such things are;
 *   ssh_public_key   so is a key's id
 *   result           "ok", or the error's name; then "message" has its text, cut after 480 bytes
 *   changed          of a write that was done: the members that the request brought, without those above; of tags
 *                    "Tags" or "TagKeys" alone, since keys of tags are the customer's own text
 *
 * A line that can't be written to the file goes to syslog instead, and that is said. Any thread may write.
 */
#ifndef BERTH_AUDIT_H
#define BERTH_AUDIT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/model/error.h"

struct audit;

struct audit_entry {
	const char *request_id;  /* x-amzn-RequestId's */
	const char *key_id;      /* "" when the request names none */
	bool authenticated;      /* whether the signature was right; else key_id is only what was claimed */
	const char *address;     /* the client's, and its port */
	uint16_t port;
	const char *operation;   /* NULL when it isn't known */
	const cJSON *request;    /* NULL when it wasn't read: server, user and changed members come from here */
	const cJSON *response;   /* or NULL; CreateServer's ServerId and ImportSshPublicKey's SshPublicKeyId come from here */
	const struct api_error *error; /* NULL: it was done */
	int64_t microseconds;    /* from the request's headers to here */
};

/* audit_open: a file that can't be opened now is tried again with each line. NULL with errno when memory is out. */
struct audit *audit_open(const char *path);
/* audit_reopen: after logrotate, or with another path. */
void audit_reopen(struct audit *audit, const char *path);
/* audit_write: for calls that aren't authenticated AUDIT_REFUSED_AT_ONCE lines, and one more each second, so that a day of
 * them takes some 40 MB and not a disk; how many more there were stands in a line of its own:
 * {"time":…,"suppressed":N}. */
#define AUDIT_REFUSED_AT_ONCE 20
void audit_write(struct audit *audit, const struct audit_entry *entry);
/* audit_lost: lines that the file did not take since the start. */
unsigned long audit_lost(struct audit *audit);
void audit_close(struct audit *audit);

#endif
