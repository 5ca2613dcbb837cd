/* The cache's file: damaged, replaced, full, locked, its writers killed. No login is to fail for that while there is a
 * store. */
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/cache_folder.h"

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In another process: who closes a file takes this process's locks of it away. */
static void __attribute__((format(printf, 1, 2)))
shell(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	assert_int_equal(system(command), 0);
}

static bool
exists(const char *suffix)
{
	char name[160];

	snprintf(name, sizeof(name), "%s%s", cache_path, suffix);
	return access(name, F_OK) == 0;
}

static void
make_with_alice(void)
{
	struct cache *cache = cache_opened(true);

	put_server(cache, true);
	put(cache, "alice", 5001);
	cache_close(cache);
}

/* A writer makes of it a cache that works, and nothing is known any more. */
static void
made_anew(const char *what)
{
	struct cache *cache;

	if (cache_open(&options, false, &cache, &error) == 0)
		fail_msg("%s: a reader opened it", what);
	cache = cache_opened(true);
	if (looked(cache, "alice") != CACHE_ABSENT)
		fail_msg("%s: alice is still there", what);
	put(cache, "alice", 5002);
	cache_close(cache);
	cache = cache_opened(false);
	assert_int_equal(looked(cache, "alice"), CACHE_FRESH);
	assert_int_equal(uid_of(cache, "alice"), 5002);
	cache_close(cache);
	shell("rm -f %s %s.old %s-wal", cache_path, cache_path, cache_path);
}

