/*
 * The configuration's single values; config_value.h says what each may be.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/host/config_value.h"
#include "common/wire/limits.h"

#define NAME_LENGTH 255 /* a directory entry's name */
#define ACCOUNT_MAX 32  /* a local account's name */
#define REGION_MAX  64
#define HOST_MAX    253 /* of a name in the DNS */

#define DIGITS "0123456789"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* all_of: whether the value is made of these characters alone, and min to max of them. */
static bool
all_of(const char *value, const char *characters, size_t min, size_t max)
{
	size_t length = strlen(value);

	return length >= min && length <= max && strspn(value, characters) == length;
}

/* number_from: a decimal number from min to max, nothing around it. */
static bool
number_from(const char *value, uint32_t min, uint32_t max, uint32_t *number)
{
	unsigned long long wide;

	if (!all_of(value, DIGITS, 1, 10))
		return false;
	wide = strtoull(value, NULL, 10);
	if (wide < min || wide > max)
		return false;
	*number = (uint32_t)wide;
	return true;
}

/* path_fault: what keeps a path from being absolute and plain, or NULL. */
static const char *
path_fault(const char *path)
{
	const char *component = path;

	if (path[0] != '/')
		return "not an absolute path";
	if (path[1] == '\0')
		return "the host's whole root can't be given";
	if (strlen(path) >= PATH_BYTES_MAX)
		return "too long";
	while (*component == '/') {
		size_t length = strcspn(++component, "/");

		if (length == 0)
			return "has an empty component";
		if (component[0] == '.' && (length == 1 || (length == 2 && component[1] == '.')))
			return "has a component . or ..";
		component += length;
	}
	return NULL;
}

const char *
config_value_string(char **to, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return CONFIG_OUT_OF_MEMORY;
	free(*to);
	*to = copy;
	return NULL;
}

const char *
config_value_yes_no(bool *to, const char *value)
{
	if (strcasecmp(value, "yes") != 0 && strcasecmp(value, "no") != 0)
		return "neither yes nor no";
	*to = strcasecmp(value, "yes") == 0;
	return NULL;
}

const char *
config_value_number(unsigned *to, const char *value, uint32_t min, uint32_t max)
{
	uint32_t number;

	if (!number_from(value, min, max, &number))
		return "not a number in range";
	*to = number;
	return NULL;
}

const char *
config_value_path(char **to, const char *value)
{
	const char *problem = path_fault(value);

	return problem != NULL ? problem : config_value_string(to, value);
}

/* url_host: where the host of an https or http URL begins, and whether it is http; NULL for another URL. */
static const char *
url_host(const char *url, bool *plain)
{
	static const char secure[] = "https://", insecure[] = "http://";

	*plain = strncmp(url, insecure, sizeof(insecure) - 1) == 0;
	if (*plain)
		return url + sizeof(insecure) - 1;
	return strncmp(url, secure, sizeof(secure) - 1) == 0 ? url + sizeof(secure) - 1 : NULL;
}

static bool
is_this_host(const char *host, size_t length)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == length && strncmp(host, names[i], length) == 0)
			return true;
	return false;
}

/* url_fault: what keeps a URL from being that of a Transfer API, or NULL. */
static const char *
url_fault(const char *url)
{
	bool plain;
	const char *host = url_host(url, &plain), *port;
	size_t length;
	uint32_t number;

	if (host == NULL)
		return "not a URL that begins with https://";
	length = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	if (host[0] == '[' ? length < 4 || length > strlen(host) || strspn(host + 1, DIGITS LOWER UPPER ":.") != length - 2 :
	    length == 0 || length > HOST_MAX || strspn(host, DIGITS LOWER UPPER "-._") != length)
		return "has no host, or more than a host and a port";
	port = host + length;
	if (port[0] != '\0' && (port[0] != ':' || !number_from(port + 1, 1, 65535, &number)))
		return "has something after its host that isn't : and a port of 1 to 65535; no path may follow, nor a /";
	if (plain && !is_this_host(host, length))
		return "http:// to another host: what is signed there could be read on the way";
	return NULL;
}

