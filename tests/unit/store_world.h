/*
 * A real store in a folder of its own, and the operations on it: a test calls them with requests as text, sees whether the
 * store's bytes moved, and can put the store back to what it was.
 */
#ifndef BERTH_TEST_STORE_WORLD_H
#define BERTH_TEST_STORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/model/operations.h"

#define ARN_HEAD "arn:aws:transfer:us-east-1:000000000000:"
#define ROLE     "\"Role\":\"arn:aws:iam::000000000000:role/access\""
#define KEY_1    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOJF0b2qMAuTf77U4ekCoTTI7A0x4Eg2GTBMTsKYS0C1"
#define KEY_2 \
	"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBIeO4AxKmkaqlW32VMklQLmqxp5UGTpi5FKI" \
	"o4frAaxU8p3UzsR1XuxpcUoN+TrQXqB9kNi0caIWsM+5QKmWGOc="

/* The database, or its log: a map of the file, and what was in it once. */
struct store_bytes {
	void *now, *then;
	size_t length;
};

static struct {
	char folder[64], path[96];
	struct config config;
	struct operation_context context;
	struct api_error error; /* of the last call */
	char server[SERVER_ID_LENGTH + 1];
	char key[KEY_ID_LENGTH + 1];
	sqlite3 *side;     /* a connection of the test's own */
	sqlite3 *pristine; /* what world_restore() goes back to */
	int files[2]; /* never closed while the store is open: that would take its locks from it */
	struct store_bytes bytes[2];
} world;

/* The text with each $ that begins no ${…} as the server's id, and each # as the key's. The caller frees it. */
static inline char *
world_fill(const char *text)
{
	char *filled = calloc(1, strlen(text) * 21 + 1), *to = filled;

	assert_non_null(filled);
	for (; *text != '\0'; text++) {
		if (*text == '$' && text[1] != '{')
			to = stpcpy(to, world.server);
		else if (*text == '#')
			to = stpcpy(to, world.key);
		else
			*to++ = *text;
	}
	return filled;
}

static inline cJSON *
world_json(const char *text)
{
	char *filled = world_fill(text);
	cJSON *parsed = operation_parse(filled, strlen(filled), &world.error);

	if (parsed == NULL)
		fail_msg("%s: %s", filled, world.error.message);
	free(filled);
	return parsed;
}

/* operation_call() with a request as text. *response may be NULL. Returns 0 or -1 with world.error. */
static inline int
world_call(const char *operation, const char *request, cJSON **response)
{
	cJSON *parsed = world_json(request), *answer;
	int result = operation_call(&world.context, operation, parsed, &answer, &world.error);

	assert_true(result == 0 || answer == NULL);
	cJSON_Delete(parsed);
	if (response != NULL)
		*response = answer;
	else
		cJSON_Delete(answer);
	return result;
}

static inline void
world_works(const char *operation, const char *request)
{
	if (world_call(operation, request, NULL) == -1)
		fail_msg("%s %s: %s: %s", operation, request, api_error_name(world.error.code), world.error.message);
}

/* The response as text, which the caller frees with cJSON_free(). */
static inline char *
world_answer(const char *operation, const char *request)
{
	cJSON *response;
	char *text;

	if (world_call(operation, request, &response) == -1)
		fail_msg("%s %s: %s: %s", operation, request, api_error_name(world.error.code), world.error.message);
	text = cJSON_PrintUnformatted(response);
	cJSON_Delete(response);
	return text;
}

/* A string of the response, by its name at the top. */
static inline void
world_learn(const char *operation, const char *request, const char *member, char *to, size_t size)
{
	cJSON *response;

	if (world_call(operation, request, &response) == -1)
		fail_msg("%s %s: %s: %s", operation, request, api_error_name(world.error.code), world.error.message);
	snprintf(to, size, "%s", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(response, member)));
	cJSON_Delete(response);
}

static inline void
world_configure(void)
{
	world.config = (struct config){ .region = "us-east-1", .account_id = "000000000000", .min_uid = 1000,
		.min_gid = 1000, .min_rsa_bits = 2048 };
	world.context.config = &world.config;
}

