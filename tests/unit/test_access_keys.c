/*
 * Access keys: what the file may be, who changes it at once, what a key permits, and that no secret stays in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/host/seccomp_bpf.h"
#include "common/host/whole_io.h"
#include "common/model/operations.h"
#include "common/model/timestamp.h"
#include "common/store/access_keys.h"
#include "common/store/access_keys_file.h"

#define ID      "BRTHAAAAAAAAAAAAAAA2"
#define SECRET  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123"
#define SERVER  "s-0123456789abcdef0"
#define NEEDED \
	"\"AccessKeyId\":\"" ID "\",\"SecretAccessKey\":\"" SECRET "\",\"Status\":\"Active\",\"CreateDate\":1700000000"
#define KEY(x)  "{\"Version\":1,\"AccessKeys\":[{" NEEDED x "}]}"
#define NOBODY  65534

static char folder[64], path[96], fresh[104];
static struct api_error error;

static int
make_folder(void **state)
{
	(void)state;
	strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/berth-keys.XXXXXX" : "/tmp/berth-keys.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/api-keys.json", folder);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	return 0;
}

static int
remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void
write_file(const char *text, size_t length)
{
	int file;

	unlink(path);
	file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(whole_write(file, text, length), length);
	close(file);
}

static void
write_text(const char *text)
{
	write_file(text, strlen(text));
}

static struct access_keys
read_keys(void)
{
	struct access_keys keys;

	if (access_keys_read(path, &keys, &error) == -1)
		fail_msg("%s", error.message);
	return keys;
}

static size_t
count_keys(void)
{
	struct access_keys keys = read_keys();
	size_t count = keys.count;

	access_keys_free(&keys);
	return count;
}

/* Refused, and the message names the file and says this. */
static void
assert_refused(const char *says)
{
	struct access_keys keys;

	memset(&keys, 0xff, sizeof(keys));
	assert_int_equal(access_keys_read(path, &keys, &error), -1);
	if (strstr(error.message, path) == NULL || strstr(error.message, says) == NULL)
		fail_msg("\"%s\" isn't in: %s", says, error.message);
	assert_null(strstr(error.message, SECRET));
	assert_null(keys.keys);
	assert_int_equal(keys.count, 0);
}

static struct access_key
made_key(void)
{
	struct access_key key;

	assert_int_equal(access_key_make(&key, &error), 0);
	return key;
}

static int
add_made(void *context, struct access_keys *keys, struct api_error *refusal)
{
	struct access_key key;

	(void)context;
	if (access_key_make(&key, refusal) == -1)
		return -1;
	return access_keys_add(keys, &key, refusal);
}

static void
add_one(void)
{
	if (access_keys_change(path, add_made, NULL, &error) == -1)
		fail_msg("%s", error.message);
}

static int
remove_first(void *context, struct access_keys *keys, struct api_error *refusal)
{
	(void)context;
	(void)refusal;
	access_keys_remove(keys, &keys->keys[0]);
	return 0;
}

static void
test_no_file_is_no_keys(void **state)
{
	struct access_keys keys = read_keys();
	static const struct stat none;

	(void)state;
	assert_int_equal(keys.count, 0);
	assert_memory_equal(&keys.status, &none, sizeof(none));
	assert_null(access_keys_find(&keys, ID));
	assert_false(access_keys_changed(path, &keys));
	access_keys_free(&keys);
}

static int
add_full(void *context, struct access_keys *keys, struct api_error *refusal)
{
	const struct access_key *key = context;
	struct access_key copy;

	if (access_key_copy(key, &copy, refusal) == -1)
		return -1;
	return access_keys_add(keys, &copy, refusal);
}

static void
assert_same(const struct access_key *key, const struct access_key *other)
{
	assert_string_equal(key->id, other->id);
	assert_string_equal(key->secret, other->secret);
	assert_int_equal(key->enabled, other->enabled);
	assert_true(key->created == other->created);
	assert_string_equal(key->description, other->description);
	assert_int_equal(key->allow_count, other->allow_count);
	for (size_t i = 0; i < key->allow_count; i++)
		assert_string_equal(key->allow[i], other->allow[i]);
	assert_int_equal(key->server_count, other->server_count);
	for (size_t i = 0; i < key->server_count; i++)
		assert_string_equal(key->servers[i], other->servers[i]);
	assert_int_equal(key->has_rate, other->has_rate);
	assert_int_equal(key->rate, other->rate);
}

