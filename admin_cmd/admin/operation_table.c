#include "admin_cmd/admin/operation_table.h"

#include <ctype.h>
#include <string.h>

const struct admin_operation operation_table[] = {
	{ "create-server", "CreateServer", "Makes a server, and the store when there is none.", NULL },
	{ "describe-server", "DescribeServer", "Shows a server.", NULL },
	{ "update-server", "UpdateServer", "Changes what is given.", NULL },
	{ "delete-server", "DeleteServer", "Deletes a server that has no users.", NULL },
	{ "start-server", "StartServer", "Lets a server's users log in.", NULL },
	{ "stop-server", "StopServer", "Lets nobody log in any more; live sessions go on.", NULL },
	{ "list-servers", "ListServers", "Lists the store's servers.", "Servers" },
	{ "create-user", "CreateUser", "Makes a user of a server.", NULL },
	{ "describe-user", "DescribeUser", "Shows a user.", NULL },
	{ "update-user", "UpdateUser", "Changes what is given; an empty value takes away.", NULL },
	{ "delete-user", "DeleteUser", "Deletes a user; live sessions go on.", NULL },
	{ "list-users", "ListUsers", "Lists a server's users.", "Users" },
	{ "import-ssh-public-key", "ImportSshPublicKey", "Adds a public key to a user.", NULL },
	{ "delete-ssh-public-key", "DeleteSshPublicKey", "Takes a public key from a user.", NULL },
	{ "tag-resource", "TagResource", "Adds tags to a user or a server, or replaces their values.", NULL },
	{ "untag-resource", "UntagResource", "Takes tags from a user or a server.", NULL },
	{ "list-tags-for-resource", "ListTagsForResource", "Lists a user's or a server's tags.", "Tags" },
	{ "test-identity-provider", "TestIdentityProvider", "Refused: Berth keeps the users itself.", NULL },
};
const size_t operation_table_count = sizeof(operation_table) / sizeof(operation_table[0]);

/* What a host with sshd isn't, whatever the value. */
#define REFUSED "refused here"

/* A member has the same words wherever it stands. */
static const struct flag_words words[] = {
	{ "Arn", "ARN", "as describe-user and describe-server show it" },
	{ "Certificate", "ARN", REFUSED },
	{ "Domain", "S3|EFS", "kept, not used" },
	{ "EndpointDetails", "STRUCTURE", REFUSED },
	{ "EndpointType", "PUBLIC", "" },
	{ "HomeDirectory", "PATH", "where a session lands" },
	{ "HomeDirectoryMappings", "MAPPING ...", "Entry=/,Target=/bucket/path[,Type=FILE], or JSON" },
	{ "HomeDirectoryType", "PATH|LOGICAL", "" },
	{ "HostKey", "KEY", REFUSED },
	{ "IdentityProviderDetails", "STRUCTURE", REFUSED },
	{ "IdentityProviderType", "SERVICE_MANAGED", "" },
	{ "IpAddressType", "IPV4|DUALSTACK", REFUSED },
	{ "LoggingRole", "ARN", "kept, not used" },
	{ "MaxResults", "N", "one page, of at most N" },
	{ "NextToken", "TOKEN", "one page: the one after the page that gave TOKEN" },
	{ "Policy", "JSON", "kept, not enforced" },
	{ "PosixProfile", "PROFILE", "Uid=N,Gid=N[,SecondaryGids=N,N], or JSON" },
	{ "PostAuthenticationLoginBanner", "TEXT", "kept, not shown" },
	{ "PreAuthenticationLoginBanner", "TEXT", "kept, not shown" },
	{ "ProtocolDetails", "STRUCTURE", REFUSED },
	{ "Protocols", "SFTP", "" },
	{ "Role", "ARN", "arn:aws:iam::000000000000:role/NAME; kept, not used" },
	{ "S3StorageOptions", "STRUCTURE", REFUSED },
	{ "SecurityPolicyName", "NAME", "kept, not used" },
	{ "ServerId", "ID", "default: the configuration's ServerId" },
	{ "ServerProtocol", "SFTP", "" },
	{ "SourceIp", "ADDRESS", "" },
	{ "SshPublicKeyBody", "KEY", "file://id_ed25519.pub, or the key itself" },
	{ "SshPublicKeyId", "ID", "as describe-user shows it" },
	{ "StructuredLogDestinations", "ARN ...", "kept, not used" },
	{ "TagKeys", "KEY ...", "" },
	{ "Tags", "TAG ...", "Key=k,Value=v Key=…, or JSON" },
	{ "UserName", "NAME", "" },
	{ "UserPassword", "PASSWORD", "" },
	{ "WorkflowDetails", "STRUCTURE", REFUSED },
};

const struct admin_operation *
operation_table_find(const char *name)
{
	for (size_t i = 0; i < operation_table_count; i++) {
		if (strcmp(operation_table[i].name, name) == 0)
			return &operation_table[i];
	}
	return NULL;
}

const struct shape_member *
operation_members(const struct admin_operation *operation)
{
	return shapes_request(operation->api_name)->members;
}

bool
operation_takes_force(const struct admin_operation *operation)
{
	return strcmp(operation->api_name, "DeleteServer") == 0;
}

/* A word begins at a capital that follows a small letter or a digit, or that a small letter follows. */
void
flag_name(const char *member, char name[FLAG_NAME_SIZE])
{
	size_t used = 0;

	for (const char *at = member; *at != '\0' && used + 2 < FLAG_NAME_SIZE; at++) {
		if (at > member && isupper((unsigned char)*at) &&
		    (!isupper((unsigned char)at[-1]) || islower((unsigned char)at[1])))
			name[used++] = '-';
		name[used++] = (char)tolower((unsigned char)*at);
	}
	name[used] = '\0';
}

const struct flag_words *
flag_words(const char *member)
{
	static const struct flag_words unknown = { NULL, "VALUE", "" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].member, member) == 0)
			return &words[i];
	}
	return &unknown;
}
