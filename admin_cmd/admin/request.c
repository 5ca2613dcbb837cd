#include "admin_cmd/admin/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/command.h"
#include "admin_cmd/admin/value.h"
#include "common/model/operations.h"
#include "common/model/record_json.h"

#define PATH_MAX_BYTES 256

int
request_add_input(cJSON *request, const char *word, struct api_error *error)
{
	struct api_error cause = { .code = API_OK };
	char *text = value_load("cli-input-json", word, error);
	cJSON *input = NULL, *member;
	int result = -1;

	if (text == NULL)
		return -1;
	if ((input = operation_parse(text, strlen(text), &cause)) == NULL) {
		api_fail(error, cause.code == API_UNAVAILABLE ? API_UNAVAILABLE : API_VALIDATION,
		    "Error parsing parameter '--cli-input-json': Invalid JSON received: %s", cause.message);
		goto out;
	}
	if (!cJSON_IsObject(input)) {
		api_fail(error, API_VALIDATION, "Error parsing parameter '--cli-input-json': "
		    "Invalid type: expecting an object");
		goto out;
	}
	while ((member = cJSON_DetachItemViaPointer(input, input->child)) != NULL) {
		if (cJSON_GetObjectItemCaseSensitive(request, member->string) != NULL) {
			cJSON_Delete(member);
		} else if (!cJSON_AddItemToObject(request, member->string, member)) {
			cJSON_Delete(member);
			api_fail_memory(error);
			goto out;
		}
	}
	result = 0;
out:
	cJSON_Delete(input);
	free(text);
	return result;
}

/* One fault a line; the first one has a heading. */
static void
report(size_t *faults, const char *what, const char *path, const char *name)
{
	if ((*faults)++ == 0)
		fputs("\nParameter validation failed:", stderr);
	fprintf(stderr, "\n%s parameter in %s: \"%s\"", what, path[0] == '\0' ? "input" : path, name);
}

static void
report_unknown(size_t *faults, const struct shape *shape, const char *path, const char *name)
{
	char *safe = output_safe(name);

	report(faults, "Unknown", path, safe == NULL ? "" : safe);
	free(safe);
	for (const struct shape_member *member = shape->members; member->name != NULL; member++)
		fprintf(stderr, "%s%s", member == shape->members ? ", must be one of: " : ", ", member->name);
}

static void check(size_t *faults, const struct shape *shape, const cJSON *item, const char *path);

static void
check_structure(size_t *faults, const struct shape *shape, const cJSON *object, const char *path)
{
	char inner_path[PATH_MAX_BYTES];
	const cJSON *item;

	for (const struct shape_member *member = shape->members; member->name != NULL; member++) {
		if (member->required && record_json_member(object, member->name) == NULL)
			report(faults, "Missing required", path, member->name);
	}
	cJSON_ArrayForEach(item, object) {
		if (value_member_shape(shape, item->string) == NULL)
			report_unknown(faults, shape, path, item->string);
	}
	cJSON_ArrayForEach(item, object) {
		const struct shape *inner = value_member_shape(shape, item->string);

		snprintf(inner_path, sizeof(inner_path), "%.128s%s%.64s", path, path[0] == '\0' ? "" : ".", item->string);
		if (inner != NULL)
			check(faults, inner, item, inner_path);
	}
}

static void
check(size_t *faults, const struct shape *shape, const cJSON *item, const char *path)
{
	char inner_path[PATH_MAX_BYTES];
	const cJSON *child;
	size_t index = 0;

	if (shape->kind == SHAPE_STRUCTURE && cJSON_IsObject(item))
		check_structure(faults, shape, item, path);
	if (shape->kind != SHAPE_LIST || !cJSON_IsArray(item))
		return;
	cJSON_ArrayForEach(child, item) {
		snprintf(inner_path, sizeof(inner_path), "%.200s[%zu]", path, index++);
		check(faults, shape->item, child, inner_path);
	}
}

int
request_check(const struct shape *shape, const cJSON *request)
{
	size_t faults = 0;

	check(&faults, shape, request, "");
	if (faults == 0)
		return COMMAND_OK;
	fputc('\n', stderr);
	return COMMAND_USAGE;
}
