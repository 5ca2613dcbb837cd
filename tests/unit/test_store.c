/* The SQLite store: opening, what survives, several processes at once, writers killed at any point, and an edited file. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <sqlite3.h>

#include "tests/unit/store_folder.h"

#define ROLE "arn:aws:iam::000000000000:role/access"

/* Each test in a folder of its own. */
static int
set_up(void **state)
{
	(void)state;
	return folder_make();
}

static void
not_opened(const char *what, enum store_mode mode, const char *says)
{
	struct store *store;

	if (store_open(what, mode, &store, &error) == 0)
		fail_msg("%s was opened", what);
	assert_null(store);
	if (strstr(error.message, says) == NULL)
		fail_msg("\"%s\" doesn't say \"%s\"", error.message, says);
}

static int
create(struct store *store, const char *name, uint32_t uid)
{
	struct ssh_key key = { .id = "key-00000000000000000", .type = "ssh-ed25519", .body = (char *)"ssh-ed25519 AAAA c",
		.base64 = (char *)"AAAA", .imported = 1.5e9 };
	struct mapping mapping = { (char *)"/", (char *)"/bucket/home", MAPPING_NOT_GIVEN };
	struct tag tag = { (char *)"team", (char *)"blue" };
	struct user_record user = { .server_id = SERVER,
		.role = (char *)ROLE,
		.home_type = HOME_LOGICAL,
		.home_directory = (char *)"/x",
		.mappings = &mapping,
		.mapping_count = 1,
		.has_profile = true,
		.keys = &key,
		.key_count = 1,
		.tags = &tag,
		.tag_count = 1,
		.profile = { uid, uid, { 7001, 7002 }, 2, true } };

	snprintf(user.user_name, sizeof(user.user_name), "%s", name);
	return store_create_user(store, &user, &error);
}

static void
sql(const char *text)
{
	char *message = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", text, message);
	sqlite3_close(db);
}

static int
count_key(void *context, const char *type, const char *base64)
{
	assert_string_equal(type, "ssh-ed25519");
	assert_string_equal(base64, "AAAA");
	++*(int *)context;
	return 0;
}

static int
count_user(void *context, const struct listed_user *user)
{
	(void)user;
	++*(int *)context;
	return 0;
}

static void
test_open_faults(void **state)
{
	char other[128];
	FILE *file;

	(void)state;
	not_opened(spec, STORE_READ, "no such store");
	not_opened(spec, STORE_WRITE, "no such store");
	assert_int_equal(access(path, F_OK), -1);
	not_opened("etcd:x", STORE_READ, "no kind of store");
	not_opened("sqlite:berth.db", STORE_READ, "absolute path");
	snprintf(other, sizeof(other), "sqlite:%s", folder);
	not_opened(other, STORE_READ, "not a Berth store");
	snprintf(other, sizeof(other), "sqlite:%s/none/berth.db", folder);
	not_opened(other, STORE_CREATE, "can't be made: No such file or directory");

	file = fopen(path, "w");
	not_opened(spec, STORE_READ, "not a Berth store");
	not_opened(spec, STORE_CREATE, "not a Berth store");
	fprintf(file, "%0200d", 7);
	fclose(file);
	not_opened(spec, STORE_CREATE, "not a Berth store");
	unlink(path);
	sql("CREATE TABLE t (a)");
	not_opened(spec, STORE_WRITE, "not a Berth store");
	unlink(path);
	store_close(opened(STORE_CREATE));
	sql("PRAGMA user_version = 3");
	not_opened(spec, STORE_READ, "was made by a newer Berth: schema 3, this one knows 2");
}

static void
test_made_private(void **state)
{
	struct stat status;
	mode_t mask = umask(0);

	(void)state;
	/* As root: the store is the folder's owner's, whoever makes it. */
	if (geteuid() == 0)
		assert_int_equal(chown(folder, 12345, 12346), 0);
	store_close(with_server());
	umask(mask);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	if (geteuid() == 0) {
		assert_int_equal(status.st_uid, 12345);
		assert_int_equal(status.st_gid, 12346);
	}
	/* Making is not making anew. */
	store_close(opened(STORE_CREATE));
}

