/* The table. */
#include "common/model/shapes.h"

#include <string.h>

#include "common/model/keys.h"
#include "common/model/patterns.h"

#define STRING(least, most)                 { .kind = SHAPE_STRING, .min = (least), .max = (most) }
#define MATCHING(least, most, text, function) \
	{ .kind = SHAPE_STRING, .min = (least), .max = (most), .pattern = (text), .matches = (function) }
#define ENUM(...)                           { .kind = SHAPE_STRING, .values = (const char *const[]){ __VA_ARGS__, NULL } }
#define INTEGER(least, most)                { .kind = SHAPE_INTEGER, .min = (least), .max = (most) }
#define LIST(of, least, most)               { .kind = SHAPE_LIST, .item = &(of), .min = (least), .max = (most) }
#define STRUCTURE(...) \
	{ .kind = SHAPE_STRUCTURE, .members = (const struct shape_member[]){ __VA_ARGS__, { NULL, NULL, false } } }

#define REQUIRED true
#define OPTIONAL false

/* Strings, in the order of the API's model. */
static const struct shape ANY_STRING = STRING(0, 0);
static const struct shape ARN = MATCHING(20, 1600, "arn:\\S+", pattern_arn);
static const struct shape AS2_TRANSPORT = ENUM("HTTP");
static const struct shape CERTIFICATE = STRING(0, 1600);
static const struct shape DIRECTORY_ID = MATCHING(12, 12, "d-[0-9a-f]{10}", pattern_directory_id);
static const struct shape DIRECTORY_LISTING = ENUM("ENABLED", "DISABLED");
static const struct shape DOMAIN_NAME = ENUM("S3", "EFS");
static const struct shape ENDPOINT_TYPE = ENUM("PUBLIC", "VPC", "VPC_ENDPOINT");
static const struct shape FUNCTION = MATCHING(1, 170, "arn:[a-z-]+:lambda:.*", pattern_function);
static const struct shape HOME_DIRECTORY = MATCHING(0, 1024, "(|/.*)", pattern_home_directory);
static const struct shape HOME_DIRECTORY_TYPE = ENUM("PATH", "LOGICAL");
static const struct shape HOST_KEY = STRING(0, 4096);
static const struct shape IDENTITY_PROVIDER_TYPE = ENUM("SERVICE_MANAGED", "API_GATEWAY", "AWS_DIRECTORY_SERVICE",
    "AWS_LAMBDA");
static const struct shape IP_ADDRESS_TYPE = ENUM("IPV4", "DUALSTACK");
static const struct shape LOGIN_BANNER = MATCHING(0, 4096, "[\\x09-\\x0D\\x20-\\x7E]*", pattern_banner);
static const struct shape MAP_PATH = MATCHING(0, 1024, "/.*", pattern_map_path);
static const struct shape MAP_TYPE = ENUM("FILE", "DIRECTORY");
static const struct shape NEXT_TOKEN = STRING(1, 6144);
static const struct shape NULLABLE_ROLE = MATCHING(0, 2048, "(|arn:.*role/\\S+)", pattern_nullable_role);
static const struct shape PASSIVE_IP = STRING(0, 15);
static const struct shape POLICY = {
	.kind = SHAPE_STRING, .max = 2048, .too_long = "Cannot exceed quota for PolicySize: 2048",
};
static const struct shape PROTOCOL = ENUM("SFTP", "FTP", "FTPS", "AS2");
static const struct shape ROLE = MATCHING(20, 2048, "arn:.*role/\\S+", pattern_role);
static const struct shape SECURITY_GROUP_ID = MATCHING(11, 20, "sg-[0-9a-f]{8,17}", pattern_security_group_id);
static const struct shape SECURITY_POLICY_NAME = MATCHING(0, 100, "Transfer[A-Za-z0-9]*SecurityPolicy-[A-Za-z0-9-]+",
    pattern_security_policy);
static const struct shape SERVER_ID = MATCHING(19, 19, "s-([0-9a-f]{17})", pattern_server_id);
static const struct shape SET_STAT_OPTION = ENUM("DEFAULT", "ENABLE_NO_OP");
static const struct shape SFTP_AUTHENTICATION_METHODS = ENUM("PASSWORD", "PUBLIC_KEY", "PUBLIC_KEY_OR_PASSWORD",
    "PUBLIC_KEY_AND_PASSWORD");
