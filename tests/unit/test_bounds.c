/*
 * Every constrained member of every operation, on a real store: values at each bound, one past it, near misses of each
 * pattern and enum, values of every wrong type. What is tried comes from the table of shapes alone; what must be answered,
 * from a second reading of the same shapes (shape_faults.h). A request without a fault is never a ValidationException, and
 * one at a bound is carried out unless RULES says which rule beyond the shape forbids it. No refusal moves a byte of the
 * store.
 */
#include <math.h>

#include "common/model/text.h"
#include "tests/unit/shape_faults.h"
#include "tests/unit/store_world.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define STEPS_MAX     8
#define BASES_MAX     4
/* About nine tenths of what runs now: a generator that stops making cases must not go unseen. */
#define CASES_FLOOR 70000

#define MAPPING "{\"Entry\":\"/data\",\"Target\":\"/bucket/home\",\"Type\":\"DIRECTORY\"}"
#define PROFILE "\"PosixProfile\":{\"Uid\":5001,\"Gid\":5002,\"SecondaryGids\":[7001,7002]}"
#define TAGS    "\"Tags\":[{\"Key\":\"team\",\"Value\":\"blue\"}]"
#define SERVER_MEMBERS \
	"\"EndpointType\":\"PUBLIC\",\"LoggingRole\":\"arn:aws:iam::000000000000:role/log\"," \
	"\"PostAuthenticationLoginBanner\":\"bye\",\"PreAuthenticationLoginBanner\":\"hi\",\"Protocols\":[\"SFTP\"]," \
	"\"SecurityPolicyName\":\"TransferSecurityPolicy-2018-11\"," \
	"\"StructuredLogDestinations\":[\"arn:aws:logs:us-east-1:000000000000:log-group:x\"]"
#define USER_ARN "\"Arn\":\"" ARN_HEAD "user/$/paul\""

/* Requests that are carried out, into which one value at a time is put. $ is the server, # the key of its user paul, % a
 * server without users. */
static const struct operation {
	const char *name;
	const char *bases[BASES_MAX];
} OPERATIONS[] = {
	{ "CreateServer", { "{}", "{\"Domain\":\"EFS\",\"IdentityProviderType\":\"SERVICE_MANAGED\"," TAGS
	    "," SERVER_MEMBERS "}" } },
	{ "UpdateServer", { "{\"ServerId\":\"$\"}", "{\"ServerId\":\"$\"," SERVER_MEMBERS "}" } },
	{ "DescribeServer", { "{\"ServerId\":\"$\"}" } },
	{ "DeleteServer", { "{\"ServerId\":\"%\"}" } },
	{ "StartServer", { "{\"ServerId\":\"$\"}" } },
	{ "StopServer", { "{\"ServerId\":\"$\"}" } },
	{ "ListServers", { "{}", "{\"MaxResults\":10}" } },
	{ "CreateUser", {
	    "{\"ServerId\":\"$\",\"UserName\":\"created\"," ROLE "}",
	    "{\"ServerId\":\"$\",\"UserName\":\"created\"," ROLE ",\"HomeDirectory\":\"/bucket/home\",\"Policy\":\"{}\","
	    "\"HomeDirectoryType\":\"PATH\"," PROFILE "," TAGS ",\"SshPublicKeyBody\":\"" KEY_1 "\"}",
	    "{\"ServerId\":\"$\",\"UserName\":\"created\"," ROLE ",\"HomeDirectoryType\":\"LOGICAL\","
	    "\"HomeDirectoryMappings\":[" MAPPING "]}" } },
	{ "UpdateUser", {
	    "{\"ServerId\":\"$\",\"UserName\":\"paul\"}",
	    "{\"ServerId\":\"$\",\"UserName\":\"paul\"," ROLE ",\"HomeDirectory\":\"/bucket/other\","
	    "\"HomeDirectoryType\":\"PATH\",\"Policy\":\"{}\"," PROFILE "}",
	    "{\"ServerId\":\"$\",\"UserName\":\"lola\",\"HomeDirectoryType\":\"LOGICAL\","
	    "\"HomeDirectoryMappings\":[" MAPPING "]}" } },
	{ "DescribeUser", { "{\"ServerId\":\"$\",\"UserName\":\"paul\"}" } },
	{ "DeleteUser", { "{\"ServerId\":\"$\",\"UserName\":\"paul\"}" } },
	{ "ListUsers", { "{\"ServerId\":\"$\"}", "{\"ServerId\":\"$\",\"MaxResults\":10}" } },
	{ "ImportSshPublicKey", { "{\"ServerId\":\"$\",\"UserName\":\"lola\",\"SshPublicKeyBody\":\"" KEY_1 "\"}" } },
	{ "DeleteSshPublicKey", { "{\"ServerId\":\"$\",\"UserName\":\"paul\",\"SshPublicKeyId\":\"#\"}" } },
	{ "TagResource", { "{" USER_ARN "," TAGS "}", "{\"Arn\":\"" ARN_HEAD "server/$\"," TAGS "}" } },
	{ "UntagResource", { "{" USER_ARN ",\"TagKeys\":[\"team\"]}",
	    "{\"Arn\":\"" ARN_HEAD "server/$\",\"TagKeys\":[\"team\"]}" } },
	{ "ListTagsForResource", { "{" USER_ARN "}", "{\"Arn\":\"" ARN_HEAD "server/$\",\"MaxResults\":10}" } },
	{ "TestIdentityProvider", { "{\"ServerId\":\"$\",\"UserName\":\"paul\"}" } },
};

/*
 * What is right by its shape and refused all the same. operation NULL: all of them; path: it and what lies under it; value
 * NULL: any. An entry that nothing needs fails the test.
 */
