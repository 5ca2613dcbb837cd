/*
 * UpdateUser on a real store: every combination of its members on users of every kind, compared as a whole with what
 * DescribeUser showed before; the merges that are refused; the switches of type; and several processes that update at once.
 */
#include "tests/unit/store_world.h"

#include <signal.h>
#include <sys/wait.h>

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define CHOICES_MAX   6

#define MAP(entry, target) "{\"Entry\":\"" entry "\",\"Target\":\"" target "\"}"
#define FILE_MAP(entry, target) "{\"Entry\":\"" entry "\",\"Target\":\"" target "\",\"Type\":\"FILE\"}"
#define POLICY_1 "\"{\\\"Version\\\":\\\"2012-10-17\\\",\\\"who\\\":\\\"${Transfer:UserName}\\\"}\""

/* What an UpdateUser may bring of each member, one by one; "" stands for leaving it out. */
static const struct member {
	const char *name;
	const char *choices[CHOICES_MAX];
} MEMBERS[] = {
	{ "HomeDirectory", { "", "\"\"", "\"/bucket/new/\"", "\"/data/in\"", "\"/list.txt\"", "null" } },
	{ "HomeDirectoryType", { "", "\"PATH\"", "\"LOGICAL\"" } },
	{ "HomeDirectoryMappings", { "", "[" MAP("/data", "/bucket/data/") "]",
	    "[" FILE_MAP("/list.txt", "/bucket/list") "," MAP("/bucket/new", "/bucket/x") "]" } },
	{ "Policy", { "", "\"\"", "\"{}\"" } },
	{ "PosixProfile", { "", "{\"Uid\":6001,\"Gid\":6002}", "{\"Uid\":6001,\"Gid\":6002,\"SecondaryGids\":[]}" } },
	{ "Role", { "", "\"arn:aws:iam::000000000000:role/other\"" } },
};

/* The users: with everything set, and with little, of each type. */
#define WHOLE \
	ROLE ",\"Policy\":" POLICY_1 ",\"PosixProfile\":{\"Uid\":5001,\"Gid\":5002,\"SecondaryGids\":[7002,7001]}," \
	"\"Tags\":[{\"Key\":\"team\",\"Value\":\"blue\"},{\"Key\":\"\",\"Value\":\"\"}]," \
	"\"SshPublicKeyBody\":\"" KEY_1 " at home\""
#define MAPPED "\"HomeDirectoryMappings\":[" MAP("/data", "/bucket/home") "," FILE_MAP("/a.txt", "/bucket/a") "]"
static const struct user {
	const char *name, *members;
} USERS[] = {
	{ "path", WHOLE ",\"HomeDirectory\":\"/bucket/home\",\"HomeDirectoryType\":\"PATH\"" },
	{ "untyped", WHOLE ",\"HomeDirectory\":\"/bucket/home\"" },
	{ "logical", WHOLE ",\"HomeDirectory\":\"/data/home\",\"HomeDirectoryType\":\"LOGICAL\"," MAPPED },
	{ "little-path", ROLE },
	{ "little-logical", ROLE ",\"HomeDirectoryType\":\"LOGICAL\"," MAPPED },
};

/* DescribeUser's User. The caller deletes it. */
static cJSON *
described(const char *user)
{
	char request[256];
	cJSON *response, *detached;

	snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"%s\"}", user);
	if (world_call("DescribeUser", request, &response) == -1)
		fail_msg("DescribeUser %s: %s", user, world.error.message);
	detached = cJSON_DetachItemFromObjectCaseSensitive(response, "User");
	cJSON_Delete(response);
	return detached;
}

static const char *
string_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text == NULL ? "" : text;
}

static bool
given(const cJSON *change, const char *name)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(change, name);

	return member != NULL && !cJSON_IsNull(member);
}

/* Whether a user with these members may be: what UpdateUser must see to, whatever it was brought. */
static bool
lawful(const cJSON *user)
{
	const cJSON *mappings = cJSON_GetObjectItemCaseSensitive(user, "HomeDirectoryMappings"), *mapping;
	const char *home = string_of(user, "HomeDirectory"), *entry;
	size_t length;

	if (strcmp(string_of(user, "HomeDirectoryType"), "LOGICAL") != 0)
		return mappings == NULL;
	if (home[0] == '\0' || mappings == NULL)
		return mappings != NULL;
	cJSON_ArrayForEach(mapping, mappings) {
		entry = string_of(mapping, "Entry");
		length = strlen(entry);
		if (strncmp(home, entry, length) == 0 && (home[length] == '\0' || home[length] == '/'))
			return strcmp(string_of(mapping, "Type"), "FILE") != 0;
	}
	return false;
}

