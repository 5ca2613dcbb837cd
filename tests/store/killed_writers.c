/*
 * killed_writers: writers that are killed at random points, among others who read and write the same store.
 *
 *   killed_writers USER SPEC SERVER-ID KILLS SEED
 *
 * It becomes USER, whom the store belongs to, as all of Berth does: files that root makes beside a store are root's for a
 * moment, and others are refused meanwhile.
 *
 * A writer makes users through the API's own operations, one after the other, and changes each in steps; it says on a pipe
 * when a step has been acknowledged. SIGKILL ends it at any moment. Meanwhile readers ask as the agent does, list, and
 * describe, and other writers write on, by themselves and in batches. A record must always be exactly what one of its steps
 * makes it. At the end: all that was acknowledged is there, and of each writer at most one step more.
 *
 * Standard output: one line of counts. Exit status 0; 1 after a line on standard error for what was wrong.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/host/identity.h"
#include "common/model/operations.h"

#define AT_ONCE     4 /* victims */
#define READERS     2
#define WRITERS     2 /* that nobody kills; the second one writes in batches */
#define KILL_MAX_US 9000
#define BATCH       20
#define PAUSE_US    5000
#define DELETED     3 /* each third user is deleted in the end */

#define ROLE  "arn:aws:iam::000000000000:role/step"
#define KEY_1 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOJF0b2qMAuTf77U4ekCoTTI7A0x4Eg2GTBMTsKYS0C1"
#define KEY_2 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOJF0b2qMAuTf77U4ekCoTTI7A0x4Eg2GTBMTsKYS0C2"

/* The steps that a user goes through; what it is after each is in matches(). */
enum { CREATED, UPDATED, KEY_ADDED, REMOVED, STEPS };

static const char *spec, *server_id;
static const struct config config = { .region = "us-east-1", .account_id = "000000000000", .min_uid = 1000, .min_gid = 1000,
	.min_rsa_bits = 2048 };

struct counts {
	volatile unsigned long lookups, writes;
	volatile int stop;
};
static struct counts *shared;

static void
wrong(const char *what, const char *name, const char *message)
{
	fprintf(stderr, "killed_writers: %s: %s: %s\n", name, what, message);
	_exit(1);
}

static struct store *
opened(enum store_mode mode)
{
	struct api_error error;
	struct store *store;

	if (store_open(spec, mode, &store, &error) == -1)
		wrong("open", spec, error.message);
	return store;
}

static void
call(struct store *store, const char *operation, const char *name, const char *members)
{
	struct operation_context context = { .store = store, .config = &config };
	struct api_error error;
	cJSON *request, *response = NULL;
	char text[2048];

	snprintf(text, sizeof(text), "{\"ServerId\":\"%s\",\"UserName\":\"%s\"%s}", server_id, name, members);
	request = cJSON_Parse(text);
	if (operation_call(&context, operation, request, &response, &error) == -1)
		wrong(operation, name, error.message);
	cJSON_Delete(request);
	cJSON_Delete(response);
}

static void
step(struct store *store, const char *name, int which)
{
	static const char NEW[] = ",\"Role\":\"" ROLE "0\",\"HomeDirectoryType\":\"LOGICAL\",\"HomeDirectory\":\"/x\","
	    "\"HomeDirectoryMappings\":[{\"Entry\":\"/\",\"Target\":\"/bucket/0\"}],"
	    "\"PosixProfile\":{\"Uid\":5000,\"Gid\":5000,\"SecondaryGids\":[7000,7001]},"
	    "\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"},{\"Key\":\"b\",\"Value\":\"2\"}],\"SshPublicKeyBody\":\"" KEY_1 "\"";
	static const char OTHER[] = ",\"Role\":\"" ROLE "1\",\"HomeDirectory\":\"/y/z\","
	    "\"HomeDirectoryMappings\":[{\"Entry\":\"/y\",\"Target\":\"/bucket/1\"},"
	    "{\"Entry\":\"/w\",\"Target\":\"/bucket/2\"}],"
	    "\"PosixProfile\":{\"Uid\":5001,\"Gid\":5002,\"SecondaryGids\":[7003]}";

	switch (which) {
	case CREATED:
		call(store, "CreateUser", name, NEW);
		break;
	case UPDATED:
		call(store, "UpdateUser", name, OTHER);
		break;
	case KEY_ADDED:
		call(store, "ImportSshPublicKey", name, ",\"SshPublicKeyBody\":\"" KEY_2 "\"");
		break;
	case REMOVED:
		call(store, "DeleteUser", name, "");
		break;
	}
	__atomic_add_fetch(&shared->writes, 1, __ATOMIC_RELAXED);
}