static struct rule {
	const char *operation, *path, *value;
	enum api_code code;
	bool used;
} RULES[] = {
	/* Names of what isn't there. */
	{ NULL, "ServerId", NULL, API_NOT_FOUND, false },
	{ "DeleteSshPublicKey", "SshPublicKeyId", NULL, API_NOT_FOUND, false },
	{ "DeleteSshPublicKey", "UserName", NULL, API_NOT_FOUND, false },
	{ NULL, "Arn", NULL, API_INVALID_REQUEST, false },
	{ NULL, "NextToken", NULL, API_INVALID_TOKEN, false },
	/* A host's own sshd serves SFTP, with keys, and is set up elsewhere. */
	{ NULL, "Certificate", NULL, API_INVALID_REQUEST, false },
	{ NULL, "EndpointDetails", NULL, API_INVALID_REQUEST, false },
	{ NULL, "EndpointType", "\"VPC\"", API_INVALID_REQUEST, false },
	{ NULL, "EndpointType", "\"VPC_ENDPOINT\"", API_INVALID_REQUEST, false },
	{ NULL, "HostKey", NULL, API_INVALID_REQUEST, false },
	{ NULL, "IdentityProviderDetails", NULL, API_INVALID_REQUEST, false },
	{ NULL, "IdentityProviderType", "\"API_GATEWAY\"", API_INVALID_REQUEST, false },
	{ NULL, "IdentityProviderType", "\"AWS_DIRECTORY_SERVICE\"", API_INVALID_REQUEST, false },
	{ NULL, "IdentityProviderType", "\"AWS_LAMBDA\"", API_INVALID_REQUEST, false },
	{ NULL, "IpAddressType", NULL, API_INVALID_REQUEST, false },
	{ NULL, "ProtocolDetails", NULL, API_INVALID_REQUEST, false },
	{ NULL, "Protocols", "[\"SFTP\",\"FTP\",\"FTPS\",\"AS2\"]", API_INVALID_REQUEST, false },
	{ NULL, "Protocols.member", "\"FTP\"", API_INVALID_REQUEST, false },
	{ NULL, "Protocols.member", "\"FTPS\"", API_INVALID_REQUEST, false },
	{ NULL, "Protocols.member", "\"AS2\"", API_INVALID_REQUEST, false },
	{ NULL, "S3StorageOptions", NULL, API_INVALID_REQUEST, false },
	{ NULL, "WorkflowDetails", NULL, API_INVALID_REQUEST, false },
	{ "TestIdentityProvider", "ServerProtocol", NULL, API_INVALID_REQUEST, false },
	{ "TestIdentityProvider", "SourceIp", NULL, API_INVALID_REQUEST, false },
	{ "TestIdentityProvider", "UserName", NULL, API_INVALID_REQUEST, false },
	{ "TestIdentityProvider", "UserPassword", NULL, API_INVALID_REQUEST, false },
	{ "TestIdentityProvider", "-", NULL, API_INVALID_REQUEST, false },
	/* The host's own ids. */
	{ NULL, "PosixProfile.Uid", "0", API_INVALID_REQUEST, false },
	{ NULL, "PosixProfile.Uid", "4294967295", API_INVALID_REQUEST, false },
	{ NULL, "PosixProfile.Gid", "0", API_INVALID_REQUEST, false },
	{ NULL, "PosixProfile.Gid", "4294967295", API_INVALID_REQUEST, false },
	{ NULL, "PosixProfile.SecondaryGids.member", "0", API_INVALID_REQUEST, false },
	{ NULL, "PosixProfile.SecondaryGids.member", "4294967295", API_INVALID_REQUEST, false },
	/* Right by their patterns, and neither a key, nor a policy, nor a place in a bucket. */
	{ NULL, "SshPublicKeyBody", NULL, API_INVALID_REQUEST, false },
	{ NULL, "Policy", NULL, API_INVALID_REQUEST, false },
	{ NULL, "HomeDirectoryMappings.member.Target", "\"/\"", API_INVALID_REQUEST, false },
};

/* Right by the shape, and refused by a rule wherever they are put. */
static const struct {
	const char *operation, *path, *value;
} NEVER[] = {
	{ "CreateUser", "UserName", "\"root\"" },
	{ NULL, "HomeDirectory", "\"/a/../b\"" },
	{ NULL, "HomeDirectory", "\"/a/./b\"" },
	{ NULL, "HomeDirectory", "\"/a//b\"" },
	{ NULL, "HomeDirectory", "\"/a/..\"" },
	{ NULL, "HomeDirectory", "\"/a\\tb\"" },
	{ NULL, "HomeDirectory", "\"/a\\u007f\"" },
	{ NULL, "HomeDirectory", "\"/a\\u009f\"" },
	{ NULL, "HomeDirectoryMappings.member.Entry", "\"/a/../b\"" },
	{ NULL, "HomeDirectoryMappings.member.Entry", "\"//\"" },
	{ NULL, "HomeDirectoryMappings.member.Entry", "\"/a\\u0001\"" },
	{ NULL, "HomeDirectoryMappings.member.Target", "\"/..\"" },
	{ NULL, "HomeDirectoryMappings.member.Target", "\"/a/./b\"" },
	{ NULL, "HomeDirectoryMappings.member.Target", "\"/a/\\u001b[0m\"" },
	{ NULL, "Policy", "\"[]\"" },
	{ NULL, "Policy", "\"null\"" },
	{ NULL, "Policy", "\"{} {}\"" },
	{ NULL, "Policy", "\"{\\\"a\\\":1,\\\"a\\\":2}\"" },
	{ NULL, "PosixProfile.Uid", "999" },
	{ NULL, "PosixProfile.Uid", "1111839316" },
	{ NULL, "PosixProfile.Gid", "999" },
	{ NULL, "PosixProfile.Gid", "1111839316" },
	{ NULL, "PosixProfile.SecondaryGids.member", "999" },
	{ NULL, "PosixProfile.SecondaryGids.member", "1111839316" },
	{ NULL, "SshPublicKeyBody", "\"ssh-ed25519 AAAA\"" },
	{ NULL, "Certificate", "\"x\"" },
	{ NULL, "HostKey", "\"secret host key\"" },
	{ NULL, "EndpointDetails", "{}" },
	{ NULL, "ProtocolDetails", "{}" },
	{ NULL, "Protocols", "[\"SFTP\",\"FTPS\"]" },
};