static void
test_all_members_come_back(void **state)
{
	char description[] = "Terraform, \"blau\" \\ ü", *allow[] = { (char *)"Describe*", (char *)"List*" },
	     *servers[] = { (char *)SERVER, (char *)"s-0123456789abcdef1" };
	struct access_key key = made_key();
	struct access_keys keys;

	(void)state;
	key.enabled = false;
	key.description = description;
	key.allow = allow;
	key.allow_count = 2;
	key.servers = servers;
	key.server_count = 2;
	key.has_rate = true;
	key.rate = 0;
	add_one();
	assert_int_equal(access_keys_change(path, add_full, &key, &error), 0);
	add_one();
	keys = read_keys();
	assert_int_equal(keys.count, 3);
	assert_same(&keys.keys[1], &key);
	assert_ptr_equal(access_keys_find(&keys, key.id), &keys.keys[1]);
	assert_null(access_keys_find(&keys, "BRTH"));
	assert_true(keys.keys[0].enabled && !keys.keys[0].has_rate && keys.keys[0].allow == NULL &&
	    keys.keys[0].servers == NULL && keys.keys[0].description == NULL);
	access_keys_free(&keys);
	/* The one in the middle goes, the others stay in their order. */
	assert_int_equal(access_keys_change(path, remove_first, NULL, &error), 0);
	keys = read_keys();
	assert_int_equal(keys.count, 2);
	assert_same(&keys.keys[0], &key);
	access_keys_free(&keys);
}

static void
test_largest_key(void **state)
{
	char pattern[ACCESS_PATTERN_MAX + 1], description[4 * 256 + 1] = "", *allow[ACCESS_KEY_LIST_MAX],
	     *servers[ACCESS_KEY_LIST_MAX];
	struct access_key key = made_key();
	struct access_keys keys;

	(void)state;
	memset(pattern, '*', sizeof(pattern) - 1);
	pattern[sizeof(pattern) - 1] = '\0';
	for (size_t i = 0; i < ACCESS_KEY_LIST_MAX; i++) {
		allow[i] = pattern;
		servers[i] = (char *)SERVER;
	}
	for (size_t i = 0; i < 256; i++)
		strcat(description, i % 2 == 0 ? "\"" : "\xf0\x9f\x90\x8b");
	/* Each by itself, so that no other makes room for it; and all together. */
	for (int i = 0; i < 4; i++) {
		key.description = i == 0 || i == 3 ? description : NULL;
		key.allow = allow;
		key.allow_count = i == 1 || i == 3 ? ACCESS_KEY_LIST_MAX : 0;
		key.servers = servers;
		key.server_count = i == 2 || i == 3 ? ACCESS_KEY_LIST_MAX : 0;
		unlink(path);
		if (access_keys_change(path, add_full, &key, &error) == -1)
			fail_msg("%s", error.message);
	}
	keys = read_keys();
	assert_int_equal(keys.count, 1);
	assert_same(&keys.keys[0], &key);
	access_keys_free(&keys);
}

static void
test_made_keys(void **state)
{
	struct access_key key = made_key(), other = made_key();
	double now = timestamp_now();
	bool seen[256] = { false };
	size_t kinds = 0;

	(void)state;
	assert_int_equal(strlen(key.id), ACCESS_KEY_ID_LENGTH);
	assert_int_equal(strncmp(key.id, "BRTH", 4), 0);
	assert_int_equal(strspn(key.id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), ACCESS_KEY_ID_LENGTH);
	assert_int_equal(strlen(key.secret), ACCESS_KEY_SECRET_LENGTH);
	assert_true(strcmp(key.id, other.id) != 0 && strcmp(key.secret, other.secret) != 0);
	assert_true(key.enabled && key.created <= now && key.created > now - 60);
	for (int i = 0; i < 200; i++) {
		access_key_free(&other);
		other = made_key();
		for (const char *at = other.secret; *at != '\0'; at++)
			seen[(unsigned char)*at] = true;
	}
	for (size_t i = 0; i < sizeof(seen); i++)
		kinds += seen[i];
	assert_int_equal(kinds, 62);
	access_key_free(&key);
	access_key_free(&other);
	assert_int_equal(key.secret[0], '\0');
}