/* What DescribeUser must show after the change, or NULL when it must be refused. The caller deletes it. */
static cJSON *
expected_after(const cJSON *before, const cJSON *change)
{
	bool was_logical = strcmp(string_of(before, "HomeDirectoryType"), "LOGICAL") == 0, is_logical = was_logical;
	cJSON *user = cJSON_Duplicate(before, 1), *value;
	size_t i;

	if (given(change, "HomeDirectoryType"))
		is_logical = strcmp(string_of(change, "HomeDirectoryType"), "LOGICAL") == 0;
	else if (given(change, "HomeDirectoryMappings"))
		is_logical = true;
	if (is_logical != was_logical) {
		cJSON_DeleteItemFromObjectCaseSensitive(user, "HomeDirectory");
		cJSON_DeleteItemFromObjectCaseSensitive(user, "HomeDirectoryMappings");
		cJSON_DeleteItemFromObjectCaseSensitive(user, "HomeDirectoryType");
		cJSON_AddStringToObject(user, "HomeDirectoryType", is_logical ? "LOGICAL" : "PATH");
	}
	for (i = 0; i < LENGTH(MEMBERS); i++) {
		if (!given(change, MEMBERS[i].name))
			continue;
		value = cJSON_GetObjectItemCaseSensitive(change, MEMBERS[i].name);
		cJSON_DeleteItemFromObjectCaseSensitive(user, MEMBERS[i].name);
		if (!cJSON_IsString(value) || value->valuestring[0] != '\0')
			cJSON_AddItemToObject(user, MEMBERS[i].name, cJSON_Duplicate(value, 1));
	}
	if (lawful(user))
		return user;
	cJSON_Delete(user);
	return NULL;
}

static void
differ(const char *what, const cJSON *change, const cJSON *expected, const cJSON *got)
{
	fail_msg("%s\n%s\nexpected %s\ngot %s", what, cJSON_PrintUnformatted(change), cJSON_PrintUnformatted(expected),
	    cJSON_PrintUnformatted(got));
}

/* One UpdateUser: the user is afterwards what it must be, and nobody else has changed. */
static void
check_update(const struct user *user, const cJSON *before, const cJSON *change, size_t *refusals)
{
	cJSON *expected = expected_after(before, change), *after, *response;
	int result = operation_call(&world.context, "UpdateUser", change, &response, &world.error);

	if (expected == NULL) {
		++*refusals;
		if (result == 0)
			differ("taken, and should be refused", change, NULL, response);
		assert_int_equal(world.error.code, API_INVALID_REQUEST);
		assert_int_equal(strncmp(world.error.message, "HomeDirectory", strlen("HomeDirectory")), 0);
		if (!world_bytes_same())
			differ("the store was changed by a refusal", change, before, NULL);
		return;
	}
	if (result == -1)
		fail_msg("%s: %s", cJSON_PrintUnformatted(change), world.error.message);
	assert_string_equal(string_of(response, "UserName"), user->name);
	assert_string_equal(string_of(response, "ServerId"), world.server);
	cJSON_Delete(response);
	after = described(user->name);
	if (!cJSON_Compare(expected, after, 1))
		differ("the user isn't what it should be", change, expected, after);
	cJSON_Delete(after);
	cJSON_Delete(expected);
	world_restore();
}

