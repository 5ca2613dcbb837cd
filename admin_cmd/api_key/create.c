/*
 * berth api-key create: a new key, its secret shown once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/api_key/api_key.h"
#include "common/model/operations.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/store/access_keys_json.h"
#include "common/store/store.h"

enum { FLAG_ALLOW = FLAG_OWN, FLAG_SERVER, FLAG_RATE, FLAG_DESCRIPTION, FLAG_PROFILE };

#define PROFILE_MAX 64

struct creation {
	struct access_key key;
	const char *profile; /* what the key is called in a file of credentials */
};

static const struct option options[] = {
	{ "allow", required_argument, NULL, FLAG_ALLOW },
	{ "server", required_argument, NULL, FLAG_SERVER },
	{ "rate", required_argument, NULL, FLAG_RATE },
	{ "description", required_argument, NULL, FLAG_DESCRIPTION },
	{ "profile", required_argument, NULL, FLAG_PROFILE },
	FLAGS_OF_ALL,
	{ NULL, 0, NULL, 0 },
};

static int
out_of_memory(void)
{
	fputs(API_KEY_COMMAND ": no memory\n", stderr);
	return COMMAND_FAILED;
}

static int
add_word(char ***words, size_t *count, const char *from, size_t length)
{
	char **more = reallocarray(*words, *count + 1, sizeof(*more));

	if (more == NULL)
		return out_of_memory();
	*words = more;
	more[*count] = strndup(from, length);
	if (more[*count] == NULL)
		return out_of_memory();
	(*count)++;
	return COMMAND_OK;
}

/* The words between commas, behind those that an earlier flag gave; an empty one, too, for the check to find. */
static int
take_words(char ***words, size_t *count)
{
	const char *word = optarg;
	int result;

	for (;;) {
		size_t length = strcspn(word, ",");

		if ((result = add_word(words, count, word, length)) != COMMAND_OK || word[length] == '\0')
			return result;
		word += length + 1;
	}
}

static int
take_allow(const struct flags *flags, struct access_key *key)
{
	size_t i = key->allow_count;
	int result = take_words(&key->allow, &key->allow_count);

	for (; result == COMMAND_OK && i < key->allow_count; i++) {
		if (access_pattern_valid(key->allow[i]))
			continue;
		result = flags_wrong(flags, "argument --allow: fits no operation: ", key->allow[i]);
		fputs("The operations are:", stderr);
		for (int j = 0; j < OPERATION_COUNT; j++)
			fprintf(stderr, "%s %s", j == 0 ? "" : ",", operation_name(j));
		fputs("; * stands for any letters\n", stderr);
	}
	return result;
}

static int
take_server(const struct flags *flags, struct access_key *key)
{
	size_t i = key->server_count;
	int result = take_words(&key->servers, &key->server_count);

	for (; result == COMMAND_OK && i < key->server_count; i++)
		if (!pattern_server_id(key->servers[i]))
			result = flags_wrong(flags, "argument --server: no server's id, s- and 17 of 0-9a-f: ",
			    key->servers[i]);
	return result;
}

static int
take_rate(const struct flags *flags, struct access_key *key)
{
	unsigned long rate;
	char *end;

	errno = 0;
	rate = strtoul(optarg, &end, 10);
	if (optarg[0] < '0' || optarg[0] > '9' || *end != '\0' || errno != 0 || rate > ACCESS_KEY_RATE_MAX)
		return flags_wrong(flags, "argument --rate: not a number from 0 to 100000: ", optarg);
	key->has_rate = true;
	key->rate = (unsigned)rate;
	return COMMAND_OK;
}

/* Nothing that would need quotes in such a file, or could end the line. */
static int
take_profile(const struct flags *flags, struct creation *creation)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t length = strlen(optarg);

	if (length == 0 || length > PROFILE_MAX || strspn(optarg, allowed) != length)
		return flags_wrong(flags, "argument --profile: not 1 to 64 of A-Z, a-z, 0-9, _, . and -: ", optarg);
	creation->profile = optarg;
	return COMMAND_OK;
}

static int
take(const struct flags *flags, void *context, int code)
{
	struct creation *creation = context;
	struct access_key *key = &creation->key;

	switch (code) {
	case FLAG_ALLOW:
		return take_allow(flags, key);
	case FLAG_SERVER:
		return take_server(flags, key);
	case FLAG_RATE:
		return take_rate(flags, key);
	case FLAG_PROFILE:
		return take_profile(flags, creation);
	}
	free(key->description);
	key->description = strdup(optarg);
	return key->description == NULL ? out_of_memory() : COMMAND_OK;
}