/* Whether the record is exactly what this step leaves. */
static bool
matches(const struct user_record *user, int which)
{
	bool updated = which >= UPDATED;

	return strcmp(user->role, updated ? ROLE "1" : ROLE "0") == 0 &&
	    strcmp(user->home_directory, updated ? "/y/z" : "/x") == 0 && user->home_type == HOME_LOGICAL &&
	    user->mapping_count == (updated ? 2u : 1u) &&
	    strcmp(user->mappings[0].target, updated ? "/bucket/1" : "/bucket/0") == 0 && user->has_profile &&
	    user->profile.uid == (updated ? 5001u : 5000u) && user->profile.gid == (updated ? 5002u : 5000u) &&
	    user->profile.secondary_gid_count == (updated ? 1u : 2u) &&
	    user->profile.secondary_gids[0] == (updated ? 7003u : 7000u) && user->tag_count == 2 &&
	    strcmp(user->tags[1].value, "2") == 0 && user->key_count == (which == KEY_ADDED ? 2u : 1u);
}

/* The step that the user is at; STEPS: not there. */
static int
find_step(struct store *store, const char *name)
{
	struct user_record user;
	struct api_error error;
	int which;

	if (store_describe_user(store, server_id, name, &user, &error) == -1) {
		if (error.code != API_NOT_FOUND)
			wrong("describe", name, error.message);
		return STEPS;
	}
	for (which = CREATED; which < REMOVED && !matches(&user, which); which++)
		;
	record_free_user(&user);
	if (which == REMOVED)
		wrong("describe", name, "a record that no step has made");
	return which;
}

static void
user_name(char name[64], const char *writer, int number, int index)
{
	snprintf(name, 64, "%s%d-%d", writer, number, index);
}

static int
last_step(int index)
{
	return index % DELETED == 0 ? REMOVED : KEY_ADDED;
}

/* Until it is killed. */
static void
be_victim(int report, int number)
{
	struct store *store = opened(STORE_WRITE);
	int acknowledged = 0, index, which;
	char name[64];

	for (index = 0;; index++) {
		user_name(name, "victim", number, index);
		for (which = CREATED; which <= last_step(index); which++) {
			step(store, name, which);
			acknowledged++;
			if (write(report, &acknowledged, sizeof(acknowledged)) != sizeof(acknowledged))
				_exit(1);
		}
	}
}

static void
be_writer(int number)
{
	struct store *store = opened(STORE_WRITE);
	struct api_error error;
	bool batch = number == 1;
	char name[64];
	int index, which;

	for (index = 0; !shared->stop; index++) {
		if (batch && index % BATCH == 0 && store_begin(store, &error) == -1)
			wrong("begin", "batch", error.message);
		user_name(name, "writer", number, index);
		for (which = CREATED; which <= REMOVED; which++)
			step(store, name, which);
		if (batch && index % BATCH == BATCH - 1 && store_commit(store, &error) == -1)
			wrong("commit", "batch", error.message);
		if (!batch || index % BATCH == BATCH - 1)
			usleep(PAUSE_US);
	}
	if (batch)
		store_abandon(store);
	store_close(store);
}

/* Names that are found while they are there; a list's own moment is one, and the next question's another. */
struct seen {
	char names[8][USER_NAME_MAX + 1];
	size_t count;
};

static int
note_user(void *context, const struct listed_user *user)
{
	struct seen *seen = context;

	snprintf(seen->names[seen->count % 8], sizeof(seen->names[0]), "%s", user->user_name);
	seen->count++;
	return 0;
}

static void
be_reader(int number)
{
	struct store *store = opened(STORE_READ);
	char after[USER_NAME_MAX + 1] = "";
	struct store_login login;
	struct api_error error;
	size_t i;
	int got;

	(void)number;
	while (!shared->stop) {
		struct seen seen = { .count = 0 };

		if (store_list_users(store, server_id, after, 100, note_user, &seen, &error) == -1)
			wrong("list", "reader", error.message);
		snprintf(after, sizeof(after), "%s", seen.count < 100 ? "" : seen.names[(seen.count - 1) % 8]);
		for (i = 0; i < 8 && i < seen.count; i++) {
			got = store_find_by_name(store, server_id, seen.names[i], &login, &error);
			if (got == -1)
				wrong("find", seen.names[i], error.message);
			if (got == 1 && !(login.uid == 5000 && strcmp(login.home_directory, "/x") == 0) &&
			    !(login.uid == 5001 && strcmp(login.home_directory, "/y/z") == 0))
				wrong("find", seen.names[i], "half of one record and half of another");
			find_step(store, seen.names[i]);
			__atomic_add_fetch(&shared->lookups, 2, __ATOMIC_RELAXED);
		}
	}
	store_close(store);
}