/* Every choice of every member with every other: alone, in pairs, and all together. */
static void
test_every_combination(void **state)
{
	const struct user *user = *state;
	cJSON *before = described(user->name), *change;
	size_t chosen[LENGTH(MEMBERS)] = { 0 }, i, cases = 0, refusals = 0;

	do {
		change = cJSON_CreateObject();
		cJSON_AddStringToObject(change, "ServerId", world.server);
		cJSON_AddStringToObject(change, "UserName", user->name);
		for (i = 0; i < LENGTH(MEMBERS); i++)
			if (MEMBERS[i].choices[chosen[i]][0] != '\0')
				cJSON_AddItemToObject(change, MEMBERS[i].name, world_json(MEMBERS[i].choices[chosen[i]]));
		check_update(user, before, change, &refusals);
		cJSON_Delete(change);
		cases++;
		for (i = 0; i < LENGTH(MEMBERS); i++) {
			if (++chosen[i] < CHOICES_MAX && MEMBERS[i].choices[chosen[i]] != NULL)
				break;
			chosen[i] = 0;
		}
	} while (i < LENGTH(MEMBERS));
	cJSON_Delete(before);
	print_message("%zu updates of %s, %zu of them refused\n", cases, user->name, refusals);
	assert_int_equal(cases, 6 * 3 * 3 * 3 * 3 * 2);
	assert_true(refusals > 0 && refusals < cases);
}

/* An UpdateUser of that user with these members. */
static const char *
update(const char *user, const char *members)
{
	static char request[16384];

	snprintf(request, sizeof(request), "{\"ServerId\":\"$\",\"UserName\":\"%s\"%s%s}", user,
	    members[0] == '\0' ? "" : ",", members);
	return request;
}

/* DescribeUser's User, whole but for its keys, as text. */
static void
is_now(const char *user, const char *members)
{
	cJSON *after = described(user);
	char *text, *filled, expected[4096];

	cJSON_DeleteItemFromObjectCaseSensitive(after, "SshPublicKeys");
	text = cJSON_PrintUnformatted(after);
	snprintf(expected, sizeof(expected), "{\"Arn\":\"" ARN_HEAD "user/$/%s\",%s,\"UserName\":\"%s\"}", user, members,
	    user);
	filled = world_fill(expected);
	assert_string_equal(text, filled);
	free(filled);
	cJSON_free(text);
	cJSON_Delete(after);
}

static void
refused(const char *user, const char *members, const char *says)
{
	if (world_call("UpdateUser", update(user, members), NULL) == 0)
		fail_msg("taken: %s %s", user, members);
	if (world.error.code != API_INVALID_REQUEST || strstr(world.error.message, says) == NULL)
		fail_msg("%s %s: %s \"%s\", not \"%s\"", user, members, api_error_name(world.error.code),
		    world.error.message, says);
	if (!world_bytes_same())
		fail_msg("%s %s: the store was changed by a refusal", user, members);
}

static void
test_illegal_merges(void **state)
{
	static const char PATH_MAPPED[] = "HomeDirectoryMappings: not with HomeDirectoryType PATH";
	static const char NO_MAPPINGS[] = "HomeDirectoryMappings: none";
	static const char ELSEWHERE[] = "under no Entry";

	(void)state;
	refused("path", "\"HomeDirectoryType\":\"PATH\"," MAPPED, PATH_MAPPED);
	refused("untyped", "\"HomeDirectoryType\":\"PATH\"," MAPPED, PATH_MAPPED);
	refused("logical", "\"HomeDirectoryType\":\"PATH\"," MAPPED, PATH_MAPPED);
	refused("path", "\"HomeDirectoryType\":\"LOGICAL\"", NO_MAPPINGS);
	refused("little-path", "\"HomeDirectoryType\":\"LOGICAL\",\"HomeDirectory\":\"/data\"", NO_MAPPINGS);
	refused("logical", "\"HomeDirectory\":\"/bucket/home\"", ELSEWHERE);
	refused("logical", "\"HomeDirectory\":\"/\"", ELSEWHERE);
	refused("logical", "\"HomeDirectory\":\"/dat\"", ELSEWHERE);
	refused("logical", "\"HomeDirectory\":\"/database\"", ELSEWHERE);
	refused("logical", "\"HomeDirectory\":\"/a.txt\"", "Entry of Type FILE");
	/* The directory stays, and the entry it lies under goes. */
	refused("logical", "\"HomeDirectoryMappings\":[" MAP("/other", "/bucket") "]", ELSEWHERE);
	refused("logical", "\"HomeDirectoryMappings\":[" FILE_MAP("/data", "/bucket/f") "]", "Entry of Type FILE");
	refused("path", MAPPED ",\"HomeDirectory\":\"/bucket/home\"", ELSEWHERE);
	refused("logical", "\"HomeDirectoryMappings\":[" MAP("/a", "/b") "," MAP("/a/", "/c") "]", "is there twice");
	refused("logical", "\"HomeDirectoryMappings\":[" MAP("/a", "/b") "," MAP("/a/b", "/c") "]", "may not nest");
	refused("path", "\"HomeDirectoryMappings\":[" MAP("/", "/b") "," MAP("/b", "/c") "]", "/ stands alone");
	refused("path", "\"HomeDirectory\":\"/bucket/../other\"", "HomeDirectory");
	refused("path", "\"Policy\":\"[]\"", "Policy: must be a JSON object");
	refused("path", "\"PosixProfile\":{\"Uid\":999,\"Gid\":5002}", "Uid 999 is below MinUid");
	/* One wrong member, and the right ones beside it change nothing either. */
	refused("path", "\"Role\":\"arn:aws:iam::000000000000:role/other\",\"Policy\":\"{\"", "Policy");
}