static const struct shape SOURCE_IP = MATCHING(0, 32, "[0-9a-fA-F\\.\\:]+", pattern_source_ip);
static const struct shape SSH_PUBLIC_KEY_BODY = {
	.kind = SHAPE_STRING,
	.max = 2048,
	.matches = pattern_ssh_key_body,
	.looks_like = keys_looks_like,
	.pattern = "\\s*(ssh|ecdsa)-[a-z0-9-]+[ \\t]+(([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{1,3})?(={0,3})?)"
	    "(\\s*|[ \\t]+[\\S \\t]*\\s*)",
};
static const struct shape SSH_PUBLIC_KEY_ID = MATCHING(21, 21, "key-[0-9a-f]{17}", pattern_ssh_key_id);
static const struct shape TAG_KEY = STRING(0, 128);
static const struct shape TAG_VALUE = STRING(0, 256);
static const struct shape TLS_SESSION_RESUMPTION_MODE = ENUM("DISABLED", "ENABLED", "ENFORCED");
static const struct shape URL = STRING(0, 255);
static const struct shape USER_NAME = MATCHING(3, 100, "[\\w][\\w@.-]{2,99}", pattern_user_name);
static const struct shape USER_PASSWORD = STRING(0, 1024);
static const struct shape VPC_ENDPOINT_ID = MATCHING(22, 22, "vpce-[0-9a-f]{17}", pattern_vpc_endpoint_id);
static const struct shape WORKFLOW_ID = MATCHING(19, 19, "w-([a-z0-9]{17})", pattern_workflow_id);

/* Numbers. */
static const struct shape MAX_RESULTS = INTEGER(1, 1000);
static const struct shape POSIX_ID = INTEGER(0, 4294967295);

/* Lists and structures. */
static const struct shape STRINGS = LIST(ANY_STRING, 0, 0);
static const struct shape SECURITY_GROUP_IDS = LIST(SECURITY_GROUP_ID, 0, 0);
static const struct shape AS2_TRANSPORTS = LIST(AS2_TRANSPORT, 1, 1);
static const struct shape PROTOCOLS = LIST(PROTOCOL, 1, 4);
static const struct shape STRUCTURED_LOG_DESTINATIONS = LIST(ARN, 0, 1);
static const struct shape SECONDARY_GIDS = LIST(POSIX_ID, 0, 16);

static const struct shape ENDPOINT_DETAILS = STRUCTURE(
    { "AddressAllocationIds", &STRINGS, OPTIONAL },
    { "SubnetIds", &STRINGS, OPTIONAL },
    { "VpcEndpointId", &VPC_ENDPOINT_ID, OPTIONAL },
    { "VpcId", &ANY_STRING, OPTIONAL },
    { "SecurityGroupIds", &SECURITY_GROUP_IDS, OPTIONAL });

static const struct shape IDENTITY_PROVIDER_DETAILS = STRUCTURE(
    { "Url", &URL, OPTIONAL },
    { "InvocationRole", &ROLE, OPTIONAL },
    { "DirectoryId", &DIRECTORY_ID, OPTIONAL },
    { "Function", &FUNCTION, OPTIONAL },
    { "SftpAuthenticationMethods", &SFTP_AUTHENTICATION_METHODS, OPTIONAL });

static const struct shape PROTOCOL_DETAILS = STRUCTURE(
    { "PassiveIp", &PASSIVE_IP, OPTIONAL },
    { "TlsSessionResumptionMode", &TLS_SESSION_RESUMPTION_MODE, OPTIONAL },
    { "SetStatOption", &SET_STAT_OPTION, OPTIONAL },
    { "As2Transports", &AS2_TRANSPORTS, OPTIONAL });

static const struct shape WORKFLOW_DETAIL = STRUCTURE(
    { "WorkflowId", &WORKFLOW_ID, REQUIRED },
    { "ExecutionRole", &ROLE, REQUIRED });