/* A store that can't be made whole leaves nothing behind: no draft of it, and no log that would spoil the next one. */
static void
test_no_room(void **state)
{
	struct store *store;
	int status;
	pid_t child;

	(void)state;
	for (rlim_t size = 0; size < 40 * 1024; size += 6 * 1024) {
		child = fork();
		if (child == 0) {
			signal(SIGXFSZ, SIG_IGN);
			if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){ size, size }) == -1)
				_exit(1);
			if (store_open(spec, STORE_CREATE, &store, &error) == 0 || error.code != API_UNAVAILABLE)
				_exit(2);
			_exit(strstr(error.message, path) == NULL || rmdir(folder) == -1 ? 3 : 0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		assert_int_equal(mkdir(folder, 0700), 0);
	}
	store_close(with_server());
}

static void
test_removed(void **state)
{
	struct store *store = with_server();
	struct store_login login;
	char log[128];

	(void)state;
	assert_int_equal(create(store, "alice", 5001), 0);
	assert_false(store_moved(store));
	assert_int_equal(unlink(path), 0);
	assert_true(store_moved(store));
	/* Its log would bring alice back. */
	not_opened(spec, STORE_CREATE, "an earlier store's");
	assert_int_equal(error.code, API_UNAVAILABLE);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(log, sizeof(log), "%s-wal", path);
	assert_int_equal(unlink(log), 0);
	store_close(with_server());
	assert_true(store_moved(store));
	store_close(store);
	store = opened(STORE_READ);
	assert_false(store_moved(store));
	assert_int_equal(store_find_by_name(store, SERVER, "alice", &login, &error), 0);
	store_close(store);
}

static void
test_reopen(void **state)
{
	struct store *store = with_server();
	struct store_login login;
	struct user_record user;
	struct server_record server;
	uint32_t gids[SECONDARY_GIDS_MAX];
	size_t count;
	int keys = 0;

	(void)state;
	assert_int_equal(create(store, "alice", 5001), 0);
	assert_int_equal(create(store, "alice", 5002), -1);
	assert_int_equal(error.code, API_EXISTS);
	assert_int_equal(create(store, "bob", 5001), 0);
	store_close(store);
	store = opened(STORE_READ);
	assert_int_equal(create(store, "carol", 5003), -1);
	assert_int_equal(error.code, API_UNAVAILABLE);

	assert_int_equal(store_find_by_name(store, SERVER, "alice", &login, &error), 1);
	assert_string_equal(login.user_name, "alice");
	assert_true(login.has_profile && login.uid == 5001 && login.gid == 5001 && login.home_type == HOME_LOGICAL);
	assert_string_equal(login.home_directory, "/x");
	assert_int_equal(store_find_by_name(store, SERVER, "Alice", &login, &error), 0);
	assert_int_equal(store_find_by_name(store, "s-00000000000000000", "alice", &login, &error), 0);
	assert_int_equal(store_find_by_uid(store, SERVER, 5001, &login, &error), 1);
	assert_string_equal(login.user_name, "alice");
	assert_int_equal(store_find_by_uid(store, SERVER, 5002, &login, &error), 0);
	assert_int_equal(store_find_gid(store, SERVER, 5001, &error), 1);
	assert_int_equal(store_find_gid(store, SERVER, 7002, &error), 1);
	assert_int_equal(store_find_gid(store, SERVER, 7003, &error), 0);
	assert_int_equal(store_find_gid(store, "s-00000000000000000", 7002, &error), 0);
	assert_int_equal(store_secondary_gids(store, SERVER, "alice", gids, &count, &error), 0);
	assert_true(count == 2 && gids[0] == 7001 && gids[1] == 7002);
	assert_int_equal(store_find_keys(store, SERVER, "alice", NULL, NULL, count_key, &keys, &error), 0);
	assert_int_equal(store_find_keys(store, SERVER, "alice", "ssh-ed25519", "AAAA", count_key, &keys, &error), 0);
	assert_int_equal(store_find_keys(store, SERVER, "alice", "ssh-rsa", "AAAA", count_key, &keys, &error), 0);
	assert_int_equal(keys, 2);

	assert_int_equal(store_describe_user(store, SERVER, "alice", &user, &error), 0);
	assert_string_equal(user.mappings[0].target, "/bucket/home");
	assert_string_equal(user.keys[0].body, "ssh-ed25519 AAAA c");
	assert_string_equal(user.tags[0].value, "blue");
	assert_true(user.profile.has_secondary_gids && user.profile.secondary_gid_count == 2);
	record_free_user(&user);
	assert_int_equal(store_describe_server(store, SERVER, &server, &error), 0);
	assert_int_equal(server.user_count, 2);
	record_free_server(&server);
	store_close(store);
}