/* The members that no update of a home directory touches. */
#define BEFORE_ROLE \
	"\"Policy\":" POLICY_1 ",\"PosixProfile\":{\"Uid\":5001,\"Gid\":5002,\"SecondaryGids\":[7002,7001]}," ROLE
#define REST BEFORE_ROLE ",\"Tags\":[{\"Key\":\"team\",\"Value\":\"blue\"},{\"Key\":\"\",\"Value\":\"\"}]"

static void
test_switches_of_type(void **state)
{
	static const char MAPPINGS[] = "\"HomeDirectoryMappings\":[" MAP("/", "/bucket/home") "]";
	static const char SWITCHED[] = "\"HomeDirectoryMappings\":[" MAP("/", "/bucket/home") "],"
	    "\"HomeDirectoryType\":\"LOGICAL\"," REST;
	char both[256];

	(void)state;
	/* PATH to LOGICAL: by mappings alone, or with the type said; the directory on the storage means nothing any more. */
	world_works("UpdateUser", update("path", MAPPINGS));
	is_now("path", SWITCHED);
	snprintf(both, sizeof(both), "\"HomeDirectoryType\":\"LOGICAL\",%s", MAPPINGS);
	world_works("UpdateUser", update("untyped", both));
	is_now("untyped", SWITCHED);
	world_restore();
	snprintf(both, sizeof(both), "\"HomeDirectory\":\"/in/\",%s", MAPPINGS);
	world_works("UpdateUser", update("path", both));
	is_now("path", "\"HomeDirectory\":\"/in/\",\"HomeDirectoryMappings\":[" MAP("/", "/bucket/home") "],"
	    "\"HomeDirectoryType\":\"LOGICAL\"," REST);

	/* LOGICAL to PATH: mappings and directory go, unless the call brings a directory. */
	world_works("UpdateUser", update("logical", "\"HomeDirectoryType\":\"PATH\""));
	is_now("logical", "\"HomeDirectoryType\":\"PATH\"," REST);
	world_restore();
	world_works("UpdateUser", update("logical", "\"HomeDirectoryType\":\"PATH\",\"HomeDirectory\":\"/bucket/home\""));
	is_now("logical", "\"HomeDirectory\":\"/bucket/home\",\"HomeDirectoryType\":\"PATH\"," REST);

	/* There and back: nothing of what went comes again. */
	world_works("UpdateUser", update("logical", MAPPINGS));
	is_now("logical", SWITCHED);
	world_restore();

	/* The type that it has already, or has by default, is no switch. */
	world_works("UpdateUser", update("untyped", "\"HomeDirectoryType\":\"PATH\""));
	is_now("untyped", "\"HomeDirectory\":\"/bucket/home\",\"HomeDirectoryType\":\"PATH\"," REST);
	world_works("UpdateUser", update("logical", "\"HomeDirectoryType\":\"LOGICAL\""));
	is_now("logical", "\"HomeDirectory\":\"/data/home\"," MAPPED ",\"HomeDirectoryType\":\"LOGICAL\"," REST);
}

static void
test_nothing_given(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(USERS); i++) {
		cJSON *before = described(USERS[i].name), *after;

		world_works("UpdateUser", update(USERS[i].name, ""));
		world_works("UpdateUser", update(USERS[i].name, "\"HomeDirectory\":null,\"HomeDirectoryType\":null,"
		    "\"HomeDirectoryMappings\":null,\"Policy\":null,\"PosixProfile\":null,\"Role\":null"));
		world_works("UpdateUser", update(USERS[i].name, "\"role\":\"x\",\"Tags\":[],\"SshPublicKeyBody\":5,"
		    "\"homeDirectory\":\"/x\",\"Unknown\":{}"));
		after = described(USERS[i].name);
		assert_true(cJSON_Compare(before, after, 1));
		cJSON_Delete(before);
		cJSON_Delete(after);
	}
}

