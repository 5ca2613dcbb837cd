/*
 * Answers, as libmicrohttpd sends them.
 */
#ifndef BERTH_ANSWER_H
#define BERTH_ANSWER_H

#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/model/error.h"

#define ANSWER_JSON       "application/x-amz-json-1.1"
#define ANSWER_ID_LENGTH  36 /* of a request's id, a UUID */

struct answer {
	unsigned status;          /* HTTP's */
	const char *content_type;
	char *body;               /* malloc'ed, or NULL for none */
	size_t length;
	const char *request_id;   /* NULL: none is sent */
	const char *error_type;   /* likewise */
	const char *allow;        /* likewise: methods */
	unsigned retry_after;     /* seconds; 0: not sent */
	bool close;               /* the connection ends with it */
};

/* answer_make_id: zeroes when the kernel has no random numbers for us. */
void answer_make_id(char id[ANSWER_ID_LENGTH + 1]);

/* answer_error, answer_response, answer_text: status, content and what belongs to it; id, allow and close are the caller's.
 * A response is NULL for an operation without output. When memory is out there is no body. */
void answer_error(struct answer *answer, const struct api_error *error);
void answer_response(struct answer *answer, const cJSON *response);
void answer_text(struct answer *answer, unsigned status, const char *content_type, char *text, size_t length);

/* answer_send: queues it; its body is libmicrohttpd's then, or freed. MHD_NO: the connection is to be closed. */
enum MHD_Result answer_send(struct MHD_Connection *connection, struct answer *answer);

#endif