/* {"AccessKey":{…}} */
static cJSON *
response_of(const struct access_key *key)
{
	cJSON *response = cJSON_CreateObject(), *object = cJSON_AddObjectToObject(response, "AccessKey");

	if (object != NULL && record_json_add_string(object, "AccessKeyId", key->id) &&
	    record_json_add_string(object, "SecretAccessKey", key->secret) && api_key_add_common(object, key))
		return response;
	access_keys_json_free(response);
	return NULL;
}

/* The list's is a copy: the key is still to be shown when the list is written and gone. */
static int
add_key(void *context, struct access_keys *keys, struct api_error *error)
{
	struct access_key copy;

	if (access_key_copy(context, &copy, error) == -1)
		return -1;
	if (access_keys_add(keys, &copy, error) == -1) {
		access_key_free(&copy);
		return -1;
	}
	explicit_bzero(&copy, sizeof(copy));
	return 0;
}

static void
print_list(const char *name, char *const *words, size_t count)
{
	printf("# %-12s", name);
	for (size_t i = 0; i < count; i++)
		printf("%s%s", i == 0 ? "" : ", ", words[i]);
	puts(count == 0 ? "all" : "");
}

/* Lines that can be put into ~/.aws/credentials as they are. A signature for another region would be refused. */
static void
print_credentials(const struct config *config, const struct creation *creation)
{
	const struct access_key *key = &creation->key;

	puts("# Access key for berth-api. The secret isn't shown again.");
	if (key->description != NULL)
		printf("# %-12s%s\n", "description", key->description);
	print_list("operations", key->allow, key->allow_count);
	print_list("servers", key->servers, key->server_count);
	if (key->has_rate)
		printf("# %-12s%u%s\n", "rate", key->rate, key->rate == 0 ? " (without bound)" : " requests a second");
	printf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\n", creation->profile, key->id,
	    key->secret, config->region);
}

static int
print_key(const struct config *config, const struct creation *creation, enum output_format format)
{
	const struct access_key *key = &creation->key;
	cJSON *response;
	int result;

	if (format == OUTPUT_JSON) {
		if ((response = response_of(key)) == NULL)
			return -1;
		result = output_response(format, NULL, response);
		access_keys_json_free(response);
		return result;
	}
	if (format == OUTPUT_TEXT)
		printf("%s\t%s\n", key->id, key->secret);
	else
		print_credentials(config, creation);
	return output_flush();
}

/* Said, but no refusal: the server may be made later, and a store that can't be asked now says nothing about it. */
static void
warn_unknown_servers(const struct config *config, const struct access_key *key)
{
	struct api_error error = { .code = API_OK };
	struct store *store;
	bool online;

	if (config_store_is_remote(config)) {
		fprintf(stderr, API_KEY_COMMAND ": warning: Store %s is kept elsewhere, and berth-api serves none such: a key "
		    "for it is made where the users are kept\n", config->store);
		return;
	}
	if (key->server_count == 0)
		return;
	if (store_open(config->store, STORE_READ, &store, &error) == -1)
		return;
	for (size_t i = 0; i < key->server_count; i++)
		if (store_find_server(store, key->servers[i], &online, &error) == 0)
			fprintf(stderr, API_KEY_COMMAND ": warning: there is no server %s yet\n", key->servers[i]);
	store_close(store);
}

static int
create(const struct config *config, enum output_format format, char **words, void *context)
{
	struct api_error error = { .code = API_OK };
	struct creation *creation = context;
	struct access_key *key = &creation->key;

	(void)words;
	if (access_keys_change(config->api_keys_file, add_key, key, &error) == -1)
		return api_key_failed(&error);
	warn_unknown_servers(config, key);
	if (print_key(config, creation, format) == 0)
		return COMMAND_OK;
	fprintf(stderr, API_KEY_COMMAND ": the key %s is made, but its secret couldn't be shown: delete it\n", key->id);
	return COMMAND_FAILED;
}

int
api_key_create(int argc, char **argv, struct command_globals *globals)
{
	static const struct flags flags = { API_KEY_COMMAND " create", api_key_usage, "unknown option ", options, take };
	struct api_error error = { .code = API_OK };
	struct creation creation = { .profile = "berth" };
	int result;

	if (access_key_make(&creation.key, &error) == -1)
		return api_key_failed(&error);
	result = api_key_run(&flags, false, argc, argv, globals, create, &creation);
	access_key_free(&creation.key);
	return result;
}