const char *
config_value_store(char **to, const char *value)
{
	static const char local[] = "sqlite:", remote[] = CONFIG_REMOTE_STORE;
	const char *problem = "not a kind of store that is known";

	if (strncmp(value, local, sizeof(local) - 1) == 0)
		problem = path_fault(value + sizeof(local) - 1);
	else if (strcmp(value, remote) == 0)
		problem = NULL;
	else if (strncmp(value, remote, sizeof(remote) - 1) == 0)
		problem = url_fault(value + sizeof(remote) - 1);
	return problem != NULL ? problem : config_value_string(to, value);
}

const char *
config_value_server_id(char **to, const char *value)
{
	const size_t digits = SERVER_ID_LENGTH - 2;

	if (strncmp(value, "s-", 2) != 0 || !all_of(value + 2, DIGITS "abcdef", digits, digits))
		return "not a server id";
	return config_value_string(to, value);
}

const char *
config_value_account(char **to, const char *value)
{
	if (!all_of(value, LOWER UPPER DIGITS "_-", 1, ACCOUNT_MAX) || value[0] == '-' || strchr(DIGITS, value[0]) != NULL)
		return "not the name of a local account";
	return config_value_string(to, value);
}

const char *
config_value_listen(struct config_listen *to, const char *value)
{
	char address[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(value, ':');
	struct config_listen listen = { 0 };
	struct in_addr four;
	size_t length;
	uint32_t port;

	if (colon == NULL || !number_from(colon + 1, 1, UINT16_MAX, &port))
		return "not an address and a port";
	length = (size_t)(colon - value);
	if (length < 2 || length >= sizeof(address))
		return "not an address and a port";
	memcpy(address, value, length);
	address[length] = '\0';
	if (inet_pton(AF_INET, address, &four) == 1) {
		listen.address.s6_addr[10] = listen.address.s6_addr[11] = 0xff;
		memcpy(&listen.address.s6_addr[12], &four, sizeof(four));
	} else {
		address[length - 1] = '\0';
		if (address[0] != '[' || value[length - 1] != ']' || inet_pton(AF_INET6, address + 1, &listen.address) != 1)
			return "not a numeric address and a port";
	}
	listen.port = (uint16_t)port;
	*to = listen;
	return NULL;
}

const char *
config_value_bucket_name(char **to, const char *value)
{
	if (value[0] == '\0' || strlen(value) > NAME_LENGTH)
		return "the name is empty or too long";
	if (strchr(value, '/') != NULL)
		return "the name has a '/'";
	if (strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return "the name is . or ..";
	return config_value_string(to, value);
}

const char *
config_value_region(char **to, const char *value)
{
	if (!all_of(value, LOWER DIGITS "-", 1, REGION_MAX))
		return "not the name of a region";
	return config_value_string(to, value);
}

const char *
config_value_account_id(char **to, const char *value)
{
	if (!all_of(value, DIGITS, 12, 12))
		return "not an account id";
	return config_value_string(to, value);
}

const char *
config_value_uid(uint32_t *to, const char *value)
{
	uint32_t uid;

	if (!number_from(value, ID_FLOOR, ID_NONE - 1, &uid) || !id_allowed(uid, ID_FLOOR))
		return "not a uid that a record may have";
	*to = uid;
	return NULL;
}

const char *
config_value_profile(uint32_t *uid, uint32_t *gid, char *value)
{
	char *colon = strchr(value, ':');

	if (colon == NULL)
		return "no ':' between uid and gid";
	*colon = '\0';
	if (!number_from(value, ID_FLOOR, ID_NONE - 1, uid) || !number_from(colon + 1, ID_FLOOR, ID_NONE - 1, gid))
		return "not two ids in range";
	return NULL;
}