/* What is deleted takes its keys, gids and tags along, and a new user of the name starts with none. */
static void
test_delete(void **state)
{
	struct store *store = with_server();
	int keys = 0;
	struct ssh_key key = { .id = "key-00000000000000001",
		.type = "ssh-ed25519",
		.body = (char *)"ssh-ed25519 BBBB",
		.base64 = (char *)"BBBB" };

	(void)state;
	assert_int_equal(create(store, "alice", 5001), 0);
	assert_int_equal(store_import_key(store, SERVER, "alice", &key, &error), 0);
	assert_int_equal(store_import_key(store, SERVER, "alice", &key, &error), -1);
	assert_int_equal(error.code, API_EXISTS);
	assert_int_equal(store_delete_user(store, SERVER, "alice", &error), 0);
	assert_int_equal(store_delete_user(store, SERVER, "alice", &error), -1);
	assert_int_equal(error.code, API_NOT_FOUND);
	assert_int_equal(store_find_gid(store, SERVER, 7001, &error), 0);
	sql("CREATE TEMP TABLE empty (n CHECK (n = 0)); INSERT INTO empty SELECT (SELECT count(*) FROM ssh_keys) + "
	    "(SELECT count(*) FROM secondary_gids) + (SELECT count(*) FROM user_tags)");
	assert_int_equal(create(store, "alice", 5001), 0);
	assert_int_equal(store_find_keys(store, SERVER, "alice", NULL, NULL, count_key, &keys, &error), 0);
	assert_int_equal(keys, 1);
	/* Even one that was deleted by hand, without the foreign keys' care. */
	sql("DELETE FROM users");
	assert_int_equal(create(store, "mallory", 5001), 0);
	sql("DELETE FROM ssh_keys WHERE user_key = (SELECT user_key FROM users WHERE user_name = 'mallory')");
	keys = 0;
	assert_int_equal(store_find_keys(store, SERVER, "mallory", NULL, NULL, count_key, &keys, &error), 0);
	assert_int_equal(keys, 0);
	store_close(store);
}

static void
body_is(struct store *store, const char *base64, const char *body, const char *expected)
{
	struct ssh_key key = { .id = "key-00000000000000002", .type = "ssh-ed25519", .body = (char *)body,
		.base64 = (char *)base64 };
	struct user_record user;
	int result = store_import_key(store, SERVER, "alice", &key, &error);

	assert_int_equal(result, expected == NULL ? -1 : 0);
	if (expected == NULL) {
		assert_int_equal(error.code, API_INTERNAL);
		assert_non_null(strstr(error.message, "SshPublicKeyBody"));
		return;
	}
	assert_int_equal(store_describe_user(store, SERVER, "alice", &user, &error), 0);
	assert_int_equal(user.key_count, 2);
	assert_string_equal(user.keys[1].type, "ssh-ed25519");
	assert_string_equal(user.keys[1].base64, base64);
	assert_string_equal(user.keys[1].body, expected);
	record_free_user(&user);
	assert_int_equal(store_delete_key(store, SERVER, "alice", key.id, &error), 0);
}