struct step {
	const char *name; /* NULL: an item */
	int index;
};

/* One place in an operation's request. */
struct target {
	const struct operation *operation;
	const struct shape *shape;
	bool required;
	struct step steps[STEPS_MAX];
	int depth;
};

enum expectation {
	EITHER,     /* as the shape says */
	MUST_FAIL,  /* a fault, else the case is made wrong */
	FORBIDDEN,  /* no fault, and refused by a rule */
	MUST_PASS,  /* no fault; carried out, or refused by one of RULES */
	MUST_WORK,  /* no fault; carried out */
};

static const int32_t ASCII[] = { 'a', 'A', '0', 0 };
static const int32_t MIXED[] = { 'z', 'Z', '9', '_', '.', '-', '@', '/', ' ', '+', '=', ':', 'e', '~', '\t', 0xe9, 0x4e2d,
	0 };
static const int32_t TWO_BYTES[] = { 0xe9, 0x436, 0 };
static const int32_t THREE_BYTES[] = { 0x4e2d, 0xfeff, 0 };
static const int32_t FOUR_BYTES[] = { 0x1f600, 0 };

static struct faults faults;
static size_t cases, refusals;
static char empty_server[SERVER_ID_LENGTH + 1];

static cJSON *
base_request(const struct operation *operation, size_t which)
{
	static cJSON *parsed[LENGTH(OPERATIONS)][BASES_MAX];
	cJSON **base = &parsed[operation - OPERATIONS][which];
	cJSON *id;

	if (which == BASES_MAX || operation->bases[which] == NULL)
		return NULL;
	if (*base == NULL) {
		*base = world_json(operation->bases[which]);
		id = cJSON_GetObjectItemCaseSensitive(*base, "ServerId");
		if (id != NULL && strcmp(id->valuestring, "%") == 0)
			cJSON_SetValuestring(id, empty_server);
	}
	return cJSON_Duplicate(*base, 1);
}

/* "PosixProfile.SecondaryGids.member" */
static const char *
path_of(const struct target *target)
{
	static char path[256];
	int i;

	path[0] = '\0';
	for (i = 0; i < target->depth; i++)
		sprintf(path + strlen(path), "%s%s", i == 0 ? "" : ".",
		    target->steps[i].name == NULL ? "member" : target->steps[i].name);
	return target->depth == 0 ? "-" : path;
}