static void
test_open(void **state)
{
	struct cache *cache;
	struct stat status;

	(void)state;
	assert_int_equal(cache_open(&options, false, &cache, &error), -1);
	assert_null(cache);
	assert_int_equal(error.code, API_NOT_FOUND);
	assert_false(exists("") || exists("-lock"));
	umask(0);
	make_with_alice();
	assert_int_equal(stat(cache_path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	shell("test $(stat -c %%a %s-lock) = 600 && test $(ls -A %s | wc -l) = 2", cache_path, folder);
	/* Nobody takes it for a store, nor a store for it. */
	snprintf(spec, sizeof(spec), "sqlite:%s", cache_path);
	assert_int_equal(store_open(spec, STORE_READ, (struct store **)&cache, &error), -1);
	assert_non_null(strstr(error.message, "is not a Berth store"));
	assert_int_equal(store_open(spec, STORE_CREATE, (struct store **)&cache, &error), -1);
	snprintf(spec, sizeof(spec), "sqlite:%s", path);
	store_close(with_server());
	options.file = path;
	assert_int_equal(cache_open(&options, true, &cache, &error), -1);
	assert_int_equal(error.code, API_INVALID_REQUEST);
	assert_non_null(strstr(error.message, "is a Berth store"));
	store_close(opened(STORE_READ));
	/* What can't be one. */
	options.file = folder;
	assert_int_equal(cache_open(&options, true, &cache, &error), -1);
	assert_non_null(strstr(error.message, "not a regular file"));
	options.file = "cache.db";
	assert_int_equal(cache_open(&options, true, &cache, &error), -1);
	assert_int_equal(access("cache.db-lock", F_OK), -1);
	options.file = "/nonexistent/folder/cache.db";
	assert_int_equal(cache_open(&options, true, &cache, &error), -1);
	assert_int_equal(error.code, API_UNAVAILABLE);
	assert_non_null(strstr(error.message, "CacheFile /nonexistent/folder/cache.db"));
}

static void
test_damaged(void **state)
{
	static const int LENGTHS[] = { 0, 1, 50, 100, 4095, 4096, 8192, 20000 };
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(LENGTHS) / sizeof(*LENGTHS); i++) {
		make_with_alice();
		shell("truncate -s %d %s", LENGTHS[i], cache_path);
		snprintf(text, sizeof(text), "cut to %d bytes", LENGTHS[i]);
		made_anew(text);
	}
	make_with_alice();
	shell("head -c 100000 /dev/urandom > %s", cache_path);
	cache_close(cache_opened(true));
	assert_true(exists(".old"));
	shell("head -c 100000 /dev/urandom > %s", cache_path);
	made_anew("garbage");
	make_with_alice();
	shell("head -c 4096 /dev/urandom | dd of=%s conv=notrunc status=none", cache_path);
	made_anew("its first page");
	make_with_alice();
	shell("head -c 20000 /dev/zero | dd of=%s conv=notrunc status=none bs=1 seek=100", cache_path);
	made_anew("zeros");
	make_with_alice();
	cache_sql("DROP TABLE fetched");
	made_anew("a table dropped");
	make_with_alice();
	cache_sql("DELETE FROM cache");
	made_anew("a row deleted");
}

static void
test_other_kinds(void **state)
{
	(void)state;
	make_with_alice();
	cache_sql("PRAGMA user_version = 99");
	cache_close(cache_opened(true));
	assert_false(exists(".old"));
	cache_sql("PRAGMA user_version = 1");
	made_anew("another schema");
	make_with_alice();
	cache_sql("PRAGMA application_id = 0x42524302");
	cache_close(cache_opened(true));
	assert_false(exists(".old"));
	cache_sql("PRAGMA application_id = 0x42524302");
	made_anew("another format");
	/* Somebody's: it is kept. */
	cache_sql("CREATE TABLE mine (a)");
	cache_close(cache_opened(true));
	assert_true(exists(".old"));
	shell("test \"$(sqlite3 %s.old .tables)\" = mine", cache_path);
	cache_sql("PRAGMA application_id = 7");
	made_anew("another application");
	/* A log that lies there brings nothing back. */
	make_with_alice();
	shell("head -c 70000 /dev/urandom > %s-wal; rm %s", cache_path, cache_path);
	made_anew("a log alone");
}

/* Whether the record can be read; if not, the file is known to be damaged. */
static bool
reads(struct cache *reader, const char *name)
{
	struct user_record user;
	enum cache_state state;

	if (cache_look(reader, name, &state, &error) == 0 &&
	    store_describe_user(cache_store(reader), SERVER, name, &user, &error) == 0) {
		record_free_user(&user);
		return true;
	}
	assert_true(cache_damaged(reader));
	assert_int_equal(error.code, API_UNAVAILABLE);
	return false;
}

/* While it is in use: every page in turn, in a file whose users fill several. */
static void
test_damaged_in_use(void **state)
{
	struct cache *writer, *reader;
	struct cache_asked asked;
	struct user_record user;
	int pages, page, seen = 0, anew = 0, made = 0, result;
	char name[32];
	struct stat status;

	(void)state;
	for (page = 1, pages = 1; page <= pages; page++) {
		writer = cache_opened(true);
		put_server(writer, true);
		for (int i = 0; i < 60; i++) {
			snprintf(name, sizeof(name), "user%02d", i);
			put(writer, name, 5001 + (uint32_t)i);
		}
		cache_close(writer);
		assert_int_equal(stat(cache_path, &status), 0);
		pages = (int)(status.st_size / 4096);
		writer = cache_opened(true);
		reader = cache_opened(false);
		shell("head -c 4096 /dev/urandom | dd of=%s conv=notrunc status=none bs=4096 seek=%d", cache_path, page - 1);
		if (!reads(reader, "user30"))
			seen++;
		/* The writers mend it at once, or the record that counts is whole. */
		if (cache_asking(writer, &asked, &error) == -1)
			fail_msg("page %d: %s", page, error.message);
		result = put_asked(writer, &asked, "user30", 7001);
		if (result == 1) {
			anew++;
			put(writer, "user30", 7001);
		} else if (result == -1) {
			fail_msg("page %d: %s", page, error.message);
		}
		if (!cache_moved(reader) && !reads(reader, "user30")) {
			/* What the reader saw, the writer needn't have touched. */
			assert_true(cache_damaged(reader));
			assert_int_equal(cache_make_anew(writer, &error), 0);
			put(writer, "user30", 7001);
			assert_true(cache_moved(reader));
			made++;
		}
		if (cache_moved(reader)) {
			cache_close(reader);
			reader = cache_opened(false);
		}
		assert_int_equal(looked(reader, "user30"), CACHE_FRESH);
		assert_int_equal(store_describe_user(cache_store(reader), SERVER, "user30", &user, &error), 0);
		assert_int_equal(user.profile.uid, 7001);
		assert_int_equal(user.key_count, 1);
		record_free_user(&user);
		cache_close(reader);
		cache_close(writer);
		shell("rm %s*", cache_path);
	}
	print_message("%d pages: the reader saw %d damaged; %d were made anew by a put, %d after the reader's word\n", pages,
	    seen, anew, made);
	assert_true(seen > 3 && anew > 3 && made > 0);
}

/* Removed by hand, while it is in use. */
static void
test_removed_in_use(void **state)
{
	struct cache *writer = cache_opened(true), *reader = cache_opened(false), *other;
	struct cache_asked asked;
	bool found;

	(void)state;
	put(writer, "alice", 5001);
	asked = asking(writer);
	assert_false(cache_moved(reader));
	shell("rm %s %s-wal %s-shm", cache_path, cache_path, cache_path);
	assert_true(cache_moved(reader));
	assert_int_equal(cache_open(&options, false, &other, &error), -1);
	assert_int_equal(error.code, API_NOT_FOUND);
	assert_int_equal(put_asked(writer, &asked, "alice", 5001), 1);
	assert_true(cache_moved(reader));
	put(writer, "alice", 5002);
	cache_close(reader);
	reader = cache_opened(false);
	assert_int_equal(uid_of(reader, "alice"), 5002);
	/* By one that is another process's. */
	shell("rm %s %s-wal %s-shm", cache_path, cache_path, cache_path);
	other = cache_opened(true);
	assert_int_equal(cache_drop(writer, "alice", &found, &error), 0);
	assert_false(found);
	put(other, "alice", 5003);
	put(writer, "bobby", 5004);
	assert_int_equal(uid_of(writer, "alice"), 5003);
	assert_int_equal(uid_of(other, "bobby"), 5004);
	cache_close(other);
	cache_close(reader);
	cache_close(writer);
}

/* A disk without room: the old record, or the new one. */
static void
test_full(void **state)
{
	struct cache *writer, *reader;
	struct cache_asked asked;
	struct stat status;
	int child, code, filled = 0, refused = 0;
	uint32_t uid;

	(void)state;
	make_with_alice();
	reader = cache_opened(false);
	for (off_t room = 0; room < 60000; room += 2500) {
		child = fork();
		if (child == 0) {
			signal(SIGXFSZ, SIG_IGN);
			writer = cache_opened(true);
			put(writer, "alice", 5002);
			char log[160];
			snprintf(log, sizeof(log), "%s-wal", cache_path);
			if (stat(log, &status) == -1)
				_exit(9);
			asked = asking(writer);
			rlim_t limit = (rlim_t)(status.st_size + room);
			if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){ limit, limit }) == -1)
				_exit(8);
			code = put_asked(writer, &asked, "alice", 5003);
			if (code == -1 && (error.code != API_UNAVAILABLE || strncmp(error.message, "CacheFile ", 10) != 0))
				_exit(7);
			_exit(code == -1 ? 1 : code == 0 ? 0 : 6);
		}
		assert_int_equal(waitpid(child, &code, 0), child);
		assert_true(WIFEXITED(code) && WEXITSTATUS(code) <= 1);
		uid = uid_of(reader, "alice");
		assert_int_equal(uid, WEXITSTATUS(code) == 1 ? 5002 : 5003);
		assert_int_equal(looked(reader, "alice"), CACHE_FRESH);
		filled += WEXITSTATUS(code) == 0;
		refused += WEXITSTATUS(code) == 1;
	}
	print_message("%d puts were refused, %d had room\n", refused, filled);
	assert_true(refused > 0 && filled > 0);
	cache_close(reader);
}