/* A body is put together of what it was made of; one that can't be is refused. */
static void
test_bodies(void **state)
{
	static const char *const SAME[] = { "ssh-ed25519 BBBB", "ssh-ed25519 BBBB c", "ssh-ed25519 BBBB a b  c",
		"ssh-ed25519 BBBB k\xc3\xbcste", "ssh-ed25519 BBBB ssh-ed25519 BBBB", "ssh-ed25519 BBBB " };
	static const char *const OTHER[] = { "", "b", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 BBB", "ssh-ed25519 BBBBB",
		"ssh-ed25519  BBBB", "ssh-ed25519 AAAA c", "ssh-ed2551 BBBB", "ssh-rsa BBBB", " ssh-ed25519 BBBB",
		"ssh-ed25519 BBBB\tc" };
	struct store *store = with_server();
	size_t i;

	(void)state;
	assert_int_equal(create(store, "alice", 5001), 0);
	for (i = 0; i < sizeof(SAME) / sizeof(*SAME); i++)
		body_is(store, "BBBB", SAME[i], SAME[i]);
	for (i = 0; i < sizeof(OTHER) / sizeof(*OTHER); i++)
		body_is(store, "BBBB", OTHER[i], NULL);
	store_close(store);
}

static void
test_keys_are_counted(void **state)
{
	struct store *store = with_server();
	char body[32] = "ssh-ed25519 ", *base64 = body + strlen(body);
	struct ssh_key key = { .type = "ssh-ed25519", .body = body, .base64 = base64 };
	int i;

	(void)state;
	assert_int_equal(create(store, "alice", 5001), 0);
	for (i = 1; i <= USER_KEYS_MAX; i++) {
		snprintf(key.id, sizeof(key.id), "key-%017d", i);
		snprintf(base64, 16, "B%03d", i);
		assert_int_equal(store_import_key(store, SERVER, "alice", &key, &error), i < USER_KEYS_MAX ? 0 : -1);
	}
	assert_int_equal(error.code, API_INVALID_REQUEST);
	assert_int_equal(store_delete_key(store, SERVER, "alice", "key-00000000000000001", &error), 0);
	assert_int_equal(store_import_key(store, SERVER, "alice", &key, &error), 0);
	assert_int_equal(store_import_key(store, SERVER, "bob", &key, &error), -1);
	assert_int_equal(error.code, API_NOT_FOUND);
	store_close(store);
}