static void
test_expansion(void **state)
{
	(void)state;
	world_works("UpdateUser", update("logical",
	    "\"HomeDirectory\":\"/logical/${Transfer:UserName}\",\"HomeDirectoryMappings\":["
	    MAP("/logical", "/b/${transfer:UserName}-${TRANSFER:UserName}/") ","
	    MAP("/${Transfer:UserName}", "/b/${Transfer:User}") "]"));
	is_now("logical", "\"HomeDirectory\":\"/logical/logical\",\"HomeDirectoryMappings\":["
	    MAP("/logical", "/b/logical-logical/") "," MAP("/${Transfer:UserName}", "/b/${Transfer:User}")
	    "],\"HomeDirectoryType\":\"LOGICAL\"," REST);
	world_works("UpdateUser", update("path", "\"HomeDirectory\":\"/b/${Transfer:UserName}/\""));
	is_now("path", "\"HomeDirectory\":\"/b/path/\",\"HomeDirectoryType\":\"PATH\"," REST);
	/* In a Policy it stays as it is. */
	world_works("UpdateUser", update("little-path", "\"Policy\":" POLICY_1));
	is_now("little-path", "\"Policy\":" POLICY_1 "," ROLE);
}

/* What is stored has been expanded, and stays as it is when something else is updated, whatever it looks like. */
static void
test_name_that_is_the_variables(void **state)
{
	cJSON *user;

	(void)state;
	world_works("CreateUser", update("UserName", ROLE ",\"HomeDirectoryType\":\"LOGICAL\",\"HomeDirectory\":"
	    "\"/${Transfer:${Transfer:UserName}}\",\"HomeDirectoryMappings\":["
	    MAP("/", "/b/${Transfer:${Transfer:UserName}}") "]"));
	world_works("UpdateUser", update("UserName", "\"Policy\":\"{}\""));
	user = described("UserName");
	assert_string_equal(string_of(user, "HomeDirectory"), "/${Transfer:UserName}");
	assert_string_equal(string_of(cJSON_GetObjectItemCaseSensitive(user, "HomeDirectoryMappings")->child, "Target"),
	    "/b/${Transfer:UserName}");
	cJSON_Delete(user);
}

/* A name of 100 characters grows its path beyond what a path may have: judged when it is expanded. */
static void
test_expansion_is_bounded(void **state)
{
	char name[101], members[2048] = ROLE, request[4096];
	size_t i, length;

	(void)state;
	memset(name, 'n', 100);
	name[100] = '\0';
	world_works("CreateUser", update(name, members));
	world_remember_bytes();
	for (i = 0; i <= 1; i++) {
		/* 10 names of 100, the slash, and 23 or 24 characters more. */
		strcpy(members, "\"HomeDirectory\":\"/");
		for (length = 0; length < 10; length++)
			strcat(members, "${Transfer:UserName}");
		strcat(members, i == 0 ? "xxxxxxxxxxxxxxxxxxxxxxx\"" : "xxxxxxxxxxxxxxxxxxxxxxxx\"");
		snprintf(request, sizeof(request), "%s", members);
		if (i == 1)
			refused(name, request, "HomeDirectory: longer than 1024 characters");
		else
			world_works("UpdateUser", update(name, request));
		world_remember_bytes();
	}
}

/*
 * Processes with a store of their own each, run as this program again: "writer PATH SERVER WHAT TAG ROUNDS". It updates the
 * user `path` that often, each time with another value, and sees its own value when nobody else writes that member.
 */
#define ROUNDS   400
#define MAPPINGS 40

/* The ids that belong to an update: kept in other tables than the rest. */
static int
id_of(const char *tag, int round)
{
	return 10000 + 2 * round + (tag[0] == 'b');
}