static void
test_hostile_texts(void **state)
{
	static const struct {
		const char *text, *says;
	} FILES[] = {
		{ "", "valid JSON" },
		{ "{", "valid JSON" },
		{ "[]", "structure" },
		{ "{}", "'version' failed" },
		{ "{\"Version\":2,\"AccessKeys\":[]}", "Version is 2: this release of Berth knows 1" },
		{ "{\"Version\":2,\"AccessKeys\":[],\"New\":1}", "Version is 2" },
		{ "{\"Version\":\"1\",\"AccessKeys\":[]}", "'version' failed to satisfy constraint: Member must be an int" },
		{ "{\"Version\":1}", "'accessKeys' failed" },
		{ "{\"Version\":1,\"AccessKeys\":{}}", "'accessKeys' failed to satisfy constraint: Member must be a list" },
		{ "{\"Version\":1,\"AccessKeys\":[],\"Deny\":[]}", "\"Deny\" is not" },
		{ "{\"Version\":1,\"AccessKeys\":[null]}", "'accessKeys.1.member' failed" },
		{ "{\"Version\":1,\"AccessKeys\":[]} x", "bytes after the end" },
		{ "{\"Version\":1,\"Version\":1,\"AccessKeys\":[]}", "\"Version\" twice" },
		{ KEY(",\"Allow\":[\"List*\"],\"Allow\":[\"*\"]"), "\"Allow\" twice" },
		{ KEY(",\"SourceIp\":[\"10.0.0.0/8\"]"), "'accessKeys.1.member.sourceIp'" },
		{ KEY(",\"allow\":[\"List*\"]"), "\"allow\" is not" },
		{ KEY(",\"Allow\":null"), "Allow must not be null" },
		{ KEY(",\"Servers\":null"), "Servers must not be null" },
		{ KEY(",\"Rate\":null"), "Rate must not be null" },
		{ KEY(",\"Allow\":[]"), "'accessKeys.1.member.allow' failed to satisfy constraint: Member must have length "
		    "greater than or equal to 1" },
		{ KEY(",\"Servers\":[]"), "greater than or equal to 1" },
		{ KEY(",\"Allow\":\"*\""), "'accessKeys.1.member.allow' failed to satisfy constraint: Member must be a l" },
		{ KEY(",\"Allow\":[\"List*\",\"describe*\"]"), "'accessKeys.1.member.allow.2.member'" },
		{ KEY(",\"Allow\":[\"\"]"), "allow.1.member" },
		{ KEY(",\"Allow\":[null]"), "allow.1.member" },
		{ KEY(",\"Servers\":[\"s-1\"]"), "'accessKeys.1.member.servers.1.member'" },
		{ KEY(",\"Servers\":[\"*\"]"), "servers.1.member" },
		{ KEY(",\"Rate\":-1"), "'accessKeys.1.member.rate'" },
		{ KEY(",\"Rate\":1.5"), "rate' failed to satisfy constraint: Member must be an integer" },
		{ KEY(",\"Rate\":100001"), "less than or equal to 100000" },
		{ KEY(",\"Rate\":\"5\""), "integer" },
		{ KEY(",\"Description\":\"a\\u001bb\""), "description" },
		{ KEY(",\"Description\":\"a\\u202eb\""), "description" },
		{ KEY(",\"Description\":\"\""), "description" },
		{ KEY(",\"Description\":\"a\\u0000b\""), "NUL" },
		{ KEY(",\"Description\":\"\xc3\""), "UTF-8" },
		{ KEY("},{" NEEDED), "AccessKeyId " ID " stands there twice" },
		{ KEY("},7,{"), "'accessKeys.2.member'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
		write_text(FILES[i].text);
		assert_refused(FILES[i].says);
	}
	write_file(KEY("") "\0", sizeof(KEY("")));
	assert_refused("bytes after the end");
	write_text(KEY(""));
	assert_int_equal(count_keys(), 1);
}

/* Each member that must be there, changed to what it must not be. */
static void
test_hostile_members(void **state)
{
	static const struct {
		const char *from, *to, *member;
	} CHANGES[] = {
		{ ID, "BRTHAAAAAAAAAAAAAAA1", "accessKeyId" },
		{ ID, "AKIAAAAAAAAAAAAAAAA2", "accessKeyId" },
		{ ID, ID "A", "accessKeyId" },
		{ SECRET, "", "secretAccessKey" },
		{ SECRET, SECRET "x", "secretAccessKey" },
		{ "0123\"", "012-\"", "secretAccessKey" },
		{ "\"Active\"", "\"active\"", "status" },
		{ "\"Active\"", "true", "status" },
		{ "1700000000", "-1", "createDate" },
		{ "1700000000", "1e99", "createDate" },
		{ "1700000000", "\"2026-01-01\"", "createDate" },
		{ "\"Status\":\"Active\",", "", "status" },
		{ "\"AccessKeyId\":\"" ID "\",", "", "accessKeyId" },
		{ "\"SecretAccessKey\":\"" SECRET "\",", "", "secretAccessKey" },
		{ ",\"CreateDate\":1700000000", "", "createDate" },
		{ "\"" SECRET "\"", "null", "secretAccessKey" },
	};
	static const char WHOLE[] = KEY("");
	char text[sizeof(WHOLE) + 64];

	(void)state;
	for (size_t i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++) {
		const char *at = strstr(WHOLE, CHANGES[i].from);

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - WHOLE), WHOLE, CHANGES[i].to,
		    at + strlen(CHANGES[i].from));
		write_text(text);
		assert_refused(CHANGES[i].member);
	}
}