static inline void
world_open(void)
{
	char spec[128];
	int i;

	world_configure();
	/* In memory where there is such a place: what is asked here is which bytes are written, not whether they last. */
	strcpy(world.folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/berth-world.XXXXXX" : "/tmp/berth-world.XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	snprintf(world.path, sizeof(world.path), "%s/berth.db", world.folder);
	snprintf(spec, sizeof(spec), "sqlite:%s", world.path);
	if (store_open(spec, STORE_CREATE, &world.context.store, &world.error) == -1)
		fail_msg("%s", world.error.message);
	world_learn("CreateServer", "{}", "ServerId", world.server, sizeof(world.server));
	assert_int_equal(sqlite3_open(world.path, &world.side), SQLITE_OK);
	assert_int_equal(sqlite3_exec(world.side, "PRAGMA synchronous = OFF", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_open(":memory:", &world.pristine), SQLITE_OK);
	for (i = 0; i < 2; i++) {
		snprintf(spec, sizeof(spec), "%s%s", world.path, i == 0 ? "" : "-wal");
		world.files[i] = open(spec, O_RDONLY | O_CLOEXEC);
		assert_int_not_equal(world.files[i], -1);
	}
}

static inline void
world_forget_bytes(struct store_bytes *bytes)
{
	if (bytes->length > 0)
		assert_int_equal(munmap(bytes->now, bytes->length), 0);
	free(bytes->then);
	memset(bytes, 0, sizeof(*bytes));
}

static inline void
world_close(void)
{
	static const char *const NAMES[] = { "berth.db", "berth.db-wal", "berth.db-shm" };
	char path[128];
	size_t i;

	sqlite3_close(world.side);
	sqlite3_close(world.pristine);
	store_close(world.context.store);
	for (i = 0; i < 2; i++) {
		close(world.files[i]);
		world_forget_bytes(&world.bytes[i]);
	}
	for (i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
		snprintf(path, sizeof(path), "%s/%s", world.folder, NAMES[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(world.folder), 0);
	memset(&world, 0, sizeof(world));
}

/* For cmocka's groups. */
static inline int
world_tear_down(void **state)
{
	(void)state;
	world_close();
	return 0;
}

static inline void
world_copy(sqlite3 *from, sqlite3 *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

	assert_non_null(backup);
	assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
	assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
}

static inline size_t
world_file_size(int which)
{
	struct stat status;

	assert_int_equal(fstat(world.files[which], &status), 0);
	return (size_t)status.st_size;
}

/* The log goes into the database first: then there is little to compare. */
static inline void
world_remember_bytes(void)
{
	struct store_bytes *bytes;
	int i;

	assert_int_equal(sqlite3_exec(world.side, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
	for (i = 0; i < 2; i++) {
		bytes = &world.bytes[i];
		world_forget_bytes(bytes);
		bytes->length = world_file_size(i);
		if (bytes->length == 0)
			continue;
		bytes->now = mmap(NULL, bytes->length, PROT_READ, MAP_SHARED, world.files[i], 0);
		assert_true(bytes->now != MAP_FAILED);
		bytes->then = malloc(bytes->length);
		assert_non_null(bytes->then);
		memcpy(bytes->then, bytes->now, bytes->length);
	}
}

/* Whether the database and its log are, byte for byte, what they were when world_remember_bytes() was last called. */
static inline bool
world_bytes_same(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (world_file_size(i) != world.bytes[i].length)
			return false;
		if (world.bytes[i].length > 0 &&
		    memcmp(world.bytes[i].now, world.bytes[i].then, world.bytes[i].length) != 0)
			return false;
	}
	return true;
}

/* From now on, world_restore() goes back to what the store is now. */
static inline void
world_keep(void)
{
	world_copy(world.side, world.pristine);
	world_remember_bytes();
}

static inline void
world_restore(void)
{
	world_copy(world.pristine, world.side);
	world_remember_bytes();
}

#endif