static void
write_all(char *members, size_t size, const char *tag, int round)
{
	size_t at = (size_t)snprintf(members, size, "\"Role\":\"arn:aws:iam::000000000000:role/%s%d\","
	    "\"Policy\":\"{\\\"by\\\":\\\"%s%d\\\"}\",\"HomeDirectory\":\"/%s%d\",\"HomeDirectoryMappings\":[",
	    tag, round, tag, round, tag, round);
	int id = id_of(tag, round), i;

	for (i = 0; i < MAPPINGS; i++)
		at += (size_t)snprintf(members + at, size - at, "%s" MAP("/%s%d%.*s", "/bucket/%s%d"), i == 0 ? "" : ",",
		    tag, round, i, "----------------------------------------", tag, round);
	snprintf(members + at, size - at, "],\"PosixProfile\":{\"Uid\":%d,\"Gid\":%d,\"SecondaryGids\":[%d,%d]}", id, id, id,
	    id);
}

static int
writer(char **argv)
{
	const char *what = argv[4], *tag = argv[5];
	char spec[128], members[12288], expected[128];
	int rounds = atoi(argv[6]), i;
	cJSON *user;

	world_configure();
	snprintf(world.server, sizeof(world.server), "%s", argv[3]);
	snprintf(spec, sizeof(spec), "sqlite:%s", argv[2]);
	if (store_open(spec, STORE_WRITE, &world.context.store, &world.error) == -1)
		return 1;
	for (i = 1; i <= rounds; i++) {
		snprintf(expected, sizeof(expected), "arn:aws:iam::000000000000:role/%s%d", tag, i);
		if (strcmp(what, "Policy") == 0)
			snprintf(expected, sizeof(expected), "{\"by\":\"%s%d\"}", tag, i);
		if (strcmp(what, "Role") == 0)
			snprintf(members, sizeof(members), "\"Role\":\"%s\"", expected);
		else if (strcmp(what, "Policy") == 0)
			snprintf(members, sizeof(members), "\"Policy\":\"{\\\"by\\\":\\\"%s%d\\\"}\"", tag, i);
		else
			write_all(members, sizeof(members), tag, i);
		if (world_call("UpdateUser", update("path", members), NULL) == -1) {
			fprintf(stderr, "%s\n", world.error.message);
			return 2;
		}
		if (strcmp(what, "all") == 0)
			continue;
		user = described("path");
		if (strcmp(string_of(user, what), expected) != 0)
			return 3;
		cJSON_Delete(user);
	}
	store_close(world.context.store);
	return 0;
}

static pid_t writers[2]; /* 0: none, or it has ended */

static void
start_writer(size_t which, const char *what, const char *tag)
{
	char rounds[16];
	pid_t child;

	snprintf(rounds, sizeof(rounds), "%d", ROUNDS);
	child = fork();
	if (child == 0) {
		execl("/proc/self/exe", "test_update_user", "writer", world.path, world.server, what, tag, rounds,
		    (char *)NULL);
		_exit(126);
	}
	assert_int_not_equal(child, -1);
	writers[which] = child;
}

/* Whether the writer is still at work, as waitpid() with those options says; when it has ended, it has ended well. */
static bool
at_work(size_t which, int options)
{
	int status;
	pid_t ended;

	if (writers[which] == 0)
		return false;
	ended = waitpid(writers[which], &status, options);
	assert_int_not_equal(ended, -1);
	if (ended == 0)
		return true;
	writers[which] = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("a writer ended with status %#x", status);
	return false;
}

static void
test_different_members_at_once(void **state)
{
	cJSON *before = described("path"), *user;
	char expected[64];

	(void)state;
	start_writer(0, "Role", "a");
	start_writer(1, "Policy", "b");
	assert_false(at_work(0, 0));
	assert_false(at_work(1, 0));
	user = described("path");
	snprintf(expected, sizeof(expected), "arn:aws:iam::000000000000:role/a%d", ROUNDS);
	assert_string_equal(string_of(user, "Role"), expected);
	snprintf(expected, sizeof(expected), "{\"by\":\"b%d\"}", ROUNDS);
	assert_string_equal(string_of(user, "Policy"), expected);
	/* And nothing else has changed. */
	cJSON_ReplaceItemInObjectCaseSensitive(before, "Role", cJSON_CreateString(string_of(user, "Role")));
	cJSON_ReplaceItemInObjectCaseSensitive(before, "Policy", cJSON_CreateString(string_of(user, "Policy")));
	assert_true(cJSON_Compare(before, user, 1));
	cJSON_Delete(before);
	cJSON_Delete(user);
}

