#include "common/model/shapes.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/model/keys.h"
#include "common/model/patterns.h"
#include "common/model/text.h"
#include "common/model/timestamp.h"

#define STRING(least, most)                 { .kind = SHAPE_STRING, .min = (least), .max = (most) }
#define MATCHING(least, most, text, function) \
	{ .kind = SHAPE_STRING, .min = (least), .max = (most), .pattern = (text), .matches = (function) }
#define ENUM(...)                           { .kind = SHAPE_STRING, .values = (const char *const[]){ __VA_ARGS__, NULL } }
#define INTEGER(least, most)                { .kind = SHAPE_INTEGER, .min = (least), .max = (most) }
#define LIST(of, least, most)               { .kind = SHAPE_LIST, .item = &(of), .min = (least), .max = (most) }
#define STRUCTURE(...) \
	{ .kind = SHAPE_STRUCTURE, .members = (const struct shape_member[]){ __VA_ARGS__, { NULL, NULL, false } } }
/* Beyond 2^53 a double isn't the integer that was written any more. */
#define EXACT_MAX 9007199254740992.0

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

const struct shape *
shapes_user_line(void)
{
	return &USER_LINE;
}

/* Where the walk is, and what it has found: all faults are counted, and listed as long as the message has room. */
struct walk {
	char path[256];
	size_t path_length;
	size_t faults;
	char list[3900];
	size_t list_length;
	bool full; /* one had no room: those after it would hide the gap */
	const char *sole; /* the words of a fault that stands without the list's when it is the only one */
	bool closed;
};

static void check_value(struct walk *walk, const struct shape *shape, const cJSON *value);

__attribute__((format(printf, 3, 4))) static void
add_fault(struct walk *walk, const char *value, const char *format, ...)
{
	char constraint[1024];
	va_list arguments;
	int length;

	va_start(arguments, format);
	vsnprintf(constraint, sizeof(constraint), format, arguments);
	va_end(arguments);
	walk->faults++;
	if (walk->full)
		return;
	length = snprintf(walk->list + walk->list_length, sizeof(walk->list) - walk->list_length,
	    "%sValue %sat '%s' failed to satisfy constraint: %s", walk->faults == 1 ? "" : "; ", value, walk->path,
	    constraint);
	walk->full = length < 0 || (size_t)length >= sizeof(walk->list) - walk->list_length;
	if (!walk->full)
		walk->list_length += (size_t)length;
	walk->list[walk->list_length] = '\0';
}

/* Steps into a member or an item, which the messages call by its path: homeDirectoryMappings.1.member.entry. */
static size_t
enter(struct walk *walk, const char *name, size_t index)
{
	size_t before = walk->path_length, room = sizeof(walk->path) - before;
	int length;

	if (name == NULL)
		length = snprintf(walk->path + before, room, ".%zu.member", index + 1);
	else
		length = snprintf(walk->path + before, room, "%s%c%s", before == 0 ? "" : ".",
		    tolower((unsigned char)name[0]), name[0] == '\0' ? "" : name + 1);
	if (length > 0 && (size_t)length < room)
		walk->path_length += (size_t)length;
	return before;
}

static void
leave(struct walk *walk, size_t before)
{
	walk->path_length = before;
	walk->path[before] = '\0';
}

static void
check_enum(struct walk *walk, const char *const *values, const char *text)
{
	char set[256] = "";
	size_t i;

	for (i = 0; values[i] != NULL; i++) {
		if (strcmp(values[i], text) == 0)
			return;
		snprintf(set + strlen(set), sizeof(set) - strlen(set), "%s%s", i == 0 ? "" : ", ", values[i]);
	}
	add_fault(walk, "", "Member must satisfy enum value set: [%s]", set);
}

static void
check_pattern(struct walk *walk, const struct shape *shape, const char *text)
{
	const char *looks_like;

	if (shape->matches(text))
		return;
	looks_like = shape->looks_like == NULL ? NULL : shape->looks_like(text);
	if (looks_like == NULL)
		add_fault(walk, "", "Member must satisfy regular expression pattern: %s", shape->pattern);
	else
		add_fault(walk, "", "Member must satisfy regular expression pattern: %s (this looks like %s)",
		    shape->pattern, looks_like);
}

