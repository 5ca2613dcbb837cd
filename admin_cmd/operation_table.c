#include "admin_cmd/operation_table.h"

#include <string.h>

#define MEMBERS(...) .kind = VALUE_STRUCTURE, .members = (const struct value_member[]){ __VA_ARGS__, { NULL, NULL } }
#define FLAGS(array) .flags = (array), .flag_count = sizeof(array) / sizeof((array)[0])

static const struct value_shape string = { .kind = VALUE_STRING };
static const struct value_shape integer = { .kind = VALUE_INTEGER };
static const struct value_shape strings = { .kind = VALUE_LIST, .item = &string };
static const struct value_shape integers = { .kind = VALUE_LIST, .item = &integer };

static const struct value_shape tag = { MEMBERS({ "Key", &string }, { "Value", &string }) };
static const struct value_shape tags = { .kind = VALUE_LIST, .item = &tag };

static const struct value_shape mapping = { MEMBERS({ "Entry", &string }, { "Target", &string }, { "Type", &string }) };
static const struct value_shape mappings = { .kind = VALUE_LIST, .item = &mapping };

static const struct value_shape posix_profile = { MEMBERS({ "Uid", &integer }, { "Gid", &integer },
    { "SecondaryGids", &integers }) };

static const struct value_shape endpoint_details = { MEMBERS({ "AddressAllocationIds", &strings }, { "SubnetIds", &strings },
    { "VpcEndpointId", &string }, { "VpcId", &string }, { "SecurityGroupIds", &strings }) };

static const struct value_shape identity_provider_details = { MEMBERS({ "Url", &string }, { "InvocationRole", &string },
    { "DirectoryId", &string }, { "Function", &string }, { "SftpAuthenticationMethods", &string }) };

static const struct value_shape protocol_details = { MEMBERS({ "PassiveIp", &string },
    { "TlsSessionResumptionMode", &string }, { "SetStatOption", &string }, { "As2Transports", &strings }) };

static const struct value_shape workflow = { MEMBERS({ "WorkflowId", &string }, { "ExecutionRole", &string }) };
static const struct value_shape workflows = { .kind = VALUE_LIST, .item = &workflow };
static const struct value_shape workflow_details = { MEMBERS({ "OnUpload", &workflows },
    { "OnPartialUpload", &workflows }) };

static const struct value_shape s3_storage_options = { MEMBERS({ "DirectoryListingOptimization", &string }) };

#define SERVER_ID { "server-id", "ServerId", &string, true, "ID", "default: the configuration's ServerId" }
#define USER_NAME { "user-name", "UserName", &string, true, "NAME", NULL }
#define TAGS { "tags", "Tags", &tags, false, "TAG ...", "Key=k,Value=v Key=…, or JSON" }
#define PAGES \
	{ "max-results", "MaxResults", &integer, false, "N", "one page, of at most N" }, \
	{ "next-token", "NextToken", &string, false, "TOKEN", "one page: the one after the page that gave TOKEN" }

#define ROLE(needed) { "role", "Role", &string, needed, "ARN", "arn:aws:iam::000000000000:role/NAME; kept, not used" }
#define KEY_BODY(needed) \
	{ "ssh-public-key-body", "SshPublicKeyBody", &string, needed, "KEY", "file://id_ed25519.pub, or the key itself" }

#define USER_VALUES \
	{ "home-directory", "HomeDirectory", &string, false, "PATH", "where a session lands" }, \
	{ "home-directory-type", "HomeDirectoryType", &string, false, "PATH|LOGICAL", NULL }, \
	{ "home-directory-mappings", "HomeDirectoryMappings", &mappings, false, "MAPPING ...", \
	    "Entry=/,Target=/bucket/path[,Type=FILE], or JSON" }, \
	{ "posix-profile", "PosixProfile", &posix_profile, false, "PROFILE", "Uid=N,Gid=N[,SecondaryGids=N,N], or JSON" }, \
	{ "policy", "Policy", &string, false, "JSON", "kept, not enforced" }

