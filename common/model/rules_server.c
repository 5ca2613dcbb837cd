/* What a server may be: stock sshd serving SFTP to users that Berth manages. */
#include <string.h>

#include "common/model/record_json.h"
#include "common/model/rules.h"

/* Members that ask for what a host's own sshd doesn't do, or is set up for elsewhere. */
static const struct {
	const char *name;
	const char *why;
} REFUSED_MEMBERS[] = {
	{ "Certificate", "FTPS and AS2 are not served" },
	{ "EndpointDetails", "where sshd listens is set in sshd_config" },
	{ "HostKey", "host keys are sshd's own, set in sshd_config" },
	{ "IdentityProviderDetails", "users are SERVICE_MANAGED" },
	{ "ProtocolDetails", "SFTP alone is served, without options" },
	{ "WorkflowDetails", "workflows are not run" },
	{ "S3StorageOptions", "the storage is mounted file systems" },
	{ "IpAddressType", "where sshd listens is set in sshd_config" },
};

/* Members of which one value alone is served. */
static const struct {
	const char *name;
	const char *served;
} ONE_VALUE[] = {
	{ "EndpointType", "PUBLIC" },
	{ "IdentityProviderType", "SERVICE_MANAGED" },
};

static int
check_refused(const cJSON *request, struct api_error *error)
{
	const cJSON *member;
	size_t i;

	for (i = 0; i < sizeof(REFUSED_MEMBERS) / sizeof(*REFUSED_MEMBERS); i++) {
		member = record_json_member(request, REFUSED_MEMBERS[i].name);
		/* An empty string is as good as no member. */
		if (member == NULL || (cJSON_IsString(member) && member->valuestring[0] == '\0'))
			continue;
		return api_fail(error, API_INVALID_REQUEST, "%s: not supported here: %s; leave it out",
		    REFUSED_MEMBERS[i].name, REFUSED_MEMBERS[i].why);
	}
	return 0;
}

int
rules_check_server(const cJSON *request, struct api_error *error)
{
	const cJSON *protocol;
	const char *text;
	size_t i;

	if (check_refused(request, error) == -1)
		return -1;
	for (i = 0; i < sizeof(ONE_VALUE) / sizeof(*ONE_VALUE); i++) {
		text = record_json_string(request, ONE_VALUE[i].name);
		if (text != NULL && strcmp(text, ONE_VALUE[i].served) != 0)
			return api_fail(error, API_INVALID_REQUEST, "%s: %s is not supported here; it can only be %s",
			    ONE_VALUE[i].name, text, ONE_VALUE[i].served);
	}
	cJSON_ArrayForEach(protocol, record_json_member(request, "Protocols"))
		if (strcmp(protocol->valuestring, "SFTP") != 0)
			return api_fail(error, API_INVALID_REQUEST,
			    "Protocols: %s is not supported here; it can only be SFTP", protocol->valuestring);
	return 0;
}
