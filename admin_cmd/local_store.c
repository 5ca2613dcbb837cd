#include "admin_cmd/local_store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/host/identity.h"

static void
report_fault(void *context, const char *fault)
{
	fprintf(stderr, "%s: %s\n", *(const char *const *)context, fault);
}

int
local_store_config(const char *command, const char *file, struct config *config)
{
	return config_load(config, file, report_fault, &command);
}

int
local_store_become(const char *command, const struct config *config)
{
	if (identity_become(config->user) == 0)
		return 0;
	fprintf(stderr, "%s: can't become User %s: %s\n", command, config->user, identity_problem(errno));
	return -1;
}

int
local_store_open(const char *command, const struct config *config, enum store_mode mode, struct store **store)
{
	struct api_error error = { .code = API_OK };

	if (local_store_become(command, config) == -1)
		return -1;
	if (store_open(config->store, mode, store, &error) == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", command, error.message);
	return -1;
}
