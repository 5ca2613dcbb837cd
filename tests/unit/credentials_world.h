/*
 * For tests of credentials: an environment without AWS's variables, a folder that is the home directory, and files in it.
 */
#ifndef TEST_CREDENTIALS_WORLD_H
#define TEST_CREDENTIALS_WORLD_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/host/whole_io.h"
#include "common/store/transfer/credentials_source.h"
#include "common/wire/deadline.h"

#define ID     "AKIAIOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define TOKEN  "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJ="
#define PATIENCE_MS 20000

/* The clocks of what is tested, which a test moves on instead of waiting for credentials to grow old. */
static _Atomic time_t skipped;

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	if (syscall(SYS_clock_gettime, clock, now) != 0)
		return -1;
	now->tv_sec += skipped;
	return 0;
}

time_t
time(time_t *seconds)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_REALTIME, &now);
	if (seconds != NULL)
		*seconds = now.tv_sec;
	return now.tv_sec;
}

static char home[64];
static struct api_error error;
static struct credentials credentials;

/* Each test begins without a variable of AWS's, without a network service, and with an empty home. */
static inline int
world_make(void **state)
{
	extern char **environ;
	char name[256];

	(void)state;
	for (char **variable = environ; *variable != NULL;) {
		if (strncmp(*variable, "AWS_", 4) == 0) {
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(*variable, "="), *variable);
			unsetenv(name);
			variable = environ;
		} else {
			variable++;
		}
	}
	strcpy(home, "/tmp/berth-credentials.XXXXXX");
	if (mkdtemp(home) == NULL)
		return -1;
	setenv("HOME", home, 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	skipped = 0;
	memset(&credentials, 0, sizeof(credentials));
	memset(&error, 0, sizeof(error));
	return 0;
}

static inline int
world_remove(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", home);
	return system(command);
}

/* in_home: a path in it; of eight at a time. */
static inline const char *
in_home(const char *name)
{
	static char paths[8][256];
	static unsigned next;

	next = (next + 1) % 8;
	snprintf(paths[next], sizeof(paths[next]), "%s/%s", home, name);
	return paths[next];
}

/* write_file: replaces it at once, as an editor does. */
static inline void
write_file(const char *path, mode_t mode, const char *text)
{
	char fresh[300], folder[300];
	int file;

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	mkdir(folder, 0700);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(whole_write(file, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(file, mode), 0);
	close(file);
	assert_int_equal(rename(fresh, path), 0);
}

static inline void
write_credentials(const char *text)
{
	write_file(in_home(".aws/credentials"), 0600, text);
}

static inline void
write_config(const char *text)
{
	write_file(in_home(".aws/config"), 0600, text);
}

static inline struct credential_chain *
new_chain(const char *file, const char *profile)
{
	const struct credential_options options = { .file = file, .profile = profile, .region = "eu-central-1" };
	struct credential_chain *chain = credential_chain_new(&options);

	assert_non_null(chain);
	return chain;
}

static inline void
chain_found(struct credential_chain *chain, const char *id)
{
	if (credential_chain_get(chain, deadline_after(PATIENCE_MS), &credentials, &error) == -1)
		fail_msg("%s", error.message);
	assert_string_equal(credentials.access_key_id, id);
}

/* found: a new chain has these. */
static inline void
found(const char *id)
{
	struct credential_chain *chain = new_chain(NULL, NULL);

	chain_found(chain, id);
	credential_chain_free(chain);
}

/* A message with this in it, and without what must never be in one. */
static inline void
says(const char *message, const char *words)
{
	if (strstr(message, words) == NULL)
		fail_msg("\"%s\" isn't in: %s", words, message);
	assert_null(strstr(message, SECRET));
	assert_null(strstr(message, TOKEN));
	assert_null(strchr(message, '\n'));
}

static inline void
chain_fails(struct credential_chain *chain, const char *words)
{
	assert_int_equal(credential_chain_get(chain, deadline_after(PATIENCE_MS), &credentials, &error), -1);
	assert_int_equal(error.code, API_ACCESS_DENIED);
	says(error.message, words);
}

static inline void
fails_with(const char *file, const char *profile, const char *words)
{
	struct credential_chain *chain = new_chain(file, profile);

	chain_fails(chain, words);
	credential_chain_free(chain);
}

static inline void
fails(const char *words)
{
	fails_with(NULL, NULL, words);
}

/* "2030-01-02T03:04:05Z", so many seconds from now. */
static inline const char *
time_in(int seconds)
{
	static char text[32];
	time_t then = time(NULL) + seconds;
	struct tm parts;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&then, &parts));
	return text;
}

#endif
