/*
 * Writing and reading the protocol's fields, and asking the agent. libc only; no state between calls.
 */
#ifndef BERTH_WIRE_H
#define BERTH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/wire/limits.h"
#include "common/wire/protocol.h"

/*
 * wire_out: fields written one after the other into memory of the caller's. What doesn't fit sets `overflow` and is
 * left out; check it once, at the end.
 */
struct wire_out {
	uint8_t *data;
	size_t size;
	size_t used;
	bool overflow;
};

void wire_out_init(struct wire_out *out, void *memory, size_t size);
void wire_put_u16(struct wire_out *out, uint16_t value);
void wire_put_u32(struct wire_out *out, uint32_t value);
void wire_put_u64(struct wire_out *out, uint64_t value);
void wire_put_string(struct wire_out *out, const char *string);
/* wire_put_header: WIRE_HEADER bytes; kind is a verb or a status. */
void wire_put_header(struct wire_out *out, uint16_t kind, uint32_t length);

/*
 * wire_in: fields read one after the other. A field that isn't there whole, or breaks its limit, sets `bad`; every
 * later read then gives 0 or "". Check wire_in_done() once, at the end, before using anything that was read.
 */
struct wire_in {
	const uint8_t *data;
	size_t size;
	size_t at;
	bool bad;
};

void wire_in_init(struct wire_in *in, const void *data, size_t size);
uint16_t wire_get_u16(struct wire_in *in);
uint32_t wire_get_u32(struct wire_in *in);
uint64_t wire_get_u64(struct wire_in *in);
/* wire_get_string: copies into `to` (size max + 1) and closes with NUL. Longer than max, or with a NUL inside: bad. */
void wire_get_string(struct wire_in *in, char *to, size_t max);
/* wire_get_view: the same without a copy: not closed with NUL, lives as long as the memory read from. */
const char *wire_get_view(struct wire_in *in, size_t max, size_t *length);
/* wire_in_done: true when nothing was bad and no byte is left over. */
bool wire_in_done(const struct wire_in *in);

/* wire_get_header: false unless magic and version are right and length <= max. */
bool wire_get_header(const uint8_t header[WIRE_HEADER], uint16_t *kind, uint32_t *length, size_t max);

/* wire_may_wait: whether WIRE_WAIT may come before the answer to this verb. */
static inline bool
wire_may_wait(uint16_t verb)
{
	return verb == WIRE_PASSWD_BY_NAME || verb == WIRE_KEYS || verb == WIRE_SESSION;
}

/*
 * agent_connect: a non-blocking stream socket, connected to the agent at `path`. Returns it, or -1 with errno, at once:
 * ENOENT, ECONNREFUSED (no agent), EAGAIN (its backlog is full), EPERM (who listens there wasn't `owner` when it began to).
 */
int agent_connect(const char *path, uid_t owner);

/* How long a caller waits for its answer, in milliseconds. */
struct agent_patience {
	int answer_ms; /* for all of it */
	int wait_ms;   /* from when the agent says WIRE_WAIT, at most; 0: no longer than without it */
};

/*
 * agent_ask: one request, one answer, for no longer than the patience lasts.
 *
 * request: payload of `verb`. answer: filled with the answer's payload, at most answer_size bytes; *answer_length says
 * how many. Returns the agent's status (enum wire_status), or -1 with errno: ENOENT, ECONNREFUSED (no agent), ETIMEDOUT,
 * EAGAIN (its backlog is full), EPERM (who answers isn't the agent), EPROTO (what it answers isn't the protocol), EMSGSIZE.
 * Never blocks longer, raises no signal, leaves no descriptor.
 */
int agent_ask(enum wire_verb verb, const struct wire_out *request, void *answer, size_t answer_size,
    size_t *answer_length, const struct agent_patience *patience);
/* agent_ask_alloc: the same for long answers: *answer is malloc'ed, the caller frees it. Also -1 with ENOMEM. */
int agent_ask_alloc(enum wire_verb verb, const struct wire_out *request, uint8_t **answer, size_t answer_max,
    size_t *answer_length, const struct agent_patience *patience);

/* user_name_valid: the shape of UserName, plus Berth's own rules: no leading '-', '.' or '@', and not "root". */
bool user_name_valid(const char *name);

/* text_visible: nothing but visible ASCII, so that it breaks neither a line of a file nor of a terminal; "" is that too. */
bool text_visible(const char *text);

/* session_id_valid: SESSION_ID_LENGTH lower-case hexadecimal digits. */
bool session_id_valid(const char *id);

#endif