static void
check_string(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	size_t characters;

	if (!cJSON_IsString(value)) {
		add_fault(walk, "", "Member must be a string");
		return;
	}
	if (!text_is_utf8(value->valuestring, strlen(value->valuestring), &characters)) {
		add_fault(walk, "", "Member must be UTF-8");
		return;
	}
	if ((int64_t)characters < shape->min)
		add_fault(walk, "", "Member must have length greater than or equal to %lld", (long long)shape->min);
	if (shape->max != 0 && (int64_t)characters > shape->max && shape->too_long != NULL) {
		add_fault(walk, "", "%s", shape->too_long);
		walk->sole = shape->too_long;
	} else if (shape->max != 0 && (int64_t)characters > shape->max)
		add_fault(walk, "", "Member must have length less than or equal to %lld", (long long)shape->max);
	if (shape->matches != NULL)
		check_pattern(walk, shape, value->valuestring);
	if (shape->values != NULL)
		check_enum(walk, shape->values, value->valuestring);
}

static void
check_integer(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	double number = value->valuedouble;

	if (!cJSON_IsNumber(value) || !(number >= -EXACT_MAX && number <= EXACT_MAX) || (double)(int64_t)number != number)
		add_fault(walk, "", "Member must be an integer");
	else if (number < (double)shape->min)
		add_fault(walk, "", "Member must have value greater than or equal to %lld", (long long)shape->min);
	else if (number > (double)shape->max)
		add_fault(walk, "", "Member must have value less than or equal to %lld", (long long)shape->max);
}

static void
check_list(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	size_t before, index = 0;
	const cJSON *item;
	int64_t count;

	if (!cJSON_IsArray(value)) {
		add_fault(walk, "", "Member must be a list");
		return;
	}
	count = cJSON_GetArraySize(value);
	if (count < shape->min)
		add_fault(walk, "", "Member must have length greater than or equal to %lld", (long long)shape->min);
	if (shape->max != 0 && count > shape->max) {
		add_fault(walk, "", "Member must have length less than or equal to %lld", (long long)shape->max);
		return;
	}
	cJSON_ArrayForEach(item, value) {
		before = enter(walk, NULL, index++);
		if (cJSON_IsNull(item))
			add_fault(walk, "null ", "Member must not be null");
		else
			check_value(walk, shape->item, item);
		leave(walk, before);
	}
}

static void
check_time(struct walk *walk, const cJSON *value)
{
	double seconds;

	if (!timestamp_read(value, &seconds))
		add_fault(walk, "", "Member must be a timestamp, in seconds since 1970 or as YYYY-MM-DDTHH:MM:SS+HH:MM");
}

static void
check_unknown(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	const struct shape_member *member;
	const cJSON *given;
	size_t before;

	cJSON_ArrayForEach(given, value) {
		for (member = shape->members; member->name != NULL; member++)
			if (strcmp(member->name, given->string) == 0)
				break;
		if (member->name != NULL)
			continue;
		before = enter(walk, given->string, 0);
		add_fault(walk, "", "Member must be one that is known here, which \"%.100s\" is not", given->string);
		leave(walk, before);
	}
}

static void
check_structure(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	const struct shape_member *member;
	const cJSON *given;
	size_t before;

	if (!cJSON_IsObject(value)) {
		add_fault(walk, "", "Member must be a structure");
		return;
	}
	for (member = shape->members; member->name != NULL; member++) {
		before = enter(walk, member->name, 0);
		given = cJSON_GetObjectItemCaseSensitive(value, member->name);
		if (given != NULL && !cJSON_IsNull(given))
			check_value(walk, member->shape, given);
		else if (member->required)
			add_fault(walk, "null ", "Member must not be null");
		leave(walk, before);
	}
	if (walk->closed)
		check_unknown(walk, shape, value);
}

static void
check_value(struct walk *walk, const struct shape *shape, const cJSON *value)
{
	switch (shape->kind) {
	case SHAPE_STRING:
		check_string(walk, shape, value);
		break;
	case SHAPE_INTEGER:
		check_integer(walk, shape, value);
		break;
	case SHAPE_LIST:
		check_list(walk, shape, value);
		break;
	case SHAPE_STRUCTURE:
		check_structure(walk, shape, value);
		break;
	case SHAPE_TIME:
		check_time(walk, value);
		break;
	}
}

int
shapes_check(const struct shape *shape, const cJSON *request, struct api_error *error)
{
	struct walk walk = { .closed = shape->closed };

	check_value(&walk, shape, request);
	if (walk.faults == 0)
		return 0;
	if (walk.faults == 1 && walk.sole != NULL)
		return api_fail(error, API_VALIDATION, "%s", walk.sole);
	return api_fail(error, API_VALIDATION, "%zu validation error%s detected: %s", walk.faults,
	    walk.faults == 1 ? "" : "s", walk.list);
}
