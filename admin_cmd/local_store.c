#include "admin_cmd/local_store.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/config_value.h"
#include "common/host/identity.h"
#include "common/store/transfer/transfer.h"

/* Of a call to a store kept elsewhere: people wait for it, and what throttles wants some patience. */
#define CONNECT_MS 5000
#define CALL_MS    30000

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

/* In the environment: what says where the caller's own credentials are. */
static bool
brings_credentials(void)
{
	static const char *const NAMES[] = { "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI" };
	const char *value;

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		if ((value = getenv(NAMES[i])) != NULL && value[0] != '\0')
			return true;
	return false;
}

/* Where the credentials for a store kept elsewhere are looked for. Returns whether the process may stay who it is. */
static bool
find_credentials(const struct config *config, struct credential_options *credentials)
{
	*credentials = (struct credential_options){ .region = config->region };
	if (brings_credentials())
		return true;
	credentials->file = config->store_credentials;
	credentials->profile = config->store_profile;
	return geteuid() != 0 && config->store_credentials == NULL;
}

static size_t lost_count;

static void
tell_lost(void *command, const char *user_name, const char *member, const char *why)
{
	fprintf(stderr, "%s: warning: user %s: %s: %s\n", (const char *)command, user_name, member, why);
	lost_count++;
}

size_t
local_store_lost(void)
{
	return lost_count;
}

/* Root's own home, as sudo leaves it; another one somebody has chosen. */
static bool
is_at_roots_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *root = geteuid() == 0 ? getpwuid(0) : NULL;

	return root != NULL && (home == NULL || strcmp(home, root->pw_dir) == 0);
}

/* The User's credentials are looked for in the User's home, not in root's, who has become him. */
static void
go_home(void)
{
	const struct passwd *account = getpwuid(geteuid());

	if (account == NULL)
		unsetenv("HOME");
	else
		setenv("HOME", account->pw_dir, 1);
}

/* Becomes User, unless the caller's credentials are his own. */
static int
become_owner(const char *command, const struct config *config, struct credential_options *credentials)
{
	bool roots = is_at_roots_home();

	if (find_credentials(config, credentials))
		return 0;
	if (local_store_become(command, config) == -1)
		return -1;
	if (roots)
		go_home();
	return 0;
}

static int
open_remote(const char *command, const struct config *config, struct store **store, struct api_error *error)
{
	struct credential_options credentials;
	const struct transfer_options options = {
		.url = config->store + strlen(CONFIG_REMOTE_STORE),
		.region = config->region,
		.ca_file = config->store_ca_file,
		.connect_ms = CONNECT_MS,
		.call_ms = CALL_MS,
		.lost = tell_lost,
		.lost_context = (void *)command,
	};

	if (become_owner(command, config, &credentials) == -1)
		return -1;
	identity_hide_memory();
	if (transfer_open_own(&options, &credentials, store, error) == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", command, error->message);
	return -1;
}

int
local_store_open(const char *command, const struct config *config, enum store_mode mode, struct store **store)
{
	struct api_error error = { .code = API_OK };

	*store = NULL;
	if (config_store_is_remote(config))
		return open_remote(command, config, store, &error);
	if (local_store_become(command, config) == -1)
		return -1;
	if (store_open(config->store, mode, store, &error) == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", command, error.message);
	return -1;
}

int
local_store_only(const char *command, const struct config *config)
{
	if (!config_store_is_remote(config))
		return 0;
	fprintf(stderr, "%s: Store %s is kept elsewhere: this works on a store of this host alone; run it where the users "
	    "are kept\n", command, config->store);
	return -1;
}
