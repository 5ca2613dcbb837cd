/*
 * The live sessions' files. Only root writes here, and still a file is believed only after it was checked: it decides which
 * processes get a signal.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/host/paths.h"
#include "common/host/process_tree.h"
#include "common/host/registry.h"
#include "common/host/whole_io.h"
#include "common/wire/wire.h"

#define FILE_SIZE      1024
#define TEMPORARY_AGE  60 /* seconds after which a file that never got its name is nobody's */
#define SESSION_FORMAT \
	"user=%s\nserver=%s\nclient=%s\nport=%u\nfingerprint=%s\nuid=%u\nsince=%lld\nmonitor=%d\nstarted=%llu\n"

static bool
session_valid(const struct live_session *session)
{
	return user_name_valid(session->user) && text_visible(session->server_id) && session->client[0] != '\0' &&
	    text_visible(session->client) && text_visible(session->fingerprint) && session->client_port <= 65535 &&
	    session->monitor > 1;
}

/* open_directory: the sessions' directory, or -1. Whoever else could write to it could have any process ended. */
static int
open_directory(void)
{
	struct stat status;
	int directory = open(BERTH_SESSIONS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (directory < 0)
		return -1;
	if (fstat(directory, &status) == 0 && status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return directory;
	close(directory);
	errno = EPERM;
	return -1;
}

/* write_file: under a temporary name first: who lists the sessions never sees half a file. */
static int
write_file(int directory, const char *id, const char *text, size_t length)
{
	char temporary[SESSION_ID_LENGTH + 2];
	int fd, result, saved;

	snprintf(temporary, sizeof(temporary), ".%s", id);
	fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	result = whole_write(fd, text, length) == length ? 0 : -1;
	if (close(fd) != 0)
		result = -1;
	if (result == 0)
		result = renameat(directory, temporary, directory, id);
	if (result != 0) {
		saved = errno;
		unlinkat(directory, temporary, 0);
		errno = saved;
	}
	return result;
}

static int
make_id(char id[SESSION_ID_LENGTH + 1])
{
	unsigned char random[SESSION_ID_LENGTH / 2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -1;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
	return 0;
}

int
registry_add(struct live_session *session)
{
	char text[FILE_SIZE];
	int directory, result, saved, length;

	session->id[0] = '\0';
	if (make_id(session->id) != 0)
		return -1;
	session->monitor = getpid();
	session->monitor_started = process_started(session->monitor);
	session->since = time(NULL);
	if (session->monitor_started == 0)
		return -1;
	if (!session_valid(session)) {
		errno = EINVAL;
		return -1;
	}
	length = snprintf(text, sizeof(text), SESSION_FORMAT, session->user, session->server_id, session->client,
	    session->client_port, session->fingerprint, session->uid, (long long)session->since, session->monitor,
	    session->monitor_started);
	if (length < 0 || (size_t)length >= sizeof(text)) {
		errno = EINVAL;
		return -1;
	}
	if (mkdir(BERTH_SESSIONS_DIR, 0700) != 0 && errno != EEXIST)
		return -1;
	directory = open_directory();
	if (directory < 0)
		return -1;
	result = write_file(directory, session->id, text, (size_t)length);
	saved = errno;
	close(directory);
	errno = saved;
	return result;
}

int
registry_remove(const char *id)
{
	int directory, result, saved;

	if (!session_id_valid(id)) {
		errno = EINVAL;
		return -1;
	}
	directory = open_directory();
	if (directory < 0)
		return -1;
	result = unlinkat(directory, id, 0);
	saved = errno;
	close(directory);
	errno = saved;
	return result;
}

/* take_line: the value of a line "key=value", the next of the file; *at moves behind it. */
static bool
take_line(const char **at, const char *key, char *value, size_t size)
{
	size_t key_length = strlen(key), length;
	const char *end = strchr(*at, '\n');

	if (end == NULL || strncmp(*at, key, key_length) != 0 || (*at)[key_length] != '=')
		return false;
	*at += key_length + 1;
	length = (size_t)(end - *at);
	if (length >= size)
		return false;
	memcpy(value, *at, length);
	value[length] = '\0';
	*at = end + 1;
	return true;
}

static bool
take_number(const char **at, const char *key, unsigned long long max, unsigned long long *number)
{
	char value[24], *end;

	if (!take_line(at, key, value, sizeof(value)) || !isdigit((unsigned char)value[0]))
		return false;
	errno = 0;
	*number = strtoull(value, &end, 10);
	return errno == 0 && *end == '\0' && *number <= max;
}

/* parse_session: exactly what registry_add() writes. */
static bool
parse_session(const char *text, struct live_session *session)
{
	unsigned long long port, uid, since, monitor;

	if (!take_line(&text, "user", session->user, sizeof(session->user)) ||
	    !take_line(&text, "server", session->server_id, sizeof(session->server_id)) ||
	    !take_line(&text, "client", session->client, sizeof(session->client)) ||
	    !take_number(&text, "port", 65535, &port) ||
	    !take_line(&text, "fingerprint", session->fingerprint, sizeof(session->fingerprint)) ||
	    !take_number(&text, "uid", ID_NONE - 1, &uid) || !take_number(&text, "since", LLONG_MAX, &since) ||
	    !take_number(&text, "monitor", INT_MAX, &monitor) ||
	    !take_number(&text, "started", ULLONG_MAX, &session->monitor_started) || *text != '\0')
		return false;
	session->client_port = (unsigned)port;
	session->uid = (uint32_t)uid;
	session->since = (time_t)since;
	session->monitor = (pid_t)monitor;
	return session_valid(session);
}

/* read_session: false when the file isn't one of ours, or is gone again. */
static bool
read_session(int directory, const char *id, struct live_session *session)
{
	char text[FILE_SIZE];
	struct stat status;
	ssize_t length = -1;
	int fd = openat(directory, id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == 0)
		length = read(fd, text, sizeof(text));
	close(fd);
	if (length < 0 || (size_t)length == sizeof(text) || memchr(text, '\0', (size_t)length) != NULL)
		return false;
	text[length] = '\0';
	snprintf(session->id, sizeof(session->id), "%s", id);
	return parse_session(text, session);
}

/* sweep_temporary: removes what a monitor left behind that was killed between writing and renaming. */
static void
sweep_temporary(int directory, const char *name)
{
	struct stat status;

	if (name[0] != '.' || !session_id_valid(name + 1))
		return;
	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && time(NULL) - status.st_mtime > TEMPORARY_AGE)
		unlinkat(directory, name, 0);
}

/* is_live: 1 when the session's monitor is there, 0 when it has ended, -1 with errno when that can't be told. */
static int
is_live(const struct live_session *session)
{
	int pidfd = process_open(session->monitor, session->monitor_started);

	if (pidfd < 0)
		return errno == ESRCH ? 0 : -1;
	close(pidfd);
	return 1;
}

struct session_list {
	struct live_session *sessions;
	size_t count, room;
};

static int
list_add(struct session_list *list, const struct live_session *session)
{
	if (list->count == list->room) {
		size_t room = list->room > 0 ? 2 * list->room : 16;
		struct live_session *sessions = realloc(list->sessions, room * sizeof(*sessions));

		if (sessions == NULL)
			return -1;
		list->sessions = sessions;
		list->room = room;
	}
	list->sessions[list->count++] = *session;
	return 0;
}

static int
list_file(struct session_list *list, int directory, const char *name)
{
	struct live_session session;
	int live;

	if (!session_id_valid(name)) {
		sweep_temporary(directory, name);
		return 0;
	}
	if (!read_session(directory, name, &session))
		return 0;
	live = is_live(&session);
	if (live == 0)
		unlinkat(directory, name, 0);
	return live > 0 ? list_add(list, &session) : live;
}

static int
older_first(const void *a, const void *b)
{
	const struct live_session *one = a, *other = b;

	if (one->since != other->since)
		return one->since < other->since ? -1 : 1;
	return strcmp(one->id, other->id);
}

/* list_directory: takes over the descriptor. */
static int
list_directory(struct session_list *list, int directory)
{
	DIR *stream = fdopendir(directory);
	struct dirent *entry;
	int result = 0, saved;

	if (stream == NULL) {
		saved = errno;
		close(directory);
		errno = saved;
		return -1;
	}
	while (result == 0 && (errno = 0, entry = readdir(stream)) != NULL)
		result = list_file(list, dirfd(stream), entry->d_name);
	if (result == 0 && errno != 0)
		result = -1;
	saved = errno;
	closedir(stream);
	errno = saved;
	return result;
}

ssize_t
registry_list(struct live_session **sessions)
{
	struct session_list list = { 0 };
	int directory = open_directory();

	*sessions = NULL;
	if (directory < 0)
		return errno == ENOENT ? 0 : -1; /* no session since the host was started */
	if (list_directory(&list, directory) != 0) {
		free(list.sessions);
		return -1;
	}
	if (list.count > 0)
		qsort(list.sessions, list.count, sizeof(*list.sessions), older_first);
	*sessions = list.sessions;
	return (ssize_t)list.count;
}

int
registry_end(const struct live_session *session, int grace_ms)
{
	if (process_tree_end(session->monitor, session->monitor_started, grace_ms) != 0)
		return -1;
	/* A monitor that was killed left its file behind; one that closed in order has removed it. */
	if (registry_remove(session->id) != 0 && errno != ENOENT)
		return -1;
	return 0;
}
