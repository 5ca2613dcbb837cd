/* The server whose users are copied: which, what of it this host can't honour, and the same server here. */
#include <string.h>

#include "admin_cmd/import/import_transfer.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/model/rules.h"
#include "common/model/shapes.h"

#define SERVERS_NAMED 10

/* Members of a server that Berth keeps: CreateServer takes them, and DescribeServer returns them. */
static const char *const KEPT[] = { "Domain", "LoggingRole", "PostAuthenticationLoginBanner", "PreAuthenticationLoginBanner",
	"SecurityPolicyName", "StructuredLogDestinations", "Tags" };
/* Members that say nothing a host would have to honour. */
static const char *const SILENT[] = { "Arn", "Domain", "IdentityProviderType", "ServerId", "State", "Tags", "UserCount" };
static const struct {
	const char *name, *here;
} TOLD[] = {
	{ "HostKeyFingerprint", "clients will see this host's own host key, and ask or refuse until they know it" },
	{ "PreAuthenticationLoginBanner", "kept, but not shown: sshd_config's Banner is" },
	{ "PostAuthenticationLoginBanner", "kept, but not shown" },
	{ "LoggingRole", "kept, but not used: the transfer log is a file of this host" },
	{ "StructuredLogDestinations", "kept, but not used: the transfer log is a file of this host" },
	{ "SecurityPolicyName", "kept, but not used: sshd_config says which ciphers, MACs and key exchanges are allowed" },
	{ "WorkflowDetails", "workflows are not run: the transfer log tells of each upload" },
	{ "EndpointDetails", "where sshd listens is set in sshd_config" },
	{ "Certificate", "FTPS is not served" },
	{ "IdentityProviderDetails", "users are SERVICE_MANAGED" },
	{ "S3StorageOptions", "the storage is mounted file systems" },
	{ "IpAddressType", "where sshd listens is set in sshd_config" },
	{ "ProtocolDetails", "SFTP alone is served, without options" },
	{ "As2ServiceManagedEgressIpAddresses", "AS2 is not served" },
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Into text: the ids of a list's servers. Returns how many servers there are. */
static size_t
read_servers(const cJSON *list, char *text, size_t size, char id[SERVER_ID_LENGTH + 1])
{
	const char *server_id;
	size_t count = 0, length;
	const cJSON *item;

	text[0] = '\0';
	cJSON_ArrayForEach(item, list) {
		server_id = record_json_string(item, "ServerId");
		if (server_id == NULL || !pattern_server_id(server_id))
			continue;
		length = strlen(text);
		if (++count == 1)
			memcpy(id, server_id, SERVER_ID_LENGTH + 1);
		if (count <= SERVERS_NAMED)
			snprintf(text + length, size - length, "%s%s", count == 1 ? "" : ", ", server_id);
		else if (count == SERVERS_NAMED + 1)
			snprintf(text + length, size - length, " …");
	}
	return count;
}

int
import_server_find(struct import_remote *remote, struct store *store, const char *wanted, char id[SERVER_ID_LENGTH + 1],
    struct api_error *error)
{
	cJSON *request, *response = NULL;
	char text[(SERVERS_NAMED + 1) * (SERVER_ID_LENGTH + 2)];
	size_t count;
	int result;

	if (wanted != NULL) {
		if (!pattern_server_id(wanted))
			return api_fail(error, API_INVALID_REQUEST,
			    "--from-server-id: \"%s\" is no server's id: that is s- and 17 hexadecimal digits", wanted);
		memcpy(id, wanted, SERVER_ID_LENGTH + 1);
		return 0;
	}
	request = import_remote_request(NULL, NULL);
	result = import_remote_ask(remote, store, "ListServers", request, &response, error);
	cJSON_Delete(request);
	if (result != 0)
		return -1;
	count = read_servers(cJSON_GetObjectItemCaseSensitive(response, "Servers"), text, sizeof(text), id);
	cJSON_Delete(response);
	if (count == 0)
		return api_fail(error, API_NOT_FOUND, "%s has no server", remote->name);
	if (count > 1)
		return api_fail(error, API_INVALID_REQUEST,
		    "%s has several servers, and --from-server-id says which one is meant: %s", remote->name, text);
	return 0;
}

static bool
is_empty(const cJSON *member)
{
	return member == NULL || cJSON_IsNull(member) || (cJSON_IsString(member) && member->valuestring[0] == '\0') ||
	    ((cJSON_IsArray(member) || cJSON_IsObject(member)) && member->child == NULL);
}

static bool
is_one_of(const char *name, const char *const *names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void
tell_protocols(const cJSON *list, struct import_left *left)
{
	const cJSON *protocol;

	cJSON_ArrayForEach(protocol, list)
		if (!cJSON_IsString(protocol) || strcmp(protocol->valuestring, "SFTP") != 0)
			import_left_note(left, LEFT_SERVER, 0, "", "Protocols: %.100s is not served, SFTP alone",
			    cJSON_IsString(protocol) ? protocol->valuestring : "?");
}

static void
tell_member(const cJSON *member, struct import_left *left)
{
	size_t i;

	if (is_empty(member) || is_one_of(member->string, SILENT, COUNT(SILENT)))
		return;
	for (i = 0; i < COUNT(TOLD); i++) {
		if (strcmp(TOLD[i].name, member->string) != 0)
			continue;
		if (strcmp(member->string, "HostKeyFingerprint") == 0 && cJSON_IsString(member))
			import_left_note(left, LEFT_SERVER, 0, "", "host key %.100s: %s", member->valuestring, TOLD[i].here);
		else
			import_left_note(left, LEFT_SERVER, 0, "", "%s: %s", TOLD[i].name, TOLD[i].here);
		return;
	}
	if (strcmp(member->string, "Protocols") == 0)
		tell_protocols(member, left);
	else if (strcmp(member->string, "EndpointType") != 0)
		import_left_note(left, LEFT_SERVER, 0, "", "%.100s: Berth doesn't know it", member->string);
	else if (cJSON_IsString(member) && strcmp(member->valuestring, "PUBLIC") != 0)
		import_left_note(left, LEFT_SERVER, 0, "",
		    "EndpointType: %.100s: where sshd listens is set in sshd_config", member->valuestring);
}

static int
check_provider(const cJSON *server, const char *id, struct api_error *error)
{
	const char *provider = record_json_string(server, "IdentityProviderType");

	if (!cJSON_IsObject(server))
		return api_fail(error, API_UNAVAILABLE, "DescribeServer: the answer has no Server");
	if (provider == NULL || strcmp(provider, "SERVICE_MANAGED") == 0)
		return 0;
	return api_fail(error, API_INVALID_REQUEST, "the users of %s are not the service's own (IdentityProviderType is "
	    "%.100s): it has none that could be copied", id, provider);
}

cJSON *
import_server_describe(struct import_remote *remote, struct store *store, const char *id, struct import_left *left,
    struct api_error *error)
{
	cJSON *request = import_remote_request(id, NULL), *response = NULL, *server;
	int result = import_remote_ask(remote, store, "DescribeServer", request, &response, error);
	const cJSON *member;

	cJSON_Delete(request);
	if (result != 0) {
		if (error->code == API_NOT_FOUND)
			api_fail(error, API_NOT_FOUND, "%s has no server %s", remote->name, id);
		return NULL;
	}
	server = cJSON_DetachItemFromObjectCaseSensitive(response, "Server");
	cJSON_Delete(response);
	if (check_provider(server, id, error) == -1) {
		cJSON_Delete(server);
		return NULL;
	}
	cJSON_ArrayForEach(member, server)
		tell_member(member, left);
	import_left_note(left, LEFT_SERVER, 0, "", "Role of each user: kept, but not used: the storage is mounted, and "
	    "POSIX permissions decide");
	return server;
}

/* A CreateServer request of what can be kept: a member that its shape doesn't take is left out. */
static cJSON *
make_request(cJSON *described, struct import_left *left)
{
	cJSON *request = cJSON_CreateObject(), *member;
	struct api_error error;
	size_t i;

	for (i = 0; request != NULL && i < COUNT(KEPT); i++) {
		member = cJSON_DetachItemFromObjectCaseSensitive(described, KEPT[i]);
		if (is_empty(member)) {
			cJSON_Delete(member);
			continue;
		}
		cJSON_AddItemToObject(request, KEPT[i], member);
		if (shapes_check(shapes_request("CreateServer"), request, &error) == 0)
			continue;
		import_left_note(left, LEFT_SERVER, 0, "", "%s: left out: %s", KEPT[i], error.message);
		cJSON_DeleteItemFromObjectCaseSensitive(request, KEPT[i]);
	}
	return request;
}

int
import_server_make(struct store *store, const char *id, cJSON *described, struct import_left *left, struct api_error *error)
{
	const char *state = record_json_string(described, "State");
	struct server_record server = { .online = state == NULL || strcmp(state, "OFFLINE") != 0 };
	cJSON *request = make_request(described, left);
	int result = -1;

	memcpy(server.server_id, id, SERVER_ID_LENGTH + 1);
	if (request == NULL)
		return api_fail_memory(error);
	if (record_json_read_server(request, &server, error) == 0 &&
	    rules_check_tags(server.tags, server.tag_count, error) == 0)
		result = store_create_server(store, &server, error);
	if (result == 0 && !server.online)
		import_left_note(left, LEFT_SERVER, 0, "", "State: it is OFFLINE, as there: start-server lets users in");
	record_free_server(&server);
	cJSON_Delete(request);
	return result;
}