static pid_t
start(void (*role)(int), int number)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	role(number);
	_exit(0);
}

struct victim {
	pid_t pid;
	int report;
};

static void
start_victim(struct victim *victim, int number)
{
	int report[2];

	if (pipe(report) == -1 || (victim->pid = fork()) == -1)
		wrong("start", "victim", "no process");
	if (victim->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(report[0]);
		be_victim(report[1], number);
	}
	close(report[1]);
	victim->report = report[0];
}

/* Returns how many of its steps were acknowledged. */
static int
kill_victim(const struct victim *victim)
{
	int acknowledged = 0, last, status;

	if (kill(victim->pid, SIGKILL) == -1 || waitpid(victim->pid, &status, 0) != victim->pid || !WIFSIGNALED(status))
		wrong("kill", "victim", "it had ended by itself");
	while (read(victim->report, &last, sizeof(last)) == sizeof(last))
		acknowledged = last;
	close(victim->report);
	return acknowledged;
}

/* In which state a victim left its users. Returns 1 when the step after the last acknowledged one is there, too. */
static int
check_victim(struct store *store, int number, int acknowledged)
{
	int index, left = acknowledged, steps, expected, found;
	char name[64];

	for (index = 0; left >= 0; index++) {
		user_name(name, "victim", number, index);
		steps = last_step(index) + 1;
		found = find_step(store, name);
		expected = left >= steps ? steps - 1 : left - 1;
		if (expected == REMOVED || expected == -1)
			expected = STEPS;
		left -= steps;
		if (found == expected && left >= 0)
			continue;
		if (left >= 0)
			wrong("check", name, "an acknowledged step is lost");
		if (found == expected)
			return 0;
		/* The step under way: the first of a user, one more, or the end of it. */
		if ((expected == STEPS && found == CREATED) || (expected != STEPS && found == expected + 1) ||
		    (found == STEPS && expected == KEY_ADDED && last_step(index) == REMOVED))
			return 1;
		wrong("check", name, "an acknowledged step is lost");
	}
	return 0;
}

static void
stop_helpers(const pid_t *helpers, int count)
{
	int i, status;

	shared->stop = 1;
	for (i = 0; i < count; i++)
		if (waitpid(helpers[i], &status, 0) != helpers[i] || status != 0)
			wrong("helper", "reader or writer", "it failed");
}

int
main(int argc, char **argv)
{
	pid_t helpers[READERS + WRITERS];
	int kills, *acknowledged, number, i, more = 0;
	struct victim victims[AT_ONCE];
	unsigned long total = 0;
	struct store *store;

	if (argc != 6 || identity_become(argv[1]) != 0)
		return 2;
	spec = argv[2];
	server_id = argv[3];
	kills = atoi(argv[4]);
	srand((unsigned)atoi(argv[5]));
	acknowledged = calloc((size_t)kills + AT_ONCE, sizeof(*acknowledged));
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (acknowledged == NULL || shared == MAP_FAILED)
		return 2;
	for (i = 0; i < READERS + WRITERS; i++)
		helpers[i] = i < READERS ? start(be_reader, i) : start(be_writer, i - READERS);
	for (number = 0; number < kills; number += AT_ONCE) {
		for (i = 0; i < AT_ONCE; i++)
			start_victim(&victims[i], number + i);
		for (i = 0; i < AT_ONCE; i++) {
			usleep((useconds_t)(rand() % KILL_MAX_US));
			acknowledged[number + i] = kill_victim(&victims[i]);
		}
	}
	stop_helpers(helpers, READERS + WRITERS);
	store = opened(STORE_READ);
	for (i = 0; i < number; i++) {
		total += (unsigned long)acknowledged[i];
		more += check_victim(store, i, acknowledged[i]);
	}
	store_close(store);
	printf("kills=%d acknowledged=%lu unacknowledged_and_whole=%d writes=%lu lookups=%lu\n", number, total, more,
	    shared->writes, shared->lookups);
	return total > 0 && shared->lookups > 0 ? 0 : 1;
}
