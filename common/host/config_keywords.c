#include "common/host/config_keywords.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/host/config_value.h"
#include "common/wire/limits.h"

#define API_RATE_MAX 100000
#define CACHE_SECONDS_MAX 86400
#define STALE_SECONDS_MAX 31536000 /* a year */
#define LIST_MAX 4096 /* Bucket and ShareUid lines */

/* room_for_one: makes a list one item longer. */
static void *
room_for_one(void *list, size_t count, size_t item_size)
{
	return realloc(list, (count + 1) * item_size);
}

static const char *
set_server_id(struct config *config, char **values)
{
	return config_value_server_id(&config->server_id, values[0]);
}

static const char *
set_store(struct config *config, char **values)
{
	return config_value_store(&config->store, values[0]);
}

static const char *
set_user(struct config *config, char **values)
{
	if (strcmp(values[0], "root") == 0)
		return "the agent never runs as root";
	return config_value_account(&config->user, values[0]);
}

static const char *
set_keys_user(struct config *config, char **values)
{
	return config_value_account(&config->keys_user, values[0]);
}

static const char *
set_data_root(struct config *config, char **values)
{
	return config_value_path(&config->data_root, values[0]);
}

static bool
has_bucket(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->bucket_count; i++)
		if (strcmp(config->buckets[i].name, name) == 0)
			return true;
	return false;
}

/* add_bucket: the strings are the configuration's from then on, unless something is wrong. */
static const char *
add_bucket(struct config *config, const struct config_bucket *bucket)
{
	struct config_bucket *buckets;

	if (config->bucket_count >= LIST_MAX)
		return "too many of them";
	buckets = room_for_one(config->buckets, config->bucket_count, sizeof(*buckets));
	if (buckets == NULL)
		return CONFIG_OUT_OF_MEMORY;
	config->buckets = buckets;
	buckets[config->bucket_count++] = *bucket;
	return NULL;
}

static const char *
set_bucket(struct config *config, char **values)
{
	struct config_bucket bucket = { 0 };
	const char *problem = config_value_bucket_name(&bucket.name, values[0]);

	if (problem == NULL && has_bucket(config, values[0]))
		problem = "this bucket has a path already";
	if (problem == NULL)
		problem = config_value_path(&bucket.path, values[1]);
	if (problem == NULL)
		problem = add_bucket(config, &bucket);
	if (problem != NULL) {
		free(bucket.name);
		free(bucket.path);
	}
	return problem;
}

static const char *
set_create_home(struct config *config, char **values)
{
	return config_value_yes_no(&config->create_home, values[0]);
}

static const char *
set_path_shows_all(struct config *config, char **values)
{
	return config_value_yes_no(&config->path_shows_all, values[0]);
}

static const char *
set_min_uid(struct config *config, char **values)
{
	return config_value_number(&config->min_uid, values[0], ID_FLOOR, ID_NONE - 1);
}

static const char *
set_min_gid(struct config *config, char **values)
{
	return config_value_number(&config->min_gid, values[0], ID_FLOOR, ID_NONE - 1);
}

static const char *
set_share_uid(struct config *config, char **values)
{
	uint32_t uid, *uids;
	const char *problem = config_value_uid(&uid, values[0]);

	if (problem != NULL)
		return problem;
	if (config_shares_uid(config, uid))
		return "given already";
	if (config->share_uid_count >= LIST_MAX)
		return "too many of them";
	uids = room_for_one(config->share_uids, config->share_uid_count, sizeof(*uids));
	if (uids == NULL)
		return CONFIG_OUT_OF_MEMORY;
	config->share_uids = uids;
	uids[config->share_uid_count++] = uid;
	return NULL;
}

/* The floors may stand further down in the file: config_parse() looks at the ids again at the end. */
static const char *
set_default_profile(struct config *config, char **values)
{
	const char *problem = config_value_profile(&config->default_uid, &config->default_gid, values[0]);

	config->has_default_profile = problem == NULL;
	return problem;
}

