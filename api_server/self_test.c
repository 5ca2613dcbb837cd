#include "api_server/self_test.h"

#include <errno.h>
#include <stdio.h>

#include "api_server/settings.h"
#include "common/host/config_reports.h"
#include "common/host/identity.h"
#include "common/host/line_file.h"
#include "common/store/access_keys.h"
#include "common/store/store.h"

static void
test_store(const struct config *config, int *faults)
{
	struct api_error error = { 0 };
	struct store *store = NULL;

	if (store_open(config->store, STORE_READ, &store, &error) != 0)
		config_print_fault(faults, error.message);
	store_close(store);
}

static void
test_keys(const struct config *config, int *faults)
{
	struct api_error error = { 0 };
	struct access_keys keys;

	if (access_keys_read(config->api_keys_file, &keys, &error) != 0)
		config_print_fault(faults, error.message);
	else if (keys.count == 0)
		config_print_warning(NULL, "there is no access key yet, so nobody can call; `berth api-key create` makes one");
	access_keys_free(&keys);
}

static void
test_log(const struct config *config, int *faults)
{
	const char *problem = line_file_test(config->api_log_file);

	if (problem == NULL)
		return;
	fprintf(stderr, "ApiLogFile: %s: %s\n", config->api_log_file, problem);
	(*faults)++;
}

static int
test_as_user(struct settings *settings)
{
	const struct config *config = &settings->config;
	int faults = 0;

	if (identity_become(config->user) != 0) {
		fprintf(stderr, "User: can't become %s: %s\n", config->user, identity_problem(errno));
		return 1;
	}
	settings_read_files(settings, config_print_fault, &faults);
	test_keys(config, &faults);
	test_store(config, &faults);
	test_log(config, &faults);
	settings_warn(settings, config_print_warning, NULL);
	return faults > 0 ? 1 : 0;
}

int
self_test(const char *config_file)
{
	int faults = 0, status;
	struct settings *settings = settings_read(config_file, config_print_fault, &faults);

	if (settings == NULL)
		return 1;
	status = test_as_user(settings);
	settings_release(settings);
	return status;
}