static pid_t
started(void (*role)(int), int number)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	role(number);
	_exit(0);
}

static void
ended(pid_t child, int expected)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	if (expected == 0)
		assert_int_equal(status, 0);
	else
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == expected);
}

#define USERS 20

/* Each record says its number in several places; where they differ, it is half of one and half of another. */
static int
put_number(struct cache *cache, const char *name, uint32_t number)
{
	struct ssh_key keys[USER_KEYS_MAX];
	char home[32], ids[USER_KEYS_MAX][16];
	struct tag tag = { (char *)"number", home };
	struct user_record user = { .server_id = SERVER, .role = (char *)"r", .home_directory = home, .keys = keys,
		.key_count = 1 + number % 20, .tags = &tag, .tag_count = 1, .has_profile = true,
		.profile = { number, number, { number }, 1, true } };
	struct cache_asked asked = asking(cache);

	snprintf(user.user_name, sizeof(user.user_name), "%s", name);
	snprintf(home, sizeof(home), "/%u", number);
	memset(keys, 0, sizeof(keys));
	for (size_t i = 0; i < user.key_count; i++) {
		snprintf(ids[i], sizeof(ids[i]), "%u", number);
		snprintf(keys[i].id, sizeof(keys[i].id), "%u", number);
		strcpy(keys[i].type, "ssh-ed25519");
		keys[i].base64 = (char *)KEY_BASE64;
	}
	return cache_put_user(cache, &asked, &user, &error);
}