static void
test_too_much(void **state)
{
	size_t size = ACCESS_KEYS_FILE_MAX + 1, length;
	char *text = malloc(size);
	struct access_keys keys = { 0 };
	struct access_key key = made_key();
	FILE *stream;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', size);
	memcpy(text, KEY(""), sizeof(KEY("")) - 1);
	write_file(text, size - 1);
	assert_int_equal(count_keys(), 1);
	write_file(text, size);
	assert_refused("allowed: at most 16777216");
	free(text);

	stream = open_memstream(&text, &length);
	fputs("{\"Version\":1,\"AccessKeys\":[", stream);
	for (unsigned i = 0; i <= ACCESS_KEYS_MAX; i++)
		fprintf(stream, "%s{\"AccessKeyId\":\"BRTHAAAAAAAAAAA%c%c%c%c%c\",\"SecretAccessKey\":\"" SECRET
		    "\",\"Status\":\"Active\",\"CreateDate\":1}", i == 0 ? "" : ",", 'A' + i / 10000, 'A' + i / 1000 % 10,
		    'A' + i / 100 % 10, 'A' + i / 10 % 10, 'A' + i % 10);
	fputs("]}", stream);
	fclose(stream);
	write_text(text);
	assert_refused("less than or equal to 10000");
	/* One less is read; one more can't be added. */
	*strrchr(text, '{') = '\0';
	strcpy(strrchr(text, ','), "]}");
	write_text(text);
	assert_int_equal(count_keys(), ACCESS_KEYS_MAX);
	assert_int_equal(access_keys_change(path, add_made, NULL, &error), -1);
	assert_non_null(strstr(error.message, "10000"));
	free(text);

	keys = read_keys();
	assert_int_equal(access_keys_add(&keys, &key, &error), -1);
	access_keys_free(&keys);
	access_key_free(&key);
}

/* What could not be read again isn't added. */
static void
test_add_refuses(void **state)
{
	char *wrong[] = { (char *)"Describe" }, escape[] = "a\nb", secret = '-';
	struct access_keys keys = { 0 };
	struct access_key key = made_key();

	(void)state;
	key.allow = wrong;
	key.allow_count = 1;
	assert_int_equal(access_keys_add(&keys, &key, &error), -1);
	assert_int_equal(error.code, API_VALIDATION);
	assert_non_null(strstr(error.message, "allow.1.member"));
	key.allow_count = 0;
	key.servers = wrong;
	key.server_count = 1;
	assert_int_equal(access_keys_add(&keys, &key, &error), -1);
	key.server_count = 0;
	key.description = escape;
	assert_int_equal(access_keys_add(&keys, &key, &error), -1);
	key.description = NULL;
	key.has_rate = true;
	key.rate = ACCESS_KEY_RATE_MAX + 1;
	assert_int_equal(access_keys_add(&keys, &key, &error), -1);
	key.rate--;
	key.secret[7] = secret;
	assert_int_equal(access_keys_add(&keys, &key, &error), -1);
	assert_null(keys.keys);
	assert_int_equal(keys.count, 0);
}

static mode_t
mode_of(const char *name)
{
	struct stat status;

	assert_int_equal(lstat(name, &status), 0);
	return status.st_mode & 07777;
}

static void
test_modes(void **state)
{
	static const mode_t OPEN[] = { 0640, 0620, 0610, 0604, 0602, 0601, 0666, 0777 }, UMASKS[] = { 0, 022, 0777 };
	mode_t before;

	(void)state;
	for (size_t i = 0; i < sizeof(UMASKS) / sizeof(UMASKS[0]); i++) {
		before = umask(UMASKS[i]);
		add_one();
		umask(before);
		assert_int_equal(mode_of(path), 0600);
		assert_int_equal(count_keys(), i + 1);
	}
	for (size_t i = 0; i < sizeof(OPEN) / sizeof(OPEN[0]); i++) {
		assert_int_equal(chmod(path, OPEN[i]), 0);
		assert_refused("others than its owner have access; allowed: 0600");
		assert_int_equal(access_keys_change(path, add_made, NULL, &error), -1);
		assert_int_equal(mode_of(path), OPEN[i]);
	}
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(count_keys(), 3);
}

