/*
 * Calls of operations on a real store in a directory of its own, with a server in it. For the tests of the model.
 */
#ifndef TEST_OPERATION_CALLS_H
#define TEST_OPERATION_CALLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/model/operations.h"

static char folder[] = "/tmp/berth-model.XXXXXX";
static struct config config = { .region = "us-east-1", .account_id = "000000000000", .min_uid = 2000, .min_gid = 1500,
	.min_rsa_bits = 2048 };
static struct operation_context context = { .config = &config };
static char server[SERVER_ID_LENGTH + 1];
static struct api_error error;

/* Calls with a request as text, in which every $ is the server's id. Returns 0 or -1. */
static inline int
call(const char *operation, const char *text, cJSON **response)
{
	char *request = calloc(1, strlen(text) * 20 + 1), *to = request;
	cJSON *parsed;
	int result;

	for (; *text != '\0'; text++)
		if (*text == '$' && text[1] != '{')
			to += sprintf(to, "%s", server);
		else
			*to++ = *text;
	parsed = operation_parse(request, strlen(request), &error);
	free(request);
	if (parsed == NULL)
		fail_msg("%s", error.message);
	result = operation_call(&context, operation, parsed, response, &error);
	assert_true(result == 0 || *response == NULL);
	cJSON_Delete(parsed);
	return result;
}

static inline void
works(const char *operation, const char *request)
{
	cJSON *response;

	if (call(operation, request, &response) == -1)
		fail_msg("%s %s: %s", operation, request, error.message);
	cJSON_Delete(response);
}

static inline void
answers(const char *operation, const char *request, const char *expected)
{
	cJSON *response;
	char *text;

	if (call(operation, request, &response) == -1)
		fail_msg("%s %s: %s", operation, request, error.message);
	text = cJSON_PrintUnformatted(response);
	cJSON_Delete(response);
	assert_string_equal(text, expected);
	free(text);
}

static inline void
refused(const char *operation, const char *request, enum api_code code, const char *says)
{
	cJSON *response;

	if (call(operation, request, &response) == 0)
		fail_msg("%s was accepted: %s", operation, request);
	if (error.code != code || strstr(error.message, says) == NULL)
		fail_msg("%s %s: %s \"%s\", not %s \"%s\"", operation, request, api_error_name(error.code), error.message,
		    api_error_name(code), says);
}

static inline int
set_up(void **state)
{
	char spec[64];
	cJSON *response;

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(spec, sizeof(spec), "sqlite:%s/berth.db", folder);
	if (store_open(spec, STORE_CREATE, &context.store, &error) == -1 || call("CreateServer", "{}", &response) == -1) {
		fprintf(stderr, "%s\n", error.message);
		return -1;
	}
	snprintf(server, sizeof(server), "%s", cJSON_GetObjectItem(response, "ServerId")->valuestring);
	cJSON_Delete(response);
	return 0;
}

static inline int
tear_down(void **state)
{
	char command[64];

	(void)state;
	store_close(context.store);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

#endif
