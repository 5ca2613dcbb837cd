/*
 * What the NSS module's databases share.
 *
 * This code runs in every process of the host: libc only, no state between calls, no signal, no environment, one second
 * at most; but for a name, when an agent that is alive says that it has to ask a store kept elsewhere: then for as long
 * as it says, LOOKUP_SECONDS_MAX at most. Each function answers for one entry. There is no setpwent/getpwent family on
 * purpose: listing a million users, or any user at all, in every `getent passwd` and shell completion of the host helps
 * nobody; `berth admin list-users` does it.
 */
#ifndef BERTH_NSS_MODULE_H
#define BERTH_NSS_MODULE_H

#include <nss.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/wire/wire.h"

/* A lookup as a whole may take a second, unless the agent asks for more; what is left of it is for reading /etc/passwd and
 * for the scheduler. */
#define LOOKUP_MS 900

#define MODULE_EXPORT __attribute__((visibility("default")))

/*
 * module_ask: asks the agent. SUCCESS with the answer's payload; NOTFOUND with errno as it was; UNAVAIL, with *errnop set,
 * when there is no agent or it can't say.
 */
enum nss_status module_ask(enum wire_verb verb, const struct wire_out *request, void *answer, size_t answer_size,
    size_t *answer_length, int *errnop);

/* module_is_local: whether the name stands in /etc/passwd; also when that can't be told. */
bool module_is_local(const char *name);

/* module_no_room: the caller's buffer is too small: it comes again with a larger one. */
enum nss_status module_no_room(int *errnop);

#endif