/* Runs it as another user in a process of its own; its assertions count. */
static void
as_nobody(void (*run)(void))
{
	int status;
	pid_t child;

	if (geteuid() != 0)
		skip();
	child = fork();
	if (child == 0) {
		if (setresgid(NOBODY, NOBODY, NOBODY) == -1 || setresuid(NOBODY, NOBODY, NOBODY) == -1)
			_exit(100);
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
read_own(void)
{
	_exit(count_keys() == 1 ? 0 : 1);
}

static void
test_owners(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	write_text(KEY(""));
	assert_int_equal(chown(folder, NOBODY, NOBODY), 0);
	assert_int_equal(chown(path, NOBODY, NOBODY), 0);
	as_nobody(read_own);
	/* For root it is another's file: who owns it, could have it say what they like. */
	assert_refused("user 65534 owns it; allowed: User (here 0) and root");
}

static void
test_only_regular_files(void **state)
{
	char other[128];

	(void)state;
	write_text(KEY(""));
	snprintf(other, sizeof(other), "%s/other", folder);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_refused("a symbolic link");
	assert_int_equal(access_keys_change(path, add_made, NULL, &error), -1);
	assert_int_equal(unlink(other), 0);
	assert_refused("a symbolic link");
	assert_int_equal(access_keys_change(path, add_made, NULL, &error), -1);
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused("not a regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_refused("not a regular file");
	assert_int_equal(access_keys_change(path, add_made, NULL, &error), -1);
}

/* What lies where the new file is written, a link to somebody else's file, is taken away and not written through. */
static void
test_new_name_is_no_trap(void **state)
{
	char other[128];
	struct stat status;

	(void)state;
	snprintf(other, sizeof(other), "%s/other", folder);
	assert_int_equal(close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)), 0);
	assert_int_equal(symlink(other, fresh), 0);
	add_one();
	assert_int_equal(stat(other, &status), 0);
	assert_int_equal(status.st_size, 0);
	assert_int_equal(access(fresh, F_OK), -1);
	assert_int_equal(link(other, fresh), 0);
	add_one();
	assert_int_equal(stat(other, &status), 0);
	assert_int_equal(status.st_size, 0);
	assert_int_equal(count_keys(), 2);
}

static void
test_directory_is_missing(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/none/api-keys.json", folder);
	assert_int_equal(count_keys(), 0);
	assert_int_equal(access_keys_change(path, add_made, NULL, &error), -1);
	assert_int_equal(error.code, API_UNAVAILABLE);
	assert_non_null(strstr(error.message, "its directory is missing"));
}

static void
test_changed(void **state)
{
	struct access_keys keys = read_keys();

	(void)state;
	add_one();
	assert_true(access_keys_changed(path, &keys));
	access_keys_free(&keys);
	keys = read_keys();
	assert_false(access_keys_changed(path, &keys));
	assert_int_equal(chmod(path, 0644), 0);
	assert_true(access_keys_changed(path, &keys));
	access_keys_free(&keys);
	write_text(KEY(""));
	keys = read_keys();
	assert_false(access_keys_changed(path, &keys));
	assert_int_equal(rename(path, fresh), 0);
	assert_true(access_keys_changed(path, &keys));
	write_text(KEY(""));
	assert_true(access_keys_changed(path, &keys));
	assert_int_equal(rename(fresh, path), 0); /* the rename changed its ctime */
	assert_true(access_keys_changed(path, &keys));
	access_keys_free(&keys);
}

static int
refuse(void *context, struct access_keys *keys, struct api_error *refusal)
{
	(void)context;
	keys->keys[0].enabled = false;
	return api_fail(refusal, API_NOT_FOUND, "not that one");
}

static void
test_refused_change(void **state)
{
	struct access_keys keys;

	(void)state;
	add_one();
	keys = read_keys();
	assert_int_equal(access_keys_change(path, refuse, NULL, &error), -1);
	assert_string_equal(error.message, "not that one");
	assert_false(access_keys_changed(path, &keys));
	access_keys_free(&keys);
	keys = read_keys();
	assert_true(keys.keys[0].enabled);
	access_keys_free(&keys);
	/* A file that can't be read isn't written over. */
	write_text(KEY(",\"SourceIp\":[]"));
	assert_int_equal(access_keys_change(path, add_made, NULL, &error), -1);
	assert_refused("sourceIp");
}

static int
spoil(void *context, struct access_keys *keys, struct api_error *refusal)
{
	(void)refusal;
	if (*(const bool *)context)
		memcpy(keys->keys[1].id, keys->keys[0].id, sizeof(keys->keys[0].id));
	else
		keys->keys[0].secret[0] = '-';
	return 0;
}

static void
test_change_that_could_not_be_read_again(void **state)
{
	struct access_keys keys;

	(void)state;
	add_one();
	add_one();
	keys = read_keys();
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(access_keys_change(path, spoil, &(bool){ twice }, &error), -1);
		assert_int_equal(error.code, API_INVALID_REQUEST);
		assert_non_null(strstr(error.message, twice ? "twice" : "secretAccessKey"));
		assert_false(access_keys_changed(path, &keys));
	}
	access_keys_free(&keys);
}