static const char *
set_region(struct config *config, char **values)
{
	return config_value_region(&config->region, values[0]);
}

static const char *
set_account_id(struct config *config, char **values)
{
	return config_value_account_id(&config->account_id, values[0]);
}

static const char *
set_min_rsa_bits(struct config *config, char **values)
{
	return config_value_number(&config->min_rsa_bits, values[0], 1024, 16384);
}

static const char *
set_target_seconds(struct config *config, char **values)
{
	return config_value_number(&config->target_seconds, values[0], 1, 300);
}

static const char *
set_host_public_key(struct config *config, char **values)
{
	return config_value_path(&config->host_public_key, values[0]);
}

static const char *
set_session_user(struct config *config, char **values)
{
	if (strcmp(values[0], "root") == 0)
		return "a session's helper never runs as root";
	return config_value_account(&config->session_user, values[0]);
}

static const char *
set_transfer_log(struct config *config, char **values)
{
	static const char *const words[] = { "off", "best-effort", "required" };

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(values[0], words[i]) == 0) {
			config->transfer_log = (enum config_transfer_log)i;
			return NULL;
		}
	}
	return "there is no such way to keep it";
}

static const char *
set_transfer_log_grace(struct config *config, char **values)
{
	return config_value_number(&config->transfer_log_grace, values[0], 1, 3600);
}

static const char *
set_transfer_log_file(struct config *config, char **values)
{
	return config_value_path(&config->transfer_log_file, values[0]);
}

static const char *
set_store_credentials(struct config *config, char **values)
{
	return config_value_path(&config->store_credentials, values[0]);
}

static const char *
set_store_profile(struct config *config, char **values)
{
	return values[0][0] == '\0' ? "empty" : config_value_string(&config->store_profile, values[0]);
}

static const char *
set_store_ca_file(struct config *config, char **values)
{
	return config_value_path(&config->store_ca_file, values[0]);
}

static const char *
set_cache_file(struct config *config, char **values)
{
	return config_value_path(&config->cache_file, values[0]);
}

static const char *
set_cache_seconds(struct config *config, char **values)
{
	return config_value_number(&config->cache_seconds, values[0], 1, CACHE_SECONDS_MAX);
}

static const char *
set_stale_seconds(struct config *config, char **values)
{
	return config_value_number(&config->stale_seconds, values[0], 0, STALE_SECONDS_MAX);
}

static const char *
set_lookup_seconds(struct config *config, char **values)
{
	return config_value_number(&config->lookup_seconds, values[0], 1, LOOKUP_SECONDS_MAX);
}

static const char *
set_api_listen(struct config *config, char **values)
{
	return config_value_listen(&config->api_listen, values[0]);
}

static const char *
set_api_certificate(struct config *config, char **values)
{
	return config_value_path(&config->api_certificate, values[0]);
}

static const char *
set_api_certificate_key(struct config *config, char **values)
{
	return config_value_path(&config->api_certificate_key, values[0]);
}

static const char *
set_api_insecure(struct config *config, char **values)
{
	return config_value_yes_no(&config->api_insecure, values[0]);
}

static const char *
set_api_keys_file(struct config *config, char **values)
{
	return config_value_path(&config->api_keys_file, values[0]);
}

static const char *
set_api_log_file(struct config *config, char **values)
{
	return config_value_path(&config->api_log_file, values[0]);
}

static const char *
set_api_metrics_token_file(struct config *config, char **values)
{
	return config_value_path(&config->api_metrics_token_file, values[0]);
}

static const char *
set_api_rate(struct config *config, char **values)
{
	return config_value_number(&config->api_rate, values[0], 0, API_RATE_MAX);
}

#define ALLOWED_PATH "an absolute path without . or .. or empty components, not / itself"
#define ALLOWED_ID   "a number from 1000 to 4294967294"