/* Whether all that a writer of "all" writes is of one and the same update. */
static void
check_of_one_write(const cJSON *user)
{
	const char *home = string_of(user, "HomeDirectory"), *by = home + 1;
	const cJSON *mappings = cJSON_GetObjectItemCaseSensitive(user, "HomeDirectoryMappings"), *mapping;
	char expected[128], *ids;
	int id;

	snprintf(expected, sizeof(expected), "arn:aws:iam::000000000000:role/%s", by);
	assert_string_equal(string_of(user, "Role"), expected);
	snprintf(expected, sizeof(expected), "{\"by\":\"%s\"}", by);
	assert_string_equal(string_of(user, "Policy"), expected);
	assert_int_equal(cJSON_GetArraySize(mappings), MAPPINGS);
	cJSON_ArrayForEach(mapping, mappings) {
		snprintf(expected, sizeof(expected), "/bucket/%s", by);
		assert_string_equal(string_of(mapping, "Target"), expected);
	}
	id = id_of(by, atoi(by + 1));
	snprintf(expected, sizeof(expected), "{\"Uid\":%d,\"Gid\":%d,\"SecondaryGids\":[%d,%d]}", id, id, id, id);
	ids = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(user, "PosixProfile"));
	assert_string_equal(ids, expected);
	cJSON_free(ids);
}

static void
test_same_member_at_once(void **state)
{
	size_t seen = 0, changes = 0;
	char last[64] = "";
	cJSON *user;
	bool more;

	(void)state;
	start_writer(0, "all", "a");
	start_writer(1, "all", "b");
	do {
		more = at_work(0, WNOHANG);
		more = at_work(1, WNOHANG) || more;
		user = described("path");
		if (strcmp(string_of(user, "HomeDirectory"), "/bucket/home") != 0) {
			check_of_one_write(user);
			seen++;
			changes += strcmp(last, string_of(user, "HomeDirectory")) != 0;
			snprintf(last, sizeof(last), "%s", string_of(user, "HomeDirectory"));
		}
		cJSON_Delete(user);
	} while (more);
	print_message("%zu looks at %d updates, %zu of them at another one than before\n", seen, 2 * ROUNDS, changes);
	assert_true(changes > 1);
	assert_int_equal(atoi(last + 2), ROUNDS);
}

static int
set_up(void **state)
{
	size_t i;

	(void)state;
	world_open();
	for (i = 0; i < LENGTH(USERS); i++)
		world_works("CreateUser", update(USERS[i].name, USERS[i].members));
	world_keep();
	return 0;
}

/* What a failed test has left is not the next one's fault. */
static int
put_back(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(writers); i++) {
		if (writers[i] == 0)
			continue;
		kill(writers[i], SIGKILL);
		waitpid(writers[i], NULL, 0);
		writers[i] = 0;
	}
	world_restore();
	return 0;
}

int
main(int argc, char **argv)
{
	struct CMUnitTest tests[LENGTH(USERS) + 8] = {
		cmocka_unit_test_teardown(test_name_that_is_the_variables, put_back),
		cmocka_unit_test_teardown(test_illegal_merges, put_back),
		cmocka_unit_test_teardown(test_switches_of_type, put_back),
		cmocka_unit_test_teardown(test_nothing_given, put_back),
		cmocka_unit_test_teardown(test_expansion, put_back),
		cmocka_unit_test_teardown(test_expansion_is_bounded, put_back),
		cmocka_unit_test_teardown(test_different_members_at_once, put_back),
		cmocka_unit_test_teardown(test_same_member_at_once, put_back),
	};
	static char names[LENGTH(USERS)][64];
	size_t count = 8, i;

	if (argc == 7 && strcmp(argv[1], "writer") == 0)
		return writer(argv);
	for (i = 0; i < LENGTH(USERS); i++, count++) {
		snprintf(names[i], sizeof(*names), "every combination: %s", USERS[i].name);
		tests[count] = (struct CMUnitTest)cmocka_unit_test_prestate_setup_teardown(
		    test_every_combination, NULL, put_back, (void *)&USERS[i]);
		tests[count].name = names[i];
	}
	return cmocka_run_group_tests_name("update_user", tests, set_up, world_tear_down);
}