static const struct flag create_server[] = {
	{ "domain", "Domain", &string, false, "S3|EFS", NULL },
	{ "endpoint-type", "EndpointType", &string, false, "PUBLIC", NULL },
	{ "identity-provider-type", "IdentityProviderType", &string, false, "SERVICE_MANAGED", NULL },
	{ "protocols", "Protocols", &strings, false, "SFTP", NULL },
	{ "security-policy-name", "SecurityPolicyName", &string, false, "NAME", "kept, not used" },
	{ "logging-role", "LoggingRole", &string, false, "ARN", "kept, not used" },
	{ "structured-log-destinations", "StructuredLogDestinations", &strings, false, "ARN ...", "kept, not used" },
	{ "pre-authentication-login-banner", "PreAuthenticationLoginBanner", &string, false, "TEXT", "kept, not shown" },
	{ "post-authentication-login-banner", "PostAuthenticationLoginBanner", &string, false, "TEXT", "kept, not shown" },
	TAGS,
	{ "certificate", "Certificate", &string, false, "ARN", NULL },
	{ "endpoint-details", "EndpointDetails", &endpoint_details, false, "DETAILS", NULL },
	{ "host-key", "HostKey", &string, false, "KEY", NULL },
	{ "identity-provider-details", "IdentityProviderDetails", &identity_provider_details, false, "DETAILS", NULL },
	{ "protocol-details", "ProtocolDetails", &protocol_details, false, "DETAILS", NULL },
	{ "workflow-details", "WorkflowDetails", &workflow_details, false, "DETAILS", NULL },
	{ "s3-storage-options", "S3StorageOptions", &s3_storage_options, false, "OPTIONS", NULL },
	{ "ip-address-type", "IpAddressType", &string, false, "IPV4|DUALSTACK", NULL },
};
static const struct flag describe_server[] = { SERVER_ID };
static const struct flag list_servers[] = { PAGES };
/* The required ones first, in aws's order, in which a message about missing ones names them. */
static const struct flag create_user[] = { ROLE(true), SERVER_ID, USER_NAME, USER_VALUES, KEY_BODY(false), TAGS };
static const struct flag update_user[] = { SERVER_ID, USER_NAME, ROLE(false), USER_VALUES };
static const struct flag one_user[] = { SERVER_ID, USER_NAME };
static const struct flag list_users[] = { SERVER_ID, PAGES };
static const struct flag import_key[] = { SERVER_ID, KEY_BODY(true), USER_NAME };
static const struct flag delete_key[] = {
	SERVER_ID,
	{ "ssh-public-key-id", "SshPublicKeyId", &string, true, "ID", "as describe-user shows it" },
	USER_NAME,
};

const struct admin_operation operation_table[] = {
	{ "create-server", "CreateServer", "Makes a server, and the store when there is none.", NULL, FLAGS(create_server) },
	{ "describe-server", "DescribeServer", "Shows a server.", NULL, FLAGS(describe_server) },
	{ "list-servers", "ListServers", "Lists the store's servers.", "Servers", FLAGS(list_servers) },
	{ "create-user", "CreateUser", "Makes a user of a server.", NULL, FLAGS(create_user) },
	{ "update-user", "UpdateUser", "Changes what is given; an empty value takes away.", NULL, FLAGS(update_user) },
	{ "describe-user", "DescribeUser", "Shows a user.", NULL, FLAGS(one_user) },
	{ "delete-user", "DeleteUser", "Deletes a user; `berth sessions end` its sessions.", NULL, FLAGS(one_user) },
	{ "list-users", "ListUsers", "Lists a server's users.", "Users", FLAGS(list_users) },
	{ "import-ssh-public-key", "ImportSshPublicKey", "Adds a public key to a user.", NULL, FLAGS(import_key) },
	{ "delete-ssh-public-key", "DeleteSshPublicKey", "Takes a public key from a user.", NULL, FLAGS(delete_key) },
};
const size_t operation_table_count = sizeof(operation_table) / sizeof(operation_table[0]);

const struct admin_operation *
operation_table_find(const char *name)
{
	for (size_t i = 0; i < operation_table_count; i++) {
		if (strcmp(operation_table[i].name, name) == 0)
			return &operation_table[i];
	}
	return NULL;
}