const struct config_keyword config_keywords[CONFIG_KEYWORD_COUNT] = {
	{ "ServerId", set_server_id, "s- and 17 hexadecimal digits in lower case", 1, false },
	{ "Store", set_store, "sqlite:PATH, PATH being " ALLOWED_PATH "; or transfer:https://HOST[:PORT], or "
	    "transfer: for AWS Transfer in the Region", 1, false },
	{ "User", set_user, "the name of a local account other than root", 1, false },
	{ "KeysUser", set_keys_user, "the name of a local account", 1, false },
	{ "SessionUser", set_session_user, "the name of a local account other than root", 1, false },
	{ "DataRoot", set_data_root, ALLOWED_PATH, 1, false },
	{ "Bucket", set_bucket, "NAME PATH: a name without '/', once, and " ALLOWED_PATH, 2, true },
	{ "CreateHome", set_create_home, "yes, no", 1, false },
	{ "PathShowsAll", set_path_shows_all, "yes, no", 1, false },
	{ "MinUid", set_min_uid, ALLOWED_ID, 1, false },
	{ "MinGid", set_min_gid, ALLOWED_ID, 1, false },
	{ "ShareUid", set_share_uid, ALLOWED_ID ", each once", 1, true },
	{ "DefaultPosixProfile", set_default_profile, "UID:GID, not below MinUid and MinGid, nor 4294967295", 1, false },
	{ "Region", set_region, "lower-case letters, digits and -", 1, false },
	{ "AccountId", set_account_id, "12 digits", 1, false },
	{ "MinRsaBits", set_min_rsa_bits, "a number from 1024 to 16384", 1, false },
	{ "HostPublicKey", set_host_public_key, ALLOWED_PATH, 1, false },
	{ "TargetSeconds", set_target_seconds, "a number from 1 to 300", 1, false },
	{ "TransferLog", set_transfer_log, "off, best-effort, required", 1, false },
	{ "TransferLogGrace", set_transfer_log_grace, "seconds, a number from 1 to 3600", 1, false },
	{ "TransferLogFile", set_transfer_log_file, ALLOWED_PATH, 1, false },
	{ "StoreCredentials", set_store_credentials, ALLOWED_PATH, 1, false },
	{ "StoreProfile", set_store_profile, "the name of a profile", 1, false },
	{ "StoreCAFile", set_store_ca_file, ALLOWED_PATH, 1, false },
	{ "CacheFile", set_cache_file, ALLOWED_PATH, 1, false },
	{ "CacheSeconds", set_cache_seconds, "seconds, a number from 1 to 86400", 1, false },
	{ "StaleSeconds", set_stale_seconds, "seconds, a number from 0 to 31536000", 1, false },
	{ "LookupSeconds", set_lookup_seconds, "seconds, a number from 1 to 10", 1, false },
	{ "ApiListen", set_api_listen, "ADDRESS:PORT, such as 127.0.0.1:8443, 0.0.0.0:443 or [::1]:8443", 1, false },
	{ "ApiCertificate", set_api_certificate, ALLOWED_PATH, 1, false },
	{ "ApiCertificateKey", set_api_certificate_key, ALLOWED_PATH, 1, false },
	{ "ApiInsecure", set_api_insecure, "yes, no", 1, false },
	{ "ApiKeysFile", set_api_keys_file, ALLOWED_PATH, 1, false },
	{ "ApiLogFile", set_api_log_file, ALLOWED_PATH, 1, false },
	{ "ApiMetricsTokenFile", set_api_metrics_token_file, ALLOWED_PATH, 1, false },
	{ "ApiRate", set_api_rate, "requests a second, a number from 0 (without bound) to 100000", 1, false },
};

const struct config_keyword *
config_keyword_find(const char *name)
{
	for (size_t i = 0; i < CONFIG_KEYWORD_COUNT; i++)
		if (strcasecmp(config_keywords[i].name, name) == 0)
			return &config_keywords[i];
	return NULL;
}