static char *
encode(const int32_t *points, size_t length)
{
	char *text = malloc(length * 4 + 1), *to = text;
	size_t i;

	assert_non_null(text);
	for (i = 0; i < length; i++) {
		int32_t c = points[i];

		if (c < 0x80)
			*to++ = (char)c;
		else if (c < 0x800)
			to += sprintf(to, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
		else if (c < 0x10000)
			to += sprintf(to, "%c%c%c", 0xe0 | c >> 12, 0x80 | (c >> 6 & 0x3f), 0x80 | (c & 0x3f));
		else
			to += sprintf(to, "%c%c%c%c", 0xf0 | c >> 18, 0x80 | (c >> 12 & 0x3f), 0x80 | (c >> 6 & 0x3f),
			    0x80 | (c & 0x3f));
	}
	*to = '\0';
	return text;
}

/* A text of that many characters that the shape's pattern takes; any text when it has none. */
static bool
make_text(const struct shape *shape, const int32_t *favourites, size_t length, struct pattern_text *text)
{
	struct pattern pattern;

	pattern_read(&pattern, shape->pattern == NULL ? ".*" : shape->pattern);
	return pattern_make(&pattern, favourites, favourites == MIXED, length, text);
}

/* The shortest that the shape takes. */
static size_t
shortest_text(const struct shape *shape, struct pattern_text *text)
{
	size_t length;

	for (length = (size_t)shape->min; !make_text(shape, ASCII, length, text); length++)
		assert_true(length < 64);
	return length;
}

static cJSON *
string_instance(const struct shape *shape, int n)
{
	struct pattern_text made;
	size_t count = 0;
	char text[64];
	cJSON *value;
	char *string;

	while (shape->values != NULL && shape->values[count] != NULL)
		count++;
	if (shape->values != NULL)
		return cJSON_CreateString(shape->values[(size_t)n % count]);
	snprintf(text, sizeof(text), "/e%d", n);
	if (shape->pattern == NULL || strcmp(shape->pattern, "/.*") == 0)
		return cJSON_CreateString(text);
	string = encode(made.points, shortest_text(shape, &made));
	value = cJSON_CreateString(string);
	free(string);
	return value;
}

/* A value that the shape takes, another one for each n where there are others. */
static cJSON *
instance(const struct shape *shape, int n)
{
	const struct shape_member *member;
	cJSON *value;
	int i;

	switch (shape->kind) {
	case SHAPE_STRING:
		return string_instance(shape, n);
	case SHAPE_INTEGER:
		return cJSON_CreateNumber(shape->max < 1000 ? (double)shape->max : 1000 + n);
	case SHAPE_LIST:
		value = cJSON_CreateArray();
		for (i = 0; i < (int)shape->min; i++)
			cJSON_AddItemToArray(value, instance(shape->item, i));
		return value;
	case SHAPE_STRUCTURE:
		value = cJSON_CreateObject();
		for (member = shape->members; member->name != NULL; member++)
			if (member->required)
				cJSON_AddItemToObject(value, member->name, instance(member->shape, n));
		return value;
	case SHAPE_TIME: /* of no request */
		break;
	}
	return NULL;
}

static const struct shape *
member_shape(const struct shape *shape, const char *name)
{
	const struct shape_member *member;

	for (member = shape->members; strcmp(member->name, name) != 0; member++)
		;
	return member->shape;
}

/* Puts the value (NULL: nothing) at the target; what leads there is made when the request doesn't have it. */
static void
place(cJSON *request, const struct target *target, cJSON *value)
{
	const struct shape *shape = shapes_request(target->operation->name);
	cJSON *at = request, *child;
	int i;

	for (i = 0; i < target->depth; i++) {
		const struct step *step = &target->steps[i];
		bool last = i == target->depth - 1;

		if (step->name != NULL) {
			shape = member_shape(shape, step->name);
			child = cJSON_GetObjectItemCaseSensitive(at, step->name);
			if (last)
				cJSON_DeleteItemFromObjectCaseSensitive(at, step->name);
			if (last && value != NULL)
				cJSON_AddItemToObject(at, step->name, value);
			else if (!last && child == NULL)
				cJSON_AddItemToObject(at, step->name, child = instance(shape, 0));
		} else {
			shape = shape->item;
			while (cJSON_GetArraySize(at) <= step->index)
				cJSON_AddItemToArray(at, instance(shape, cJSON_GetArraySize(at)));
			child = cJSON_GetArrayItem(at, step->index);
			if (last)
				cJSON_ReplaceItemInArray(at, step->index, value);
		}
		at = child;
	}
}

static void
failed(const char *operation, const cJSON *request, const char *what)
{
	char *text = cJSON_PrintUnformatted(request);

	fail_msg("%s %.3000s\n%s\n%s: %s", operation, text, what, api_error_name(world.error.code), world.error.message);
}

/* The message says nothing of the value. */
static void
check_not_echoed(const char *operation, const cJSON *request, const cJSON *value)
{
	if (cJSON_IsString(value) && strlen(value->valuestring) >= 3 &&
	    strstr(world.error.message, value->valuestring) != NULL &&
	    strstr(faults.message, value->valuestring) == NULL)
		failed(operation, request, "the value is in the message");
}

static void
check_shape_refusal(const char *operation, const cJSON *request)
{
	size_t length = strlen(world.error.message);

	if (world.error.code != API_VALIDATION)
		failed(operation, request, "no ValidationException");
	/* A message that has no room for all faults ends after one of them. */
	if (strcmp(world.error.message, faults.message) != 0 && (length < 3000 || faults.message[length] != ';' ||
	    strncmp(world.error.message, faults.message, length) != 0))
		failed(operation, request, faults.message);
}

/* What every error is: one line of text, and a resource where one is unknown or taken. */
static void
check_error(const char *operation, const cJSON *request)
{
	bool names = world.error.code == API_NOT_FOUND || world.error.code == API_EXISTS;

	if (!text_is_utf8(world.error.message, strlen(world.error.message), NULL) ||
	    text_has_control(world.error.message))
		failed(operation, request, "the message is not one line of text");
	if ((world.error.resource[0] != '\0') != names || (world.error.resource_type[0] != '\0') != names)
		failed(operation, request, "Resource and ResourceType are not those of such an error");
}

/*
 * Runs one request and judges the answer by its faults, which are left in `faults`. Returns 0 when it was carried out, and
 * the store is then put back; -1 when it was refused, for whatever reason.
 */
static int
run(const char *operation, const cJSON *request)
{
	cJSON *response;
	int result;

	cases++;
	faults_find(&faults, shapes_request(operation), request);
	result = operation_call(&world.context, operation, request, &response, &world.error);
	if (result == 0) {
		cJSON_Delete(response);
		if (faults.count != 0)
			failed(operation, request, faults.message);
		if (!world_bytes_same())
			world_restore();
		return 0;
	}
	refusals++;
	assert_null(response);
	check_error(operation, request);
	if (!world_bytes_same())
		failed(operation, request, "the store was changed by a refusal");
	if (faults.count != 0)
		check_shape_refusal(operation, request);
	else if (world.error.code != API_INVALID_REQUEST && world.error.code != API_NOT_FOUND &&
	    world.error.code != API_EXISTS && world.error.code != API_INVALID_TOKEN)
		failed(operation, request, "right by its shape, and refused with the wrong exception");
	return -1;
}

/* Whether one of RULES is why the last call refused that value. */
static bool
ruled_out(const struct target *target, const cJSON *value)
{
	const char *path = path_of(target);
	bool found = false;
	size_t i;

	for (i = 0; i < LENGTH(RULES); i++) {
		struct rule *rule = &RULES[i];
		cJSON *only;

		if ((rule->operation != NULL && strcmp(rule->operation, target->operation->name) != 0) ||
		    strncmp(path, rule->path, strlen(rule->path)) != 0 || rule->code != world.error.code ||
		    (path[strlen(rule->path)] != '\0' && path[strlen(rule->path)] != '.'))
			continue;
		if (rule->value != NULL) {
			only = cJSON_Parse(rule->value);
			if (!cJSON_Compare(only, value, 1)) {
				cJSON_Delete(only);
				continue;
			}
			cJSON_Delete(only);
		}
		rule->used = found = true;
	}
	return found;
}

/* For a name at a bound of its length there is such a user: it can then be described, updated, deleted … */
static void
prepare_user(const struct target *target, const cJSON *value)
{
	char *request;

	if (strcmp(path_of(target), "UserName") != 0 || strcmp(target->operation->name, "CreateUser") == 0 ||
	    !cJSON_IsString(value))
		return;
	assert_true(asprintf(&request, "{\"ServerId\":\"$\",\"UserName\":\"%s\"," ROLE "}", value->valuestring) > 0);
	world_works("CreateUser", request);
	free(request);
	world_remember_bytes();
}

/* Tries the value at the target, in each base of its operation. Takes the value over; NULL: the member is left out. */
static void
attempt(const struct target *target, cJSON *value, enum expectation expected)
{
	const char *operation = target->operation->name;
	bool worked = false, ruled = false, faulty = false, prepared, secret;
	cJSON *request, *last = NULL;
	size_t i;

	secret = strcmp(path_of(target), "HostKey") == 0 || strcmp(path_of(target), "UserPassword") == 0;
	prepared = expected >= MUST_PASS;
	if (prepared)
		prepare_user(target, value);
	for (i = 0; (request = base_request(target->operation, i)) != NULL; i++) {
		place(request, target, cJSON_Duplicate(value, 1));
		if (run(operation, request) == 0)
			worked = true;
		else if (faults.count != 0)
			faulty = true;
		else if (ruled_out(target, value))
			ruled = true;
		if (faults.count != 0 || secret)
			check_not_echoed(operation, request, value);
		if ((expected == MUST_FAIL) != (faults.count != 0) && expected != EITHER)
			failed(operation, request, "the case isn't what it is meant to be");
		cJSON_Delete(last);
		last = request;
	}
	if (expected == FORBIDDEN && (worked || world.error.code != API_INVALID_REQUEST))
		failed(operation, last, "a rule forbids it, and it was carried out, or refused otherwise");
	if (expected >= MUST_PASS && (faulty || !(worked || (ruled && expected == MUST_PASS))))
		failed(operation, last, "right, at a bound, and not carried out");
	if (prepared && strcmp(path_of(target), "UserName") == 0)
		world_restore();
	cJSON_Delete(last);
	cJSON_Delete(value);
}

static void
attempt_text(const struct target *target, const char *text, enum expectation expected)
{
	attempt(target, cJSON_CreateString(text), expected);
}

static void
attempt_points(const struct target *target, const int32_t *points, size_t length, enum expectation expected)
{
	char *text = encode(points, length);

	attempt_text(target, text, expected);
	free(text);
}

/* At the bounds and one past them, in characters of one to four bytes where the pattern has them. */
static void
try_lengths(const struct target *target)
{
	static const int32_t *const FAVOURITES[] = { ASCII, TWO_BYTES, THREE_BYTES, FOUR_BYTES, MIXED };
	const struct shape *shape = target->shape;
	struct pattern_text text, plain;
	size_t low = shortest_text(shape, &text), high = shape->max == 0 ? 3000 : (size_t)shape->max, i, j;
	size_t lengths[] = { low, low + 1, high - 1, high };

	for (i = 0; i < LENGTH(lengths); i++) {
		for (j = 0; j < LENGTH(FAVOURITES); j++) {
			if (lengths[i] < low || lengths[i] > high || !make_text(shape, FAVOURITES[j], lengths[i], &text))
				continue;
			if (j > 0 && make_text(shape, ASCII, lengths[i], &plain) &&
			    memcmp(plain.points, text.points, lengths[i] * sizeof(*text.points)) == 0)
				continue;
			attempt_points(target, text.points, lengths[i], FAVOURITES[j] == MIXED ? EITHER : MUST_PASS);
		}
	}
	for (j = 0; shape->max != 0 && j < LENGTH(FAVOURITES); j++) {
		assert_true(make_text(shape, FAVOURITES[j], high, &text));
		if (!make_text(shape, FAVOURITES[j], high + 1, &plain)) {
			plain = text;
			plain.points[high] = plain.points[high - 1];
		}
		attempt_points(target, plain.points, high + 1, MUST_FAIL);
	}
	if (shape->min > 0) {
		make_text(shape, ASCII, low, &text);
		attempt_points(target, text.points, (size_t)shape->min - 1, MUST_FAIL);
	}
}

/* Each character of the text in turn: another one in its place, one more before it, none. */
static void
try_near_misses(const struct target *target, const struct pattern_text *text)
{
	static const int32_t WRONG[] = { ' ', '\n', '/', 'G', 0x7f, 0xe9, '\t', 0x85, '-', '=', 'g', 0x2028, '\r', 0x01, ':',
		'0', '_', 0x2029, '.', 0x0b, '@', 0xa0, 'Z', 0x1f600 };
	static size_t turn;
	struct pattern_text other;
	size_t i, j;

	for (i = 0; i <= text->length; i++) {
		for (j = 0; j < 3 && i < text->length; j++) {
			other = *text;
			other.points[i] = WRONG[turn++ % LENGTH(WRONG)];
			attempt_points(target, other.points, text->length, EITHER);
		}
		other = *text;
		memmove(other.points + i + 1, other.points + i, (text->length - i) * sizeof(*other.points));
		other.points[i] = WRONG[turn++ % LENGTH(WRONG)];
		attempt_points(target, other.points, text->length + 1, EITHER);
		if (i == text->length)
			break;
		memmove(other.points + i, text->points + i + 1, (text->length - i - 1) * sizeof(*other.points));
		attempt_points(target, other.points, text->length - 1, EITHER);
	}
}

/* Texts made in every way that the pattern has, and each of their characters twice: one more than a quantifier may allow. */
static void
try_recipes(const struct target *target)
{
	struct pattern_text text, last = { .length = SIZE_MAX }, twice;
	struct pattern pattern;
	int branch, skip, extra;
	size_t i;

	pattern_read(&pattern, target->shape->pattern);
	for (branch = 0; branch < 4; branch++)
		for (skip = 0; skip < 8; skip++)
			for (extra = 0; extra < 7; extra++) {
				struct pattern_recipe recipe = { MIXED, branch, skip, extra, 1 };

				text.length = 0;
				pattern_make_sequence(&pattern, pattern.root, &recipe, &text);
				if (text.length == last.length &&
				    memcmp(text.points, last.points, text.length * sizeof(*text.points)) == 0)
					continue;
				last = text;
				attempt_points(target, text.points, text.length, EITHER);
				for (i = 0; i < text.length; i++) {
					twice = text;
					memmove(twice.points + i + 1, text.points + i,
					    (text.length - i) * sizeof(*text.points));
					attempt_points(target, twice.points, text.length + 1, EITHER);
				}
			}
}

static void
try_edges(const struct target *target, const char *text)
{
	static const char *const AROUND[][2] = { { " ", "" }, { "", " " }, { "\n", "" }, { "", "\n" }, { "", "\r\n" },
		{ "\t", "" }, { "x", "" }, { "", "x" }, { "\xef\xbb\xbf", "" }, { "", "\xc2\xa0" } };
	static const char *const NO_UTF8[] = { "\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xe0\x80\x80", "\x80" };
	char *other;
	size_t i;

	for (i = 0; i < LENGTH(AROUND); i++) {
		assert_true(asprintf(&other, "%s%s%s", AROUND[i][0], text, AROUND[i][1]) >= 0);
		attempt_text(target, other, EITHER);
		free(other);
	}
	for (i = 0; i < LENGTH(NO_UTF8); i++) {
		assert_true(asprintf(&other, "%s%s", i % 2 == 0 ? text : "", NO_UTF8[i]) >= 0);
		attempt_text(target, other, MUST_FAIL);
		free(other);
	}
	attempt_text(target, "", EITHER);
	other = strdup(text);
	for (i = 0; other[i] != '\0'; i++)
		other[i] = (char)(isupper((unsigned char)other[i]) ? tolower((unsigned char)other[i]) :
		    toupper((unsigned char)other[i]));
	attempt_text(target, other, EITHER);
	free(other);
}

static void
try_enum(const struct target *target)
{
	char text[64];
	size_t i, j;

	for (i = 0; target->shape->values[i] != NULL; i++) {
		const char *value = target->shape->values[i];

		attempt_text(target, value, MUST_PASS);
		try_edges(target, value);
		snprintf(text, sizeof(text), "%s", value);
		for (j = 0; text[j] != '\0'; j++)
			text[j] = (char)tolower((unsigned char)text[j]);
		attempt_text(target, text, MUST_FAIL);
		for (j = 0; j < strlen(value); j++) {
			snprintf(text, sizeof(text), "%.*s", (int)j, value);
			attempt_text(target, text, EITHER);
		}
		snprintf(text, sizeof(text), "%s%s", value, value);
		attempt_text(target, text, MUST_FAIL);
	}
	attempt_text(target, "", MUST_FAIL);
}

/* Values that are no text made by the pattern, but the real thing, at the bound. */
static void
try_real(const struct target *target)
{
	static const char *const KEY_UNITS[] = { "c", "\xc3\xa9", "\xf0\x9f\x98\x80" };
	bool key = strcmp(path_of(target), "SshPublicKeyBody") == 0;
	size_t i, length, count;
	char *text, *to;

	if (!key && strcmp(path_of(target), "Policy") != 0)
		return;
	for (i = 0; i < 2 * LENGTH(KEY_UNITS); i++) {
		text = calloc(1, (size_t)target->shape->max * 4 + 8);
		to = stpcpy(text, key ? KEY_1 " " : "{\"a\":\"");
		length = strlen(text);
		count = (size_t)target->shape->max + i % 2 - (key ? 0 : 2);
		for (; length < count; length++)
			to = stpcpy(to, KEY_UNITS[i / 2]);
		strcpy(to, key ? "" : "\"}");
		attempt_text(target, text, i % 2 == 0 ? MUST_WORK : MUST_FAIL);
		free(text);
	}
}

static void
try_string(const struct target *target)
{
	struct pattern_text text;
	size_t low, length;
	char *plain;

	if (target->shape->values != NULL) {
		try_enum(target);
		return;
	}
	try_lengths(target);
	try_real(target);
	low = shortest_text(target->shape, &text);
	plain = encode(text.points, low);
	try_edges(target, plain);
	free(plain);
	if (target->shape->pattern == NULL)
		return;
	try_recipes(target);
	make_text(target->shape, ASCII, low, &text);
	try_near_misses(target, &text);
	for (length = low + 12; length > low && !make_text(target->shape, MIXED, length, &text); length--)
		;
	if (length > low)
		try_near_misses(target, &text);
}

static void
try_integer(const struct target *target)
{
	static const char *const ODD[] = { "1.5", "0.5", "1.0", "1e3", "1e30", "1e400", "-1e400", "-0", "-1",
		"9007199254740991", "9007199254740992", "9007199254740993", "9223372036854775807", "18446744073709551616",
		"99999999999999999999", "4294967296", "2147483648", "-2147483649", "10", "1000", "70000" };
	int64_t bounds[] = { target->shape->min, target->shape->max, target->shape->min - 1, target->shape->max + 1 };
	bool id = target->shape->max > 1000;
	size_t i;

	for (i = 0; i < LENGTH(bounds); i++)
		attempt(target, cJSON_CreateNumber((double)bounds[i]), i < 2 ? MUST_PASS : MUST_FAIL);
	/* Through the reader of requests, which is where 1.0 and 1e3 stop being integers. */
	for (i = 0; i < LENGTH(ODD); i++)
		attempt(target, world_json(ODD[i]), i < 7 ? MUST_FAIL : EITHER);
	attempt(target, cJSON_CreateNumber((double)NAN), MUST_FAIL);
	attempt(target, cJSON_CreateNumber((double)INFINITY), MUST_FAIL);
	attempt(target, cJSON_CreateNumber(id ? 1000 : 2), MUST_WORK);
	attempt(target, cJSON_CreateNumber(id ? 4294967294.0 : 999), MUST_WORK);
	attempt_text(target, "1", MUST_FAIL);
	attempt_text(target, "1001", MUST_FAIL);
}

static cJSON *
list_of(const struct shape *shape, int count)
{
	cJSON *list = cJSON_CreateArray();
	int i;

	for (i = 0; i < count; i++)
		cJSON_AddItemToArray(list, instance(shape->item, i));
	return list;
}

static void
try_list(const struct target *target)
{
	const struct shape *shape = target->shape;
	int most = shape->max == 0 || shape->max > 1000 ? 20 : (int)shape->max;
	bool no_repeats = strcmp(path_of(target), "Tags") == 0 || strcmp(path_of(target), "HomeDirectoryMappings") == 0;
	cJSON *list;

	attempt(target, list_of(shape, (int)shape->min), MUST_PASS);
	attempt(target, list_of(shape, most), MUST_PASS);
	if (shape->min > 0)
		attempt(target, list_of(shape, (int)shape->min - 1), MUST_FAIL);
	if (shape->max == most)
		attempt(target, list_of(shape, most + 1), MUST_FAIL);
	list = list_of(shape, 1);
	cJSON_AddItemToArray(list, instance(shape->item, 0));
	attempt(target, list, shape->max == 1 ? MUST_FAIL : no_repeats ? FORBIDDEN : EITHER);
	list = list_of(shape, most - 1);
	cJSON_AddItemToArray(list, cJSON_CreateNull());
	attempt(target, list, MUST_FAIL);
	list = cJSON_CreateArray();
	cJSON_AddItemToArray(list, cJSON_CreateNull());
	attempt(target, list, MUST_FAIL);
}

static void
try_structure(const struct target *target)
{
	cJSON *value = instance(target->shape, 1);
	const char *name;

	attempt(target, cJSON_CreateObject(), EITHER);
	cJSON_AddItemToObject(value, "NoSuchMember", world_json("[1.5,{\"a\":null}]"));
	attempt(target, value, MUST_PASS);
	/* A member under a name that differs in case is another one. */
	value = instance(target->shape, 1);
	if (value->child != NULL) {
		name = value->child->string;
		value->child->string[0] = (char)tolower((unsigned char)name[0]);
		attempt(target, value, MUST_FAIL);
	} else
		cJSON_Delete(value);
}

static void
try_other_types(const struct target *target)
{
	static const struct {
		const char *json;
		int kind; /* -1: no shape is of it */
	} TYPES[] = {
		{ "\"x\"", SHAPE_STRING }, { "5", SHAPE_INTEGER }, { "-5.5", -1 }, { "true", -1 }, { "false", -1 },
		{ "[]", SHAPE_LIST }, { "[\"x\"]", SHAPE_LIST }, { "[[]]", SHAPE_LIST }, { "[5]", SHAPE_LIST },
		{ "{}", SHAPE_STRUCTURE }, { "{\"x\":\"y\"}", SHAPE_STRUCTURE },
	};
	cJSON *list;
	size_t i;

	for (i = 0; i < LENGTH(TYPES); i++)
		attempt(target, world_json(TYPES[i].json), TYPES[i].kind == (int)target->shape->kind ? EITHER : MUST_FAIL);
	if (target->shape->kind != SHAPE_LIST) {
		list = cJSON_CreateArray();
		cJSON_AddItemToArray(list, instance(target->shape, 0));
		attempt(target, list, MUST_FAIL);
	}
	attempt(target, cJSON_CreateNull(), target->required ? MUST_FAIL : MUST_PASS);
	if (target->steps[target->depth - 1].name != NULL)
		attempt(target, NULL, target->required ? MUST_FAIL : MUST_PASS);
}

static struct target
step_into(const struct target *target, const char *name, int index, const struct shape *shape, bool required)
{
	struct target deeper = *target;

	assert_true(target->depth < STEPS_MAX);
	deeper.steps[deeper.depth++] = (struct step){ name, index };
	deeper.shape = shape;
	deeper.required = required;
	return deeper;
}

static void
try_never(const struct target *target)
{
	size_t i;

	for (i = 0; i < LENGTH(NEVER); i++)
		if (strcmp(path_of(target), NEVER[i].path) == 0 &&
		    (NEVER[i].operation == NULL || strcmp(target->operation->name, NEVER[i].operation) == 0))
			attempt(target, world_json(NEVER[i].value), FORBIDDEN);
}

static void
try_everything(const struct target *target)
{
	const struct shape_member *member;
	struct target deeper;

	if (target->depth > 0) {
		try_other_types(target);
		try_never(target);
	}
	switch (target->shape->kind) {
	case SHAPE_STRING:
		try_string(target);
		break;
	case SHAPE_INTEGER:
		try_integer(target);
		break;
	case SHAPE_LIST:
		try_list(target);
		deeper = step_into(target, NULL, 0, target->shape->item, true);
		try_everything(&deeper);
		/* The messages count items from 1. */
		deeper = step_into(target, NULL, 1, target->shape->item, true);
		attempt(&deeper, cJSON_CreateBool(1), MUST_FAIL);
		attempt(&deeper, cJSON_CreateNull(), MUST_FAIL);
		break;
	case SHAPE_STRUCTURE:
		if (target->depth > 0)
			try_structure(target);
		for (member = target->shape->members; member->name != NULL; member++) {
			deeper = step_into(target, member->name, 0, member->shape, member->required);
			try_everything(&deeper);
		}
		break;
	case SHAPE_TIME: /* of no request */
		break;
	}
}

static struct target
whole_request(const struct operation *operation)
{
	return (struct target){ .operation = operation, .shape = shapes_request(operation->name) };
}

static void
test_bounds(void **state)
{
	const struct operation *operation = *state;
	struct target target = whole_request(operation);
	cJSON *request;
	size_t i;

	assert_non_null(target.shape);
	for (i = 0; (request = base_request(operation, i)) != NULL; i++) {
		if (run(operation->name, request) == -1 && !ruled_out(&target, NULL))
			failed(operation->name, request, "a base that isn't carried out");
		cJSON_Delete(request);
	}
	try_everything(&target);
}

/* A value with one or two faults. */
static cJSON *
faulty(const struct shape *shape, size_t which)
{
	if (shape->kind == SHAPE_LIST)
		return world_json("[true,null]");
	if (which % 2 == 0 || shape->kind == SHAPE_STRUCTURE || (shape->pattern == NULL && shape->kind == SHAPE_STRING))
		return cJSON_CreateBool(1);
	return shape->kind == SHAPE_INTEGER ? cJSON_CreateNumber(-1) : cJSON_CreateString("\xc2\xa0");
}

/* Every two members at once, and all of them: each fault is counted, in the shape's order. */
static void
test_several_faults(void **state)
{
	const struct operation *operation = *state;
	struct target request_target = whole_request(operation), target;
	const struct shape_member *members = request_target.shape->members;
	cJSON *request, *all = cJSON_CreateObject();
	size_t i, j;

	for (i = 0; members[i].name != NULL; i++) {
		for (j = 0; j < i; j++) {
			request = base_request(operation, 0);
			target = step_into(&request_target, members[i].name, 0, members[i].shape, false);
			place(request, &target, faulty(members[i].shape, i + j));
			target = step_into(&request_target, members[j].name, 0, members[j].shape, false);
			place(request, &target, members[j].required && i % 3 == 0 ? NULL : faulty(members[j].shape, i));
			run(operation->name, request);
			cJSON_Delete(request);
		}
		cJSON_AddItemToObject(all, members[i].name, faulty(members[i].shape, i));
	}
	run(operation->name, all);
	assert_true(faults.count >= i);
	cJSON_Delete(all);
}

static const struct operation *
find_operation(const char *name)
{
	size_t i;

	for (i = 0; strcmp(OPERATIONS[i].name, name) != 0; i++)
		;
	return &OPERATIONS[i];
}

/* The longest of the lists: 50,000 mappings, and one more. */
static void
test_most_mappings(void **state)
{
	static const char *const NAMES[] = { "CreateUser", "UpdateUser" };
	struct target target;
	cJSON *request;
	size_t i;
	int more;

	(void)state;
	for (i = 0; i < LENGTH(NAMES); i++) {
		target = whole_request(find_operation(NAMES[i]));
		target = step_into(&target, "HomeDirectoryMappings", 0,
		    member_shape(target.shape, "HomeDirectoryMappings"), false);
		assert_int_equal(target.shape->max, 50000);
		for (more = 0; more <= 1; more++) {
			request = base_request(target.operation, 2);
			place(request, &target, list_of(target.shape, (int)target.shape->max + more));
			assert_int_equal(run(NAMES[i], request), more == 0 ? 0 : -1);
			assert_int_equal(faults.count, more);
			cJSON_Delete(request);
		}
	}
}

/* More faults than the message has room for: it ends after one of them, wherever that is, and counts them all. */
static void
test_room_for_faults(void **state)
{
	struct target target = whole_request(find_operation("CreateUser"));
	cJSON *request, *list;
	size_t i, cut = 0;
	int count;

	(void)state;
	for (count = 1; count < 60; count++) {
		request = base_request(target.operation, 2);
		list = cJSON_GetObjectItemCaseSensitive(request, "HomeDirectoryMappings");
		for (i = 0; i < (size_t)count; i++)
			cJSON_AddItemToArray(list, cJSON_CreateNull());
		cJSON_ReplaceItemInObjectCaseSensitive(request, "UserName", cJSON_CreateString("?"));
		cJSON_AddStringToObject(request, "SshPublicKeyBody", "-----BEGIN OPENSSH PRIVATE KEY-----");
		run("CreateUser", request);
		assert_int_equal(faults.count, count + 3);
		cut += strlen(world.error.message) < strlen(faults.message);
		cJSON_Delete(request);
	}
	assert_true(cut > 5);
}

static void
test_all_was_tried(void **state)
{
	size_t i;

	(void)state;
	print_message("%zu cases, %zu of them refused\n", cases, refusals);
	assert_true(cases >= CASES_FLOOR);
	for (i = 0; i < LENGTH(RULES); i++)
		if (!RULES[i].used)
			fail_msg("RULES: nothing needs %s %s %s", RULES[i].operation == NULL ? "*" : RULES[i].operation,
			    RULES[i].path, RULES[i].value == NULL ? "" : RULES[i].value);
}

static int
set_up(void **state)
{
	(void)state;
	world_open();
	world_learn("CreateServer", "{}", "ServerId", empty_server, sizeof(empty_server));
	world_works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"paul\"," ROLE ",\"HomeDirectory\":\"/bucket/home\","
	    "\"Policy\":\"{}\"," PROFILE "," TAGS "}");
	world_learn("ImportSshPublicKey", "{\"ServerId\":\"$\",\"UserName\":\"paul\",\"SshPublicKeyBody\":\"" KEY_2 "\"}",
	    "SshPublicKeyId", world.key, sizeof(world.key));
	world_works("CreateUser", "{\"ServerId\":\"$\",\"UserName\":\"lola\"," ROLE ",\"HomeDirectoryType\":\"LOGICAL\","
	    "\"HomeDirectoryMappings\":[" MAPPING "]," TAGS "}");
	world_keep();
	return 0;
}

/* What a failed test has left is not the next one's fault. */
static int
put_back(void **state)
{
	(void)state;
	world_restore();
	return 0;
}

int
main(void)
{
	struct CMUnitTest tests[2 * LENGTH(OPERATIONS) + 3] = { 0 };
	static char names[2 * LENGTH(OPERATIONS)][64];
	size_t i, count = 0;

	for (i = 0; i < LENGTH(OPERATIONS); i++) {
		snprintf(names[count], sizeof(*names), "%s: each member", OPERATIONS[i].name);
		tests[count] = (struct CMUnitTest)cmocka_unit_test_prestate_setup_teardown(
		    test_bounds, NULL, put_back, (void *)&OPERATIONS[i]);
		tests[count].name = names[count];
		count++;
		snprintf(names[count], sizeof(*names), "%s: several faults", OPERATIONS[i].name);
		tests[count] = (struct CMUnitTest)cmocka_unit_test_prestate_setup_teardown(
		    test_several_faults, NULL, put_back, (void *)&OPERATIONS[i]);
		tests[count].name = names[count];
		count++;
	}
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_most_mappings);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_room_for_faults);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_all_was_tried);
	return cmocka_run_group_tests_name("bounds", tests, set_up, world_tear_down);
}