static const struct shape ON_UPLOAD = LIST(WORKFLOW_DETAIL, 0, 1);
static const struct shape WORKFLOW_DETAILS = STRUCTURE(
    { "OnUpload", &ON_UPLOAD, OPTIONAL },
    { "OnPartialUpload", &ON_UPLOAD, OPTIONAL });

static const struct shape S3_STORAGE_OPTIONS = STRUCTURE({ "DirectoryListingOptimization", &DIRECTORY_LISTING, OPTIONAL });

static const struct shape TAG = STRUCTURE({ "Key", &TAG_KEY, REQUIRED }, { "Value", &TAG_VALUE, REQUIRED });
static const struct shape TAGS = LIST(TAG, 1, 50);
static const struct shape TAG_KEYS = LIST(TAG_KEY, 1, 50);

static const struct shape HOME_DIRECTORY_MAP_ENTRY = STRUCTURE(
    { "Entry", &MAP_PATH, REQUIRED },
    { "Target", &MAP_PATH, REQUIRED },
    { "Type", &MAP_TYPE, OPTIONAL });
static const struct shape HOME_DIRECTORY_MAPPINGS = LIST(HOME_DIRECTORY_MAP_ENTRY, 1, 50000);

static const struct shape POSIX_PROFILE = STRUCTURE(
    { "Uid", &POSIX_ID, REQUIRED },
    { "Gid", &POSIX_ID, REQUIRED },
    { "SecondaryGids", &SECONDARY_GIDS, OPTIONAL });

/* Requests. */
static const struct shape CREATE_SERVER = STRUCTURE(
    { "Certificate", &CERTIFICATE, OPTIONAL },
    { "Domain", &DOMAIN_NAME, OPTIONAL },
    { "EndpointDetails", &ENDPOINT_DETAILS, OPTIONAL },
    { "EndpointType", &ENDPOINT_TYPE, OPTIONAL },
    { "HostKey", &HOST_KEY, OPTIONAL },
    { "IdentityProviderDetails", &IDENTITY_PROVIDER_DETAILS, OPTIONAL },
    { "IdentityProviderType", &IDENTITY_PROVIDER_TYPE, OPTIONAL },
    { "LoggingRole", &NULLABLE_ROLE, OPTIONAL },
    { "PostAuthenticationLoginBanner", &LOGIN_BANNER, OPTIONAL },
    { "PreAuthenticationLoginBanner", &LOGIN_BANNER, OPTIONAL },
    { "Protocols", &PROTOCOLS, OPTIONAL },
    { "ProtocolDetails", &PROTOCOL_DETAILS, OPTIONAL },
    { "SecurityPolicyName", &SECURITY_POLICY_NAME, OPTIONAL },
    { "Tags", &TAGS, OPTIONAL },
    { "WorkflowDetails", &WORKFLOW_DETAILS, OPTIONAL },
    { "StructuredLogDestinations", &STRUCTURED_LOG_DESTINATIONS, OPTIONAL },
    { "S3StorageOptions", &S3_STORAGE_OPTIONS, OPTIONAL },
    { "IpAddressType", &IP_ADDRESS_TYPE, OPTIONAL });

static const struct shape UPDATE_SERVER = STRUCTURE(
    { "Certificate", &CERTIFICATE, OPTIONAL },
    { "ProtocolDetails", &PROTOCOL_DETAILS, OPTIONAL },
    { "EndpointDetails", &ENDPOINT_DETAILS, OPTIONAL },
    { "EndpointType", &ENDPOINT_TYPE, OPTIONAL },
    { "HostKey", &HOST_KEY, OPTIONAL },
    { "IdentityProviderDetails", &IDENTITY_PROVIDER_DETAILS, OPTIONAL },
    { "LoggingRole", &NULLABLE_ROLE, OPTIONAL },
    { "PostAuthenticationLoginBanner", &LOGIN_BANNER, OPTIONAL },
    { "PreAuthenticationLoginBanner", &LOGIN_BANNER, OPTIONAL },
    { "Protocols", &PROTOCOLS, OPTIONAL },
    { "SecurityPolicyName", &SECURITY_POLICY_NAME, OPTIONAL },
    { "ServerId", &SERVER_ID, REQUIRED },
    { "WorkflowDetails", &WORKFLOW_DETAILS, OPTIONAL },
    { "StructuredLogDestinations", &STRUCTURED_LOG_DESTINATIONS, OPTIONAL },
    { "S3StorageOptions", &S3_STORAGE_OPTIONS, OPTIONAL },
    { "IpAddressType", &IP_ADDRESS_TYPE, OPTIONAL },
    { "IdentityProviderType", &IDENTITY_PROVIDER_TYPE, OPTIONAL });