#define WRITERS 6
#define CHANGES 20

static void
test_many_writers_lose_nothing(void **state)
{
	struct access_keys keys;
	pid_t children[WRITERS];
	int status;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			for (int j = 0; j < CHANGES; j++)
				if (access_keys_change(path, add_made, NULL, &error) == -1)
					_exit(1);
			_exit(0);
		}
		assert_true(children[i] > 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	keys = read_keys();
	assert_int_equal(keys.count, WRITERS * CHANGES);
	access_keys_free(&keys);
}

/* A writer's system call that ends it, or fails, there and then. fd: of which descriptor; -1: any. */
struct accident {
	const char *what;
	long call;
	bool of_directory;
	bool has_written; /* the new file is in place by then */
};

static const struct accident ACCIDENTS[] = {
	{ "write", __NR_write, false, false },
	{ "fchmod", __NR_fchmod, false, false },
	{ "fsync of the file", __NR_fsync, false, false },
	{ "renameat", __NR_renameat, false, false },
	{ "fsync of the directory", __NR_fsync, true, true },
};

static void
install(const struct accident *accident, unsigned action)
{
	/* The next one to be opened, which is the directory, will have this number. */
	unsigned directory = (unsigned)open("/dev/null", O_RDONLY | O_CLOEXEC);
	unsigned files = accident->call == __NR_renameat ? 0 : directory + 1;
	struct sock_filter filter[] = {
		LOAD(nr),
		IF_EQUAL((unsigned)accident->call, 3),
		LOAD_ARG(0),
		accident->of_directory ? (struct sock_filter)IF_EQUAL(directory, 1)
		                       : (struct sock_filter)IF_AT_LEAST(files, 1),
		RETURN(action),
		ALLOW,
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	close((int)directory);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == -1)
		_exit(200);
}

static int
change_with(const struct accident *accident, unsigned action)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		install(accident, action);
		_exit(access_keys_change(path, add_made, NULL, &error) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void
test_killed_writer_leaves_the_old_or_the_new(void **state)
{
	size_t count = 1;
	int status;

	(void)state;
	add_one();
	for (size_t i = 0; i < sizeof(ACCIDENTS) / sizeof(ACCIDENTS[0]); i++) {
		status = change_with(&ACCIDENTS[i], SECCOMP_RET_KILL_PROCESS);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("%s: %#x", ACCIDENTS[i].what, status);
		count += ACCIDENTS[i].has_written;
		assert_int_equal(count_keys(), count);
		/* Nothing of it is in the next one's way. */
		add_one();
		assert_int_equal(count_keys(), ++count);
		assert_int_equal(access(fresh, F_OK), -1);
	}
}

static void
test_failed_writer_says_so(void **state)
{
	size_t count = 1;
	int status;

	(void)state;
	add_one();
	for (size_t i = 0; i < sizeof(ACCIDENTS) / sizeof(ACCIDENTS[0]); i++) {
		status = change_with(&ACCIDENTS[i], SECCOMP_RET_ERRNO | EIO);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 1)
			fail_msg("%s: %#x", ACCIDENTS[i].what, status);
		count += ACCIDENTS[i].has_written;
		assert_int_equal(count_keys(), count);
		assert_int_equal(access(fresh, F_OK), -1);
	}
}

/* Killed at any moment, by chance: what was acknowledged is there, and no more than one change beyond that. */
static void
test_killed_at_any_moment(void **state)
{
	uint32_t acknowledged, base;
	int pipes[2], status;
	pid_t child;

	(void)state;
	for (int i = 0; i < 25; i++) {
		base = (uint32_t)count_keys();
		acknowledged = 0;
		assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
		child = fork();
		if (child == 0) {
			while (access_keys_change(path, add_made, NULL, &error) == 0)
				if (write(pipes[1], "x", 1) != 1)
					break;
			_exit(1);
		}
		close(pipes[1]);
		usleep((useconds_t)(500 + 331 * i));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		for (char byte; read(pipes[0], &byte, 1) == 1;)
			acknowledged++;
		close(pipes[0]);
		assert_in_range(count_keys(), base + acknowledged, base + acknowledged + 1);
	}
}

