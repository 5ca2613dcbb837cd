#include "api_server/answer.h"

#include <gnutls/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/error_json.h"

#define USUAL_BYTES 1024 /* most answers fit: cJSON begins with a quarter of it, and copies */

void
answer_make_id(char id[ANSWER_ID_LENGTH + 1])
{
	static const char DIGITS[] = "0123456789abcdef";
	unsigned char bytes[16];
	char *at = id;

	if (gnutls_rnd(GNUTLS_RND_NONCE, bytes, sizeof(bytes)) != 0)
		memset(bytes, 0, sizeof(bytes));
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); /* version 4, variant 1: RFC 4122 */
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = DIGITS[bytes[i] >> 4];
		*at++ = DIGITS[bytes[i] & 0x0f];
	}
	*at = '\0';
}

static void
print_json(struct answer *answer, const cJSON *json)
{
	answer->content_type = ANSWER_JSON;
	answer->body = json != NULL ? cJSON_PrintBuffered(json, USUAL_BYTES, false) : NULL;
	answer->length = answer->body != NULL ? strlen(answer->body) : 0;
}

void
answer_error(struct answer *answer, const struct api_error *error)
{
	cJSON *json = api_error_json(error);

	/* SDKs try a 5xx again, on their own. */
	answer->status = error->code == API_INTERNAL || error->code == API_UNAVAILABLE ? 500 : 400;
	answer->error_type = api_error_name(error->code);
	answer->retry_after = error->code == API_THROTTLING ? error->retry_after : 0;
	print_json(answer, json);
	cJSON_Delete(json);
}

void
answer_response(struct answer *answer, const cJSON *response)
{
	answer->status = 200;
	print_json(answer, response);
	if (response != NULL && answer->body == NULL)
		answer->status = 500;
}

void
answer_text(struct answer *answer, unsigned status, const char *content_type, char *text, size_t length)
{
	answer->status = status;
	answer->content_type = content_type;
	answer->body = text;
	answer->length = length;
}

static bool
add_headers(struct MHD_Response *response, const struct answer *answer)
{
	char seconds[16];

	snprintf(seconds, sizeof(seconds), "%u", answer->retry_after);
	const struct {
		const char *name, *value;
	} headers[] = {
		{ MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type },
		{ "x-amzn-RequestId", answer->request_id },
		{ "x-amzn-ErrorType", answer->error_type },
		{ MHD_HTTP_HEADER_ALLOW, answer->allow },
		{ MHD_HTTP_HEADER_RETRY_AFTER, answer->retry_after > 0 ? seconds : NULL },
		{ MHD_HTTP_HEADER_CONNECTION, answer->close ? "close" : NULL },
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		if (headers[i].value != NULL &&
		    MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
			return false;
	}
	return true;
}

enum MHD_Result
answer_send(struct MHD_Connection *connection, struct answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;

	response = MHD_create_response_from_buffer(answer->length, answer->body != NULL ? answer->body : "",
	    answer->body != NULL ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (response == NULL) {
		free(answer->body);
		answer->body = NULL;
		return MHD_NO;
	}
	answer->body = NULL;
	if (add_headers(response, answer))
		result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}