/* DescribeServer, DeleteServer, StartServer and StopServer alike. */
static const struct shape ONE_SERVER = STRUCTURE({ "ServerId", &SERVER_ID, REQUIRED });

static const struct shape LIST_SERVERS = STRUCTURE(
    { "MaxResults", &MAX_RESULTS, OPTIONAL },
    { "NextToken", &NEXT_TOKEN, OPTIONAL });

static const struct shape CREATE_USER = STRUCTURE(
    { "HomeDirectory", &HOME_DIRECTORY, OPTIONAL },
    { "HomeDirectoryType", &HOME_DIRECTORY_TYPE, OPTIONAL },
    { "HomeDirectoryMappings", &HOME_DIRECTORY_MAPPINGS, OPTIONAL },
    { "Policy", &POLICY, OPTIONAL },
    { "PosixProfile", &POSIX_PROFILE, OPTIONAL },
    { "Role", &ROLE, REQUIRED },
    { "ServerId", &SERVER_ID, REQUIRED },
    { "SshPublicKeyBody", &SSH_PUBLIC_KEY_BODY, OPTIONAL },
    { "Tags", &TAGS, OPTIONAL },
    { "UserName", &USER_NAME, REQUIRED });

static const struct shape UPDATE_USER = STRUCTURE(
    { "HomeDirectory", &HOME_DIRECTORY, OPTIONAL },
    { "HomeDirectoryType", &HOME_DIRECTORY_TYPE, OPTIONAL },
    { "HomeDirectoryMappings", &HOME_DIRECTORY_MAPPINGS, OPTIONAL },
    { "Policy", &POLICY, OPTIONAL },
    { "PosixProfile", &POSIX_PROFILE, OPTIONAL },
    { "Role", &ROLE, OPTIONAL },
    { "ServerId", &SERVER_ID, REQUIRED },
    { "UserName", &USER_NAME, REQUIRED });

/* DescribeUser and DeleteUser alike. */
static const struct shape ONE_USER = STRUCTURE(
    { "ServerId", &SERVER_ID, REQUIRED },
    { "UserName", &USER_NAME, REQUIRED });

static const struct shape LIST_USERS = STRUCTURE(
    { "MaxResults", &MAX_RESULTS, OPTIONAL },
    { "NextToken", &NEXT_TOKEN, OPTIONAL },
    { "ServerId", &SERVER_ID, REQUIRED });

static const struct shape IMPORT_SSH_PUBLIC_KEY = STRUCTURE(
    { "ServerId", &SERVER_ID, REQUIRED },
    { "SshPublicKeyBody", &SSH_PUBLIC_KEY_BODY, REQUIRED },
    { "UserName", &USER_NAME, REQUIRED });

static const struct shape DELETE_SSH_PUBLIC_KEY = STRUCTURE(
    { "ServerId", &SERVER_ID, REQUIRED },
    { "SshPublicKeyId", &SSH_PUBLIC_KEY_ID, REQUIRED },
    { "UserName", &USER_NAME, REQUIRED });

static const struct shape TAG_RESOURCE = STRUCTURE({ "Arn", &ARN, REQUIRED }, { "Tags", &TAGS, REQUIRED });
static const struct shape UNTAG_RESOURCE = STRUCTURE({ "Arn", &ARN, REQUIRED }, { "TagKeys", &TAG_KEYS, REQUIRED });
static const struct shape LIST_TAGS_FOR_RESOURCE = STRUCTURE(
    { "Arn", &ARN, REQUIRED },
    { "MaxResults", &MAX_RESULTS, OPTIONAL },
    { "NextToken", &NEXT_TOKEN, OPTIONAL });

