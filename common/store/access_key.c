/* One access key: made, released, and what it permits. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/model/operations.h"
#include "common/model/timestamp.h"
#include "common/store/access_keys.h"

/* The secret's are letters and digits: what is pasted into shells and configurations needs no quotes then. */
static const char ID_CHARACTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char SECRET_CHARACTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#define ID_PREFIX "BRTH"

/* `count` characters, each as likely as any other: random bytes that would favour some are passed over. */
static int
random_text(const char *characters, char *text, size_t count)
{
	size_t kinds = strlen(characters), used = 0;
	unsigned char byte;

	while (used < count) {
		if (getrandom(&byte, 1, 0) != 1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (byte < 256 / kinds * kinds)
			text[used++] = characters[byte % kinds];
	}
	text[used] = '\0';
	explicit_bzero(&byte, sizeof(byte));
	return 0;
}

int
access_key_make(struct access_key *key, struct api_error *error)
{
	static const size_t PREFIX = sizeof(ID_PREFIX) - 1;

	memset(key, 0, sizeof(*key));
	memcpy(key->id, ID_PREFIX, PREFIX);
	if (random_text(ID_CHARACTERS, key->id + PREFIX, ACCESS_KEY_ID_LENGTH - PREFIX) == -1 ||
	    random_text(SECRET_CHARACTERS, key->secret, ACCESS_KEY_SECRET_LENGTH) == -1)
		return api_fail(error, API_UNAVAILABLE, "The kernel gave no random numbers");
	key->enabled = true;
	key->created = (double)(int64_t)timestamp_now();
	return 0;
}

static void
free_strings(char **strings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(strings[i]);
	free(strings);
}

void
access_key_free(struct access_key *key)
{
	free(key->description);
	free_strings(key->allow, key->allow_count);
	free_strings(key->servers, key->server_count);
	explicit_bzero(key, sizeof(*key));
}

static bool
copy_strings(char *const *strings, size_t count, char ***copy, size_t *copied)
{
	if (count == 0)
		return true;
	*copy = calloc(count, sizeof(**copy));
	for (; *copy != NULL && *copied < count; (*copied)++)
		if (((*copy)[*copied] = strdup(strings[*copied])) == NULL)
			return false;
	return *copy != NULL;
}

int
access_key_copy(const struct access_key *key, struct access_key *copy, struct api_error *error)
{
	*copy = *key;
	copy->description = NULL;
	copy->allow = copy->servers = NULL;
	copy->allow_count = copy->server_count = 0;
	if ((key->description == NULL || (copy->description = strdup(key->description)) != NULL) &&
	    copy_strings(key->allow, key->allow_count, &copy->allow, &copy->allow_count) &&
	    copy_strings(key->servers, key->server_count, &copy->servers, &copy->server_count))
		return 0;
	access_key_free(copy);
	return api_fail_memory(error);
}

/* When what follows the last '*' doesn't fit, that '*' stands for one character more; no earlier one ever has to. */
static bool
pattern_fits(const char *pattern, const char *name)
{
	const char *star = NULL, *resume = NULL;

	while (*name != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			resume = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star != NULL) {
			pattern = star + 1;
			name = ++resume;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

bool
access_pattern_valid(const char *pattern)
{
	static const char CHARACTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*";

	if (strlen(pattern) > ACCESS_PATTERN_MAX || pattern[strspn(pattern, CHARACTERS)] != '\0')
		return false;
	for (int i = 0; i < OPERATION_COUNT; i++)
		if (pattern_fits(pattern, operation_name(i)))
			return true;
	return false;
}

static bool
allows(const struct access_key *key, const char *operation)
{
	for (size_t i = 0; i < key->allow_count; i++)
		if (pattern_fits(key->allow[i], operation))
			return true;
	return key->allow_count == 0;
}

static bool
has_server(const struct access_key *key, const char *server_id)
{
	for (size_t i = 0; i < key->server_count; i++)
		if (strcmp(key->servers[i], server_id) == 0)
			return true;
	return key->server_count == 0;
}

int
access_key_permits_operation(const struct access_key *key, const char *operation, struct api_error *error)
{
	if (allows(key, operation))
		return 0;
	return api_fail(error, API_ACCESS_DENIED,
	    "Access key %s is not authorized to perform transfer:%.100s: no pattern of its Allow fits it", key->id, operation);
}

int
access_key_permits(const struct access_key *key, const char *operation, const char *server_id, struct api_error *error)
{
	if (access_key_permits_operation(key, operation, error) == -1)
		return -1;
	if (key->server_count == 0 || (server_id != NULL && has_server(key, server_id)))
		return 0;
	if (server_id == NULL)
		return api_fail(error, API_ACCESS_DENIED, "Access key %s is not authorized to perform transfer:%.100s: "
		    "it is bound to Servers, and the request names none", key->id, operation);
	return api_fail(error, API_ACCESS_DENIED, "Access key %s is not authorized to perform transfer:%.100s on %.100s: "
	    "that is none of its Servers", key->id, operation, server_id);
}