static void
check_number(struct cache *cache, const char *name)
{
	struct user_record user;
	char text[32];

	if (store_describe_user(cache_store(cache), SERVER, name, &user, &error) == -1) {
		assert_int_equal(error.code, API_NOT_FOUND);
		return;
	}
	snprintf(text, sizeof(text), "/%u", user.profile.uid);
	assert_string_equal(user.home_directory, text);
	assert_string_equal(user.tags[0].value, text);
	assert_int_equal(user.key_count, 1 + user.profile.uid % 20);
	for (size_t i = 0; i < user.key_count; i++)
		assert_string_equal(user.keys[i].id, text + 1);
	assert_int_equal(user.profile.secondary_gids[0], user.profile.uid);
	record_free_user(&user);
}

static volatile struct {
	unsigned puts, reads;
	int stop;
} *shared;

static void
name_of(char name[32], int number)
{
	snprintf(name, 32, "user%d", number % USERS);
}

static void
be_writer(int number)
{
	struct cache *cache = cache_opened(true);
	bool found;
	char name[32];

	for (unsigned i = 0; !shared->stop; i++) {
		name_of(name, (int)i * (number + 1) + number);
		if (put_number(cache, name, 1000 + i) == -1 ||
		    (i % 50 == 7 && cache_drop(cache, name, &found, &error) == -1) ||
		    (i % 50 == 9 && cache_remove(cache, name, &error) == -1) ||
		    (i % 50 == 11 && cache_purge(cache, &error) == -1)) {
			fprintf(stderr, "%s\n", error.message);
			_exit(1);
		}
		__atomic_add_fetch(&shared->puts, 1, __ATOMIC_RELAXED);
	}
	cache_close(cache);
}

/* What is read until end_moment() is as it was at one moment. */
static void
begin_moment(struct cache *cache)
{
	if (sqlite_begin_read(cache->store, &error) == -1)
		fail_msg("%s", error.message);
	cache->store->batch = true; /* the store's own transactions are savepoints of this one */
}

static void
end_moment(struct cache *cache)
{
	cache->store->batch = false;
	assert_int_equal(sqlite_finish(cache->store, 0, &error), 0);
}

/* What is fresh is there: time and record come and go together. */
static void
check_both(struct cache *cache, const char *name)
{
	struct store_login login;
	bool fresh;

	begin_moment(cache);
	fresh = looked(cache, name) == CACHE_FRESH;
	assert_int_equal(store_find_by_name(cache_store(cache), SERVER, name, &login, &error), fresh);
	check_number(cache, name);
	end_moment(cache);
}

static void
be_reader(int number)
{
	struct cache *cache = cache_opened(false);
	char name[32];

	for (unsigned i = 0; !shared->stop; i++) {
		name_of(name, (int)i);
		if (number == 0)
			check_number(cache, name);
		else
			check_both(cache, name);
		__atomic_add_fetch(&shared->reads, 1, __ATOMIC_RELAXED);
	}
	cache_close(cache);
}

#define KILLS 150

/* Four writers and two readers; and others that are killed at any moment of theirs. */
static void
test_killed_and_concurrent(void **state)
{
	pid_t helpers[6], victim;
	struct cache *cache;
	char name[32];
	int i;

	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	make_with_alice();
	for (i = 0; i < 6; i++)
		helpers[i] = i < 4 ? started(be_writer, i) : started(be_reader, i - 4);
	for (i = 0; i < KILLS; i++) {
		victim = started(be_writer, 7);
		usleep((useconds_t)(rand() % 12000));
		assert_int_equal(kill(victim, SIGKILL), 0);
		ended(victim, SIGKILL);
	}
	shared->stop = 1;
	for (i = 0; i < 6; i++)
		ended(helpers[i], 0);
	cache = cache_opened(true);
	for (i = 0; i < USERS; i++) {
		name_of(name, i);
		check_number(cache, name);
		assert_int_equal(looked(cache, name) == CACHE_FRESH, uid_of(cache, name) != 0);
	}
	assert_int_equal(uid_of(cache, "alice"), 5001);
	print_message("%d kills, %u puts, %u reads\n", KILLS, shared->puts, shared->reads);
	assert_true(shared->puts > 100 && shared->reads > 100);
	cache_close(cache);
	assert_false(exists(".old"));
	assert_int_equal(munmap((void *)shared, sizeof(*shared)), 0);
}

/* Makes it anew again and again. */
static void
be_maker(int number)
{
	struct cache *cache = cache_opened(true);

	(void)number;
	while (!shared->stop) {
		if (cache_make_anew(cache, &error) == -1 || put_number(cache, "alice", 5001) == -1) {
			fprintf(stderr, "%s\n", error.message);
			_exit(1);
		}
		shared->puts++;
	}
	cache_close(cache);
}