/* The owner of the folder reads without any privilege, with writers there and with nobody there. */
static void
test_unprivileged_reader(void **state)
{
	struct store_login login;
	struct store *writer, *reader;
	int status;
	pid_t child;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(folder, 12345, 12345), 0);
	writer = with_server();
	assert_int_equal(create(writer, "alice", 5001), 0);
	for (int alone = 0; alone <= 1; alone++) {
		if (alone)
			store_close(writer);
		child = fork();
		if (child == 0) {
			if (setgid(12345) == -1 || setuid(12345) == -1 ||
			    store_open(spec, STORE_READ, &reader, &error) == -1)
				_exit(1);
			_exit(store_find_by_name(reader, SERVER, "alice", &login, &error) == 1 ? 0 : 2);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

/* A reader that stays open sees each write of others at once, through writers that come, go and clean up behind them. */
static void
test_reader_sees_writes(void **state)
{
	struct store *writer = with_server(), *reader;
	struct store_login login;
	char name[32];

	(void)state;
	store_close(writer);
	reader = opened(STORE_READ);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		assert_int_equal(store_find_by_name(reader, SERVER, name, &login, &error), 0);
		writer = opened(STORE_WRITE);
		assert_int_equal(create(writer, name, 5001), 0);
		if (i % 2 == 0)
			store_close(writer);
		assert_int_equal(store_find_by_name(reader, SERVER, name, &login, &error), 1);
		if (i % 2 == 1)
			store_close(writer);
	}
	store_close(reader);
}

static void
test_concurrent_writers(void **state)
{
	enum { WRITERS = 8, EACH = 100 };
	pid_t children[WRITERS];
	struct store *store;
	char name[32];
	int users = 0, status;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		children[i] = fork();
		if (children[i] != 0)
			continue;
		/* All of them may find no store, and make it. */
		if (store_open(spec, STORE_CREATE, &store, &error) == -1)
			_exit(1);
		struct server_record server = { .server_id = SERVER, .online = true, .settings = (char *)"{}" };
		if (store_create_server(store, &server, &error) == -1 && error.code != API_EXISTS)
			_exit(2);
		for (int j = 0; j < EACH; j++) {
			snprintf(name, sizeof(name), "user-%d-%d", i, j);
			if (create(store, name, 5001) == -1)
				_exit(3);
		}
		store_close(store);
		_exit(0);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	store = opened(STORE_READ);
	assert_int_equal(store_list_users(store, SERVER, NULL, 1000, count_user, &users, &error), 0);
	assert_int_equal(users, WRITERS * EACH);
	store_close(store);
}

/* Writes until it is killed; says on the pipe which write is durable. */
static void
write_until_killed(int report, int round)
{
	struct store *store;
	char name[32];

	if (store_open(spec, STORE_WRITE, &store, &error) == -1)
		_exit(1);
	for (int i = 0;; i++) {
		snprintf(name, sizeof(name), "user-%d-%d", round, i);
		if (create(store, name, 5001) == -1 || write(report, &i, sizeof(i)) != sizeof(i))
			_exit(2);
	}
}

static void
assert_whole(struct store *store, int round, int acknowledged)
{
	struct user_record user;
	char name[32];

	/* All that was acknowledged, and perhaps one that was written and not reported any more: whole or not there. */
	for (int i = 0; i <= acknowledged + 1; i++) {
		snprintf(name, sizeof(name), "user-%d-%d", round, i);
		if (store_describe_user(store, SERVER, name, &user, &error) == -1) {
			if (i <= acknowledged || error.code != API_NOT_FOUND)
				fail_msg("%s: %s", name, error.message);
			continue;
		}
		assert_int_equal(user.key_count, 1);
		assert_int_equal(user.mapping_count, 1);
		assert_int_equal(user.tag_count, 1);
		assert_int_equal(user.profile.secondary_gid_count, 2);
		record_free_user(&user);
	}
}

static void
test_killed_writers(void **state)
{
	enum { ROUNDS = 60 };
	int report[2], last, acknowledged[ROUNDS], status;
	struct store *reader;
	pid_t child;

	(void)state;
	store_close(with_server());
	reader = opened(STORE_READ);
	srand(1);
	for (int round = 0; round < ROUNDS; round++) {
		struct timespec wait = { 0, (rand() % 30000) * 1000 };

		assert_int_equal(pipe(report), 0);
		child = fork();
		if (child == 0)
			write_until_killed(report[1], round);
		close(report[1]);
		nanosleep(&wait, NULL);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		acknowledged[round] = -1;
		while (read(report[0], &last, sizeof(last)) == sizeof(last))
			acknowledged[round] = last;
		close(report[0]);
		assert_whole(reader, round, acknowledged[round]);
	}
	store_close(reader);
	reader = opened(STORE_WRITE);
	last = 0;
	for (int round = 0; round < ROUNDS; round++) {
		assert_whole(reader, round, acknowledged[round]);
		last += acknowledged[round] + 1;
	}
	assert_true(last > 0);
	store_close(reader);
	sql("CREATE TEMP TABLE sound (c CHECK (c = 'ok')); INSERT INTO sound SELECT * FROM pragma_integrity_check");
}

/* An edit of the file, and every way to read the user then: an answer or a clear error. Returns how many were refused. */
static int
refusals_after(const char *edit)
{
	struct store *store;
	struct store_login login;
	struct user_record user;
	uint32_t gids[SECONDARY_GIDS_MAX];
	size_t count;
	int keys = 0, users = 0, refused = 0;

	folder_remove(NULL);
	set_up(NULL);
	store = with_server();
	assert_int_equal(create(store, "alice", 5001), 0);
	store_close(store);
	sql(edit);
	store = opened(STORE_READ);
#define TRY(call)                                                                                                           \
	do {                                                                                                                \
		memset(&error, 0, sizeof(error));                                                                           \
		if ((call) == -1) {                                                                                         \
			refused++;                                                                                          \
			assert_int_equal(error.code, API_INTERNAL);                                                         \
			assert_non_null(strstr(error.message, "edited"));                                                   \
		}                                                                                                           \
	} while (0)
	TRY(store_find_by_name(store, SERVER, "alice", &login, &error));
	TRY(store_find_by_uid(store, SERVER, 5001, &login, &error));
	TRY(store_find_gid(store, SERVER, 7001, &error));
	TRY(store_secondary_gids(store, SERVER, "alice", gids, &count, &error));
	TRY(store_find_keys(store, SERVER, "alice", NULL, NULL, count_key, &keys, &error));
	TRY(store_list_users(store, SERVER, NULL, 10, count_user, &users, &error));
	memset(&error, 0, sizeof(error));
	if (store_describe_user(store, SERVER, "alice", &user, &error) == 0)
		record_free_user(&user);
	else
		refused++;
	store_close(store);
	return refused;
}

static void
test_edited_file(void **state)
{
	struct store *store;
	struct store_login login;

	(void)state;
	assert_int_equal(refusals_after("SELECT 1"), 0);
	/* Ids that no writer lets in are handed on: the agent judges them and says why. */
	assert_int_equal(refusals_after("UPDATE users SET uid = 0, gid = 27"), 0);
	store = opened(STORE_READ);
	assert_int_equal(store_find_by_name(store, SERVER, "alice", &login, &error), 1);
	assert_true(login.uid == 0 && login.gid == 27);
	store_close(store);
	assert_true(refusals_after("UPDATE users SET uid = -1") >= 2);
	assert_true(refusals_after("UPDATE users SET gid = 4294967296") >= 2);
	assert_true(refusals_after("UPDATE users SET gid = NULL") >= 2);
	assert_true(refusals_after("UPDATE users SET home_directory = 'a' || char(0) || 'b'") >= 3);
	assert_true(refusals_after("UPDATE users SET home_directory = cast(x'ff' AS TEXT)") >= 3);
	assert_true(refusals_after("UPDATE users SET home_directory = printf('%.*c', 10000000, 'x')") >= 3);
	assert_true(refusals_after("UPDATE users SET home_directory_type = 'OTHER'") >= 3);
	assert_true(refusals_after("UPDATE users SET role = printf('%.*c', 10000000, 'x')") >= 2);
	assert_int_equal(refusals_after("UPDATE users SET mappings = '{}'"), 1);
	assert_int_equal(refusals_after("UPDATE users SET mappings = '[1]'"), 1);
	assert_int_equal(refusals_after("UPDATE users SET mappings = '[{\"Entry\":\"a\",\"Target\":\"/b\"}]'"), 1);
	assert_int_equal(refusals_after("UPDATE users SET mappings = '[{\"Entry\":\"/a\"}]'"), 1);
	assert_int_equal(refusals_after("UPDATE users SET mappings = printf('%.*c', 10000000, '[')"), 1);
	assert_int_equal(refusals_after("UPDATE users SET mappings = printf('%.*c', 11000000, ' ') || '[]'"), 1);
	assert_true(refusals_after("UPDATE ssh_keys SET type = 'ssh-dss'") >= 1);
	assert_true(refusals_after("UPDATE ssh_keys SET base64 = 'A\nssh-rsa AAAA'") >= 1);
	assert_true(refusals_after("UPDATE ssh_keys SET base64 = ''") >= 1);
	assert_int_equal(refusals_after("UPDATE ssh_keys SET comment = printf('%.*c', 10000, 'x')"), 1);
	assert_int_equal(refusals_after("UPDATE ssh_keys SET comment = cast(x'ff' AS TEXT)"), 1);
	assert_int_equal(refusals_after("UPDATE ssh_keys SET comment = 'a' || char(0)"), 1);
	assert_true(refusals_after("UPDATE secondary_gids SET gid = -5") >= 2);
	assert_true(refusals_after("WITH RECURSIVE c (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM c WHERE i < 40) "
	    "INSERT INTO secondary_gids SELECT user_key, i, server_key, i FROM users, c") >= 2);
	assert_true(refusals_after("WITH RECURSIVE c (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM c WHERE i < 90) "
	    "INSERT INTO ssh_keys SELECT NULL, user_key, i, 'key-', 'ssh-ed25519', 'AAAA', 'b', 1 FROM users, c") >= 2);
	assert_int_equal(refusals_after("WITH RECURSIVE c (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM c WHERE i < 90) "
	    "INSERT INTO user_tags SELECT user_key, i, i, i FROM users, c"), 1);
}

/* A reader that has the store open while a writer brings it to this release's schema reads on. */
static void
test_reader_while_migrated(void **state)
{
	static const char OLD_SERVER[] = "s-92cbeb9ddf92636a0";
	struct user_record before, after;
	struct store *reader, *other;
	char script[65536];
	FILE *file = fopen("tests/store/schema-1.sql", "r");
	size_t i;

	(void)state;
	assert_non_null(file);
	script[fread(script, 1, sizeof(script) - 1, file)] = '\0';
	assert_int_equal(fclose(file), 0);
	sql(script);
	reader = opened(STORE_READ);
	assert_int_equal(store_describe_user(reader, OLD_SERVER, "alice", &before, &error), 0);
	assert_int_equal(before.key_count, 3);
	assert_non_null(strstr(before.keys[0].body, " key of ed25519"));
	other = opened(STORE_READ);
	store_close(opened(STORE_WRITE));
	for (i = 0; i < 2; i++) {
		assert_int_equal(store_describe_user(i == 0 ? reader : other, OLD_SERVER, "alice", &after, &error), 0);
		assert_int_equal(after.key_count, 3);
		assert_string_equal(after.keys[0].body, before.keys[0].body);
		assert_string_equal(after.keys[2].body, before.keys[2].body);
		record_free_user(&after);
	}
	record_free_user(&before);
	store_close(reader);
	store_close(other);
}

/* Bytes of the file turned at random: an answer or an error, never a crash. */
static void
test_damaged_file(void **state)
{
	struct store *store = with_server();
	struct store_login login;
	struct user_record user;
	struct stat status;
	int keys = 0, file;

	(void)state;
	assert_int_equal(create(store, "alice", 5001), 0);
	store_close(store);
	assert_int_equal(stat(path, &status), 0);
	srand(2);
	for (int round = 0; round < 300; round++) {
		char was, is = (char)rand();
		off_t at = 100 + rand() % (status.st_size - 100);

		file = open(path, O_RDWR);
		assert_int_equal(pread(file, &was, 1, at), 1);
		assert_int_equal(pwrite(file, &is, 1, at), 1);
		if (store_open(spec, STORE_READ, &store, &error) == 0) {
			store_find_by_name(store, SERVER, "alice", &login, &error);
			if (store_describe_user(store, SERVER, "alice", &user, &error) == 0)
				record_free_user(&user);
			store_find_keys(store, SERVER, "alice", "ssh-rsa", "x", count_key, &keys, &error);
			store_close(store);
		}
		assert_int_equal(pwrite(file, &was, 1, at), 1);
		close(file);
	}
}

/* What a file brings along (a trigger, a view in a table's place) doesn't act. */
static void
test_schema_is_not_trusted(void **state)
{
	struct store *store = with_server();
	struct store_login login;

	(void)state;
	store_close(store);
	sql("CREATE TRIGGER evil AFTER INSERT ON users BEGIN UPDATE users SET uid = 4242; END");
	store = opened(STORE_WRITE);
	assert_int_equal(create(store, "alice", 5001), 0);
	assert_int_equal(store_find_by_name(store, SERVER, "alice", &login, &error), 1);
	assert_int_equal(login.uid, 5001);
	store_close(store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open_faults),
		TEST(test_made_private),
		TEST(test_no_room),
		TEST(test_removed),
		TEST(test_reopen),
		TEST(test_delete),
		TEST(test_bodies),
		TEST(test_keys_are_counted),
		TEST(test_unprivileged_reader),
		TEST(test_reader_sees_writes),
		TEST(test_concurrent_writers),
		TEST(test_killed_writers),
		TEST(test_edited_file),
		TEST(test_reader_while_migrated),
		TEST(test_damaged_file),
		TEST(test_schema_is_not_trusted),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
