#include "admin_cmd/setup/store_child.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "admin_cmd/local_store.h"
#include "admin_cmd/child.h"
#include "common/model/operations.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/store/store_operations.h"

#define SETUP "berth setup"
#define SERVERS_MAX 50 /* more than anybody wants to read */

static int
say(const struct api_error *error)
{
	fprintf(stderr, SETUP ": %s\n", error->message);
	return 1;
}

static int
print_server(void *out, const struct server_record *server)
{
	fprintf(out, "%s\n", server->server_id);
	return 0;
}

static int
list_servers(void *context, FILE *out)
{
	struct api_error error = { .code = API_OK };
	struct store *store;
	int result;

	if (local_store_open(SETUP, context, STORE_READ, &store) != 0)
		return 1;
	result = store_list_servers(store, NULL, SERVERS_MAX, print_server, out, &error) == 0 ? 0 : say(&error);
	store_close(store);
	return result;
}

static int
make_server(void *context, FILE *out)
{
	struct operation_context call = { .config = context };
	struct api_error error = { .code = API_OK };
	cJSON *request = cJSON_CreateObject(), *response = NULL;
	int result = 1;

	if (local_store_open(SETUP, context, STORE_CREATE, &call.store) != 0)
		return 1;
	if (operation_call(&call, "CreateServer", request, &response, &error) != 0)
		say(&error);
	else
		result = fputs(record_json_string(response, "ServerId"), out) < 0;
	cJSON_Delete(response);
	cJSON_Delete(request);
	store_close(call.store);
	return result;
}

/* disarm: the answer is of the User's process and store: nothing in it is to move the cursor of root's terminal. */
static void
disarm(char *answer)
{
	for (; *answer != '\0'; answer++)
		if (((unsigned char)*answer < ' ' && *answer != '\n') || *answer == 0x7f)
			*answer = '?';
}

static int
ask(child_answer *function, const struct config *config, char answer[STORE_ANSWER_MAX])
{
	int status = child_ask(function, (void *)(uintptr_t)config, answer, STORE_ANSWER_MAX);

	disarm(answer);
	if (status > 0)
		answer[0] = '\0';
	return status == 0 ? 0 : -1;
}

bool
store_is_there(const struct config *config)
{
	struct api_error error;
	const char *path;
	struct stat status;

	if (config_store_is_remote(config))
		return true;
	path = store_sqlite_path(config->store, &error);
	return path == NULL || lstat(path, &status) == 0 || errno != ENOENT;
}

int
store_servers(const struct config *config, char answer[STORE_ANSWER_MAX])
{
	return ask(list_servers, config, answer);
}

int
store_make_server(const struct config *config, char answer[STORE_ANSWER_MAX])
{
	if (ask(make_server, config, answer) != 0)
		return -1;
	/* It becomes a line of a file that root goes by. */
	return pattern_server_id(answer) ? 0 : -1;
}