static const struct shape TEST_IDENTITY_PROVIDER = STRUCTURE(
    { "ServerId", &SERVER_ID, REQUIRED },
    { "ServerProtocol", &PROTOCOL, OPTIONAL },
    { "SourceIp", &SOURCE_IP, OPTIONAL },
    { "UserName", &USER_NAME, REQUIRED },
    { "UserPassword", &USER_PASSWORD, OPTIONAL });

/* A line of an import. The service leaves out no list of DescribedUser because it is empty. */
static const struct shape DATE_IMPORTED = { .kind = SHAPE_TIME };
static const struct shape LINE_KEY = STRUCTURE(
    { "DateImported", &DATE_IMPORTED, OPTIONAL },
    { "SshPublicKeyBody", &SSH_PUBLIC_KEY_BODY, REQUIRED },
    { "SshPublicKeyId", &SSH_PUBLIC_KEY_ID, OPTIONAL });
static const struct shape LINE_KEYS = LIST(LINE_KEY, 0, 50);
static const struct shape LINE_MAPPINGS = LIST(HOME_DIRECTORY_MAP_ENTRY, 0, 50000);
static const struct shape LINE_TAGS = LIST(TAG, 0, 50);

static const struct shape USER_LINE = {
	.kind = SHAPE_STRUCTURE,
	.closed = true,
	.members = (const struct shape_member[]){
	    { "Arn", &ANY_STRING, OPTIONAL },
	    { "HomeDirectory", &HOME_DIRECTORY, OPTIONAL },
	    { "HomeDirectoryMappings", &LINE_MAPPINGS, OPTIONAL },
	    { "HomeDirectoryType", &HOME_DIRECTORY_TYPE, OPTIONAL },
	    { "Policy", &POLICY, OPTIONAL },
	    { "PosixProfile", &POSIX_PROFILE, OPTIONAL },
	    { "Role", &ROLE, REQUIRED },
	    { "ServerId", &ANY_STRING, OPTIONAL },
	    { "SshPublicKeys", &LINE_KEYS, OPTIONAL },
	    { "Tags", &LINE_TAGS, OPTIONAL },
	    { "UserName", &USER_NAME, REQUIRED },
	    { NULL, NULL, false },
	},
};

static const struct {
	const char *operation;
	const struct shape *shape;
} REQUESTS[] = {
	{ "CreateServer", &CREATE_SERVER },
	{ "UpdateServer", &UPDATE_SERVER },
	{ "DescribeServer", &ONE_SERVER },
	{ "DeleteServer", &ONE_SERVER },
	{ "StartServer", &ONE_SERVER },
	{ "StopServer", &ONE_SERVER },
	{ "ListServers", &LIST_SERVERS },
	{ "CreateUser", &CREATE_USER },
	{ "UpdateUser", &UPDATE_USER },
	{ "DescribeUser", &ONE_USER },
	{ "DeleteUser", &ONE_USER },
	{ "ListUsers", &LIST_USERS },
	{ "ImportSshPublicKey", &IMPORT_SSH_PUBLIC_KEY },
	{ "DeleteSshPublicKey", &DELETE_SSH_PUBLIC_KEY },
	{ "TagResource", &TAG_RESOURCE },
	{ "UntagResource", &UNTAG_RESOURCE },
	{ "ListTagsForResource", &LIST_TAGS_FOR_RESOURCE },
	{ "TestIdentityProvider", &TEST_IDENTITY_PROVIDER },
};

const struct shape *
shapes_request(const char *operation)
{
	size_t i;

	for (i = 0; i < sizeof(REQUESTS) / sizeof(*REQUESTS); i++)
		if (strcmp(REQUESTS[i].operation, operation) == 0)
			return REQUESTS[i].shape;
	return NULL;
}

bool
shapes_has_member(const char *operation, const char *name)
{
	const struct shape *shape = shapes_request(operation);
	const struct shape_member *member;

	for (member = shape == NULL ? NULL : shape->members; member != NULL && member->name != NULL; member++)
		if (strcmp(member->name, name) == 0)
			return true;
	return false;
}

const struct shape *
shapes_user_line(void)
{
	return &USER_LINE;
}