/* Nobody ever sees half a file: there is none, or a whole one. */
static void
test_no_half_file(void **state)
{
	struct cache *cache;
	int64_t end = now_ms() + 1000;
	int opens = 0, none = 0;
	pid_t maker, other;

	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	make_with_alice();
	maker = started(be_maker, 0);
	other = started(be_writer, 1);
	while (now_ms() < end || shared->puts < 20) {
		if (cache_open(&options, false, &cache, &error) == -1) {
			if (error.code != API_NOT_FOUND)
				fail_msg("%s", error.message);
			none++;
			continue;
		}
		opens++;
		if (looked(cache, "alice") != CACHE_ABSENT)
			uid_of(cache, "alice");
		cache_close(cache);
	}
	shared->stop = 1;
	ended(maker, 0);
	ended(other, 0);
	print_message("%d opens, %d found none\n", opens, none);
	assert_true(opens > 20);
	cache = cache_opened(true);
	put(cache, "alice", 5001);
	cache_close(cache);
	assert_int_equal(munmap((void *)shared, sizeof(*shared)), 0);
}

/* A writer that is stopped in the middle: readers don't wait, and writers not for ever. */
static void
test_stopped_writer(void **state)
{
	struct cache *writer, *reader;
	struct cache_asked asked;
	int ready[2], status;
	int64_t start;
	pid_t child;
	char byte;

	(void)state;
	make_with_alice();
	writer = cache_opened(true);
	reader = cache_opened(false);
	asked = asking(writer);
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		struct cache *holder = cache_opened(true);
		if (store_begin(cache_store(holder), &error) == -1 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(kill(child, SIGSTOP), 0);
	writer->store->writer_wait_ms = 200;
	start = now_ms();
	assert_int_equal(put_asked(writer, &asked, "alice", 5002), -1);
	assert_int_equal(error.code, API_UNAVAILABLE);
	assert_in_range(now_ms() - start, 190, 3000);
	/* A name that nobody has waits for no writer. */
	start = now_ms();
	assert_int_equal(cache_remove(writer, "nobody", &error), 0);
	assert_int_equal(looked(reader, "alice"), CACHE_FRESH);
	assert_int_equal(uid_of(reader, "alice"), 5001);
	cache_close(reader);
	reader = cache_opened(false);
	assert_int_equal(looked(reader, "alice"), CACHE_FRESH);
	assert_in_range(now_ms() - start, 0, 150);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_int_equal(put_asked(writer, &asked, "alice", 5002), 0);
	cache_close(reader);
	cache_close(writer);
}

/* One that is stopped while it replaces the file: whoever opens it then is told so, soon. */
static void
test_stopped_maker(void **state)
{
	struct cache *cache;
	char name[160];
	int64_t start;
	int file;

	(void)state;
	make_with_alice();
	snprintf(name, sizeof(name), "%s-lock", cache_path);
	file = open(name, O_RDONLY);
	assert_int_equal(flock(file, LOCK_EX), 0);
	start = now_ms();
	assert_int_equal(cache_open(&options, false, &cache, &error), -1);
	assert_int_equal(error.code, API_UNAVAILABLE);
	assert_in_range(now_ms() - start, 0, 900);
	close(file);
	cache_close(cache_opened(false));
}

/* Another user's records would be anybody's. */
static void
test_others_file(void **state)
{
	struct cache *cache = cache_opened(true);

	(void)state;
	put(cache, "alice", 5001);
	cache_close(cache);
	assert_int_equal(chmod(cache_path, 0620), 0);
	for (int writes = 0; writes < 2; writes++) {
		assert_int_equal(cache_open(&options, writes, &cache, &error), -1);
		assert_non_null(strstr(error.message, "others may write it (mode 0620)"));
	}
	assert_int_equal(chmod(cache_path, 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(cache_path, 4444, 4444), 0);
		for (int writes = 0; writes < 2; writes++) {
			assert_int_equal(cache_open(&options, writes, &cache, &error), -1);
			assert_non_null(strstr(error.message, "belongs to another user (uid 4444)"));
		}
		assert_int_equal(chown(cache_path, 0, 0), 0);
	}
	cache = cache_opened(false);
	assert_int_equal(uid_of(cache, "alice"), 5001);
	cache_close(cache);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, cache_folder_make, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open),
		TEST(test_damaged),
		TEST(test_other_kinds),
		TEST(test_damaged_in_use),
		TEST(test_removed_in_use),
		TEST(test_full),
		TEST(test_killed_and_concurrent),
		TEST(test_no_half_file),
		TEST(test_stopped_writer),
		TEST(test_stopped_maker),
		TEST(test_others_file),
	};

	return cmocka_run_group_tests_name("cache faults", tests, NULL, NULL);
}