static void
test_waits_for_the_lock(void **state)
{
	int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ready[2], status;
	char byte = 'x';
	pid_t child;

	(void)state;
	assert_int_equal(flock(directory, LOCK_EX), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		close(directory);
		if (write(ready[1], &byte, 1) != 1)
			_exit(2);
		_exit(access_keys_change(path, add_made, NULL, &error) == 0 ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	usleep(100000);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	assert_int_equal(count_keys(), 0);
	assert_int_equal(flock(directory, LOCK_UN), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(count_keys(), 1);
	close(ready[0]);
	close(ready[1]);
	close(directory);
}

static void
test_doesnt_wait_for_ever(void **state)
{
	/* Its pauses take no time, so that this doesn't last as long as they do. */
	struct sock_filter filter[] = {
		LOAD(nr), IF_EQUAL(__NR_clock_nanosleep, 1), RETURN(SECCOMP_RET_ERRNO | 0), ALLOW,
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };
	int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;
	pid_t child;

	(void)state;
	assert_int_equal(flock(directory, LOCK_EX), 0);
	child = fork();
	if (child == 0) {
		close(directory);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
		    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == -1)
			_exit(200);
		alarm(20);
		if (access_keys_change(path, add_made, NULL, &error) == 0)
			_exit(1);
		_exit(strstr(error.message, "somebody else keeps it") != NULL ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(directory);
}

static void
test_patterns(void **state)
{
	static const char *const VALID[] = {
		"*", "**", "Describe*", "*User", "*e*r*", "CreateUser", "*CreateUser*", "C*U*r*", "Test*Provider",
	};
	static const char *const NOT_VALID[] = {
		"", "describe*", "*user", "CreateUse", "CreateUserX", "Create?ser", "Create User", "[A-Z]*",
		"transfer:CreateUser", "Describe.*", "*x", "X*",
	};
	char longest[ACCESS_PATTERN_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(VALID) / sizeof(VALID[0]); i++)
		if (!access_pattern_valid(VALID[i]))
			fail_msg("%s", VALID[i]);
	for (size_t i = 0; i < sizeof(NOT_VALID) / sizeof(NOT_VALID[0]); i++)
		if (access_pattern_valid(NOT_VALID[i]))
			fail_msg("%s", NOT_VALID[i]);
	memset(longest, '*', sizeof(longest));
	longest[ACCESS_PATTERN_MAX] = '\0';
	assert_true(access_pattern_valid(longest));
	longest[ACCESS_PATTERN_MAX] = '*';
	longest[ACCESS_PATTERN_MAX + 1] = '\0';
	assert_false(access_pattern_valid(longest));
}

/* The operations that a key with this pattern may call, "ListServers ListUsers ", in the order of the model's table. */
static void
assert_allows(const char *pattern, const char *operations)
{
	char *allow[] = { (char *)"Nothing", (char *)pattern }, found[512] = "";
	struct access_key key = { .id = ID, .allow = allow, .allow_count = 2 };

	for (int i = 0; i < OPERATION_COUNT; i++)
		if (access_key_permits(&key, operation_name(i), NULL, &error) == 0)
			snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s ", operation_name(i));
	assert_string_equal(found, operations);
}

static void
test_allowed_operations(void **state)
{
	struct access_key key = { .id = ID };

	(void)state;
	assert_allows("List*", "ListServers ListUsers ListTagsForResource ");
	assert_allows("*User", "CreateUser UpdateUser DescribeUser DeleteUser ");
	assert_allows("Delete*Key", "DeleteSshPublicKey ");
	assert_allows("*TagResource", "TagResource ");
	assert_allows("*e*Server", "CreateServer DescribeServer UpdateServer DeleteServer ");
	assert_allows("StartServer", "StartServer ");
	assert_allows("start*", "");
	for (int i = 0; i < OPERATION_COUNT; i++)
		assert_int_equal(access_key_permits(&key, operation_name(i), NULL, &error), 0);
	/* What isn't a name of ours fits no pattern that doesn't fit all. */
	key.allow = (char *[]){ (char *)"List*" };
	key.allow_count = 1;
	assert_int_equal(access_key_permits(&key, "listUsers", NULL, &error), -1);
	assert_int_equal(access_key_permits(&key, "", NULL, &error), -1);
	assert_int_equal(access_key_permits(&key, "CreateUser", SERVER, &error), -1);
	assert_int_equal(error.code, API_ACCESS_DENIED);
	assert_non_null(strstr(error.message, "CreateUser"));
	assert_non_null(strstr(error.message, "Allow"));
	assert_non_null(strstr(error.message, ID));
}

static void
test_servers(void **state)
{
	char *servers[] = { (char *)"s-0123456789abcdef1", (char *)SERVER };
	struct access_key key = { .id = ID, .servers = servers, .server_count = 2 };

	(void)state;
	assert_int_equal(access_key_permits(&key, "CreateUser", SERVER, &error), 0);
	assert_int_equal(access_key_permits(&key, "CreateUser", servers[0], &error), 0);
	assert_int_equal(access_key_permits(&key, "CreateUser", "s-0123456789abcdef2", &error), -1);
	assert_int_equal(error.code, API_ACCESS_DENIED);
	assert_non_null(strstr(error.message, "s-0123456789abcdef2"));
	assert_int_equal(access_key_permits(&key, "CreateUser", "S-0123456789ABCDEF0", &error), -1);
	assert_int_equal(access_key_permits(&key, "CreateUser", "s-", &error), -1);
	assert_int_equal(access_key_permits(&key, "CreateUser", "", &error), -1);
	assert_int_equal(access_key_permits(&key, "ListServers", NULL, &error), -1);
	assert_int_equal(error.code, API_ACCESS_DENIED);
	assert_non_null(strstr(error.message, "Servers"));
	/* Both must fit. */
	key.allow = (char *[]){ (char *)"Describe*" };
	key.allow_count = 1;
	assert_int_equal(access_key_permits(&key, "DescribeUser", SERVER, &error), 0);
	assert_int_equal(access_key_permits(&key, "CreateUser", SERVER, &error), -1);
	assert_int_equal(access_key_permits(&key, "DescribeUser", NULL, &error), -1);
	key.server_count = 0;
	assert_int_equal(access_key_permits(&key, "DescribeUser", "s-0123456789abcdef2", &error), 0);
}

#define NEEDLE 20 /* the end of a secret: the beginning of what was freed holds malloc's own pointers */

/* How often the text stands in memory that was allocated; the needle itself is turned around. */
static size_t
count_in_heap(const char *turned)
{
	static char line[512], needle[NEEDLE];
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	size_t found = 0;

	assert_non_null(maps);
	for (size_t i = 0; i < sizeof(needle); i++)
		needle[i] = turned[sizeof(needle) - 1 - i];
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (strstr(line, "[heap]") == NULL || sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		for (const char *at = (const char *)from;
		     (at = memmem(at, (size_t)((const char *)to - at), needle, sizeof(needle))) != NULL; at++)
			found++;
	}
	explicit_bzero(needle, sizeof(needle));
	fclose(maps);
	return found;
}

/* The secret of the key at this place, turned around. */
static void
turn_secret(size_t place, char *turned)
{
	struct access_keys keys = read_keys();

	for (size_t i = 0; i < NEEDLE; i++)
		turned[i] = keys.keys[place].secret[ACCESS_KEY_SECRET_LENGTH - 1 - i];
	assert_int_equal(count_in_heap(turned), 1);
	access_keys_free(&keys);
}

/* Read, changed and written, a secret leaves nothing in memory that was given back. */
static void
test_no_secret_stays(void **state)
{
	char first[NEEDLE], last[NEEDLE];

	(void)state;
	add_one();
	turn_secret(0, first);
	assert_int_equal(count_in_heap(first), 0);
	for (int i = 0; i < 20; i++)
		add_one();
	assert_int_equal(access_keys_change(path, refuse, NULL, &error), -1);
	assert_int_equal(count_in_heap(first), 0);
	turn_secret(20, last);
	assert_int_equal(access_keys_change(path, remove_first, NULL, &error), 0);
	assert_int_equal(count_in_heap(first), 0);
	assert_int_equal(count_in_heap(last), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_file_is_no_keys),
		TEST(test_all_members_come_back),
		TEST(test_largest_key),
		TEST(test_made_keys),
		TEST(test_hostile_texts),
		TEST(test_hostile_members),
		TEST(test_too_much),
		TEST(test_add_refuses),
		TEST(test_modes),
		TEST(test_owners),
		TEST(test_only_regular_files),
		TEST(test_new_name_is_no_trap),
		TEST(test_directory_is_missing),
		TEST(test_changed),
		TEST(test_refused_change),
		TEST(test_change_that_could_not_be_read_again),
		TEST(test_many_writers_lose_nothing),
		TEST(test_killed_writer_leaves_the_old_or_the_new),
		TEST(test_failed_writer_says_so),
		TEST(test_killed_at_any_moment),
		TEST(test_waits_for_the_lock),
		TEST(test_doesnt_wait_for_ever),
		TEST(test_patterns),
		TEST(test_allowed_operations),
		TEST(test_servers),
		TEST(test_no_secret_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
