/*
 * Operations called by name, and what they must answer, in a world whose host keeps more ids to itself. For the tests of the
 * model.
 */
#ifndef BERTH_TEST_OPERATION_CALLS_H
#define BERTH_TEST_OPERATION_CALLS_H

#include "tests/unit/store_world.h"

static inline void
works(const char *operation, const char *request)
{
	world_works(operation, request);
}

static inline void
answers(const char *operation, const char *request, const char *expected)
{
	char *text = world_answer(operation, request);

	assert_string_equal(text, expected);
	cJSON_free(text);
}

static inline void
refused(const char *operation, const char *request, enum api_code code, const char *says)
{
	if (world_call(operation, request, NULL) == 0)
		fail_msg("%s was accepted: %s", operation, request);
	if (world.error.code != code || strstr(world.error.message, says) == NULL)
		fail_msg("%s %s: %s \"%s\", not %s \"%s\"", operation, request, api_error_name(world.error.code),
		    world.error.message, api_error_name(code), says);
}

static inline int
set_up(void **state)
{
	(void)state;
	world_open();
	world.config.min_uid = 2000;
	world.config.min_gid = 1500;
	return 0;
}

#endif
