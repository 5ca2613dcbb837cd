#include "admin_cmd/tail/tail_follow.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_cmd/tail/tail_rotation.h"
#include "admin_cmd/tail/tail_text.h"

/* How long at most until what inotify(7) doesn't tell (another host's writes, a directory that wasn't there) is seen. */
#define WAIT_MS 1000

#define FOLDER_EVENTS (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR)

static int
fail(const struct tail *tail, const char *what)
{
	fprintf(stderr, "berth tail: %s %s: %s\n", tail->path, what,
	    errno == ELOOP ? "it is a symbolic link" : errno == ENOTSUP ? "it is no regular file" : strerror(errno));
	return -1;
}

static void
say_lost(const cJSON *event)
{
	char session[64], user[256], count[32] = "some";
	double dropped = tail_event_number(event, "dropped");

	tail_text_copy(session, sizeof(session), tail_event_string(event, "session"));
	tail_text_copy(user, sizeof(user), tail_event_string(event, "user"));
	if (dropped > 0 && dropped < 1e18)
		snprintf(count, sizeof(count), "%.0f", dropped);
	fflush(stdout); /* what was before it stands above it */
	fprintf(stderr, "berth tail: %s events of session %s (%s) were lost before they reached the log\n", count, session,
	    user);
}

static void
say_unsure(const cJSON *event)
{
	char session[64], user[256], path[1024];

	tail_text_copy(session, sizeof(session), tail_event_string(event, "session"));
	tail_text_copy(user, sizeof(user), tail_event_string(event, "user"));
	tail_text_copy(path, sizeof(path), tail_event_string(event, "path"));
	fflush(stdout);
	fprintf(stderr, "berth tail: a transfer of session %s (%s) has too long a path for sftp's log, it may be of those asked "
	    "for: %s\n", session, user, path);
}

static void
take_line(void *context, const char *line, size_t length)
{
	struct tail *tail = context;
	cJSON *event;

	switch (tail_filter_judge(&tail->filter, line, length, &event)) {
	case TAIL_FITS:
		tail_printer_print(&tail->printer, event, line, length);
		break;
	case TAIL_LOST:
		say_lost(event);
		break;
	case TAIL_UNSURE:
		say_unsure(event);
		break;
	case TAIL_NO_EVENT:
		tail->no_events++;
		break;
	case TAIL_OTHER:
		break;
	}
	cJSON_Delete(event);
}

/* After each batch: whoever reads a pipe waits for nothing that is there. */
static int
flush(struct tail *tail)
{
	uint64_t count = tail->no_events - tail->no_events_said;

	if (output_flush() == -1)
		return -1;
	if (count > 0)
		fprintf(stderr, "berth tail: passed over %llu line%s that hold%s no event\n", (unsigned long long)count,
		    count == 1 ? "" : "s", count == 1 ? "s" : "");
	tail->no_events_said = tail->no_events;
	return 0;
}

struct search {
	struct tail *tail;
	uint64_t left;
};

static enum tail_back
count_line(void *context, const char *line, size_t length)
{
	struct search *search = context;
	cJSON *event;

	if (search->left == 0)
		return TAIL_BACK_BEHIND;
	if (tail_filter_judge(&search->tail->filter, line, length, &event) == TAIL_FITS) {
		tail_printer_measure(&search->tail->printer, event);
		search->left--;
	}
	cJSON_Delete(event);
	return search->left == 0 ? TAIL_BACK_HERE : TAIL_BACK_ON;
}

/* tail->offset: where the newest lines that fit begin. *end: how far the file goes now. */
static int
find_start(struct tail *tail, off_t *end)
{
	struct search search = { tail, tail->count };
	struct stat status;

	if (fstat(tail->fd, &status) == -1)
		return fail(tail, "can't be read");
	*end = status.st_size;
	tail->offset = 0;
	if (tail->count == TAIL_ALL)
		return 0;
	if (tail_lines_back(tail->fd, status.st_size, count_line, &search, &tail->offset) == -1)
		return fail(tail, "can't be read");
	return 0;
}

static int
read_on(struct tail *tail, off_t end)
{
	if (tail_lines_read(&tail->lines, tail->fd, &tail->offset, end, take_line, tail) == -1)
		return fail(tail, "can't be read");
	return 0;
}

int
tail_last(struct tail *tail)
{
	off_t end = 0;

	if (tail->fd == -1 && (tail->fd = tail_open(tail->path)) == -1)
		return fail(tail, "can't be opened");
	if (find_start(tail, &end) == -1 || read_on(tail, end) == -1)
		return -1;
	tail_printer_header(&tail->printer);
	return flush(tail);
}

/* To the end that the file has now. One that is shorter than its lines that were read was emptied, as copytruncate does. */
static int
read_to_end(struct tail *tail)
{
	struct stat status;

	if (tail->fd == -1)
		return 0;
	if (fstat(tail->fd, &status) == -1)
		return fail(tail, "can't be read");
	if (status.st_size < tail->offset) {
		fprintf(stderr, "berth tail: %s was cut short: it is read from its start, and events may be missing\n",
		    tail->path);
		tail_lines_forget(&tail->lines);
		tail->offset = 0;
	}
	return read_on(tail, (off_t)INT64_MAX);
}

static void
say_gap(const struct tail *tail, const struct tail_gap *gap)
{
	if (gap->lost)
		fprintf(stderr, "berth tail: %s was rotated, and the file that was read is gone: events may be missing\n",
		    tail->path);
	if (gap->skipped > 0)
		fprintf(stderr, "berth tail: %s was rotated, and %zu of its files are compressed: events are missing\n",
		    tail->path, gap->skipped);
}

/* The next file was written to, so that the writer is done with the one before. */
static int
change_file(struct tail *tail, int next)
{
	if (read_to_end(tail) == -1) {
		close(next);
		return -1;
	}
	if (tail_lines_forget(&tail->lines))
		tail->no_events++;
	close(tail->fd);
	tail->fd = next;
	tail->offset = 0;
	return 0;
}

/* What is there now, through as many files as it takes. *problem is the last one said: it is not said each second. */
static int
catch_up(struct tail *tail, int *problem)
{
	struct tail_gap gap = { false, 0 };
	int next;

	if (tail->fd == -1)
		tail->fd = tail_open(tail->path);
	for (next = tail->fd; next != -1;) {
		if (read_to_end(tail) == -1)
			return -1;
		if ((next = tail_next_file(tail->path, tail->fd, &gap)) != -1) {
			say_gap(tail, &gap);
			if (change_file(tail, next) == -1)
				return -1;
		}
	}
	if (errno != 0 && errno != ENOENT && errno != *problem)
		fail(tail, "can't be opened now");
	*problem = errno;
	return flush(tail);
}

/* The directory, for new names; the file that has the log's name, for what is written, also when it has another name later.
 * What is watched already stays so. */
static void
watch(const struct tail *tail, int inotify)
{
	char name[PATH_MAX];
	char *slash;

	inotify_add_watch(inotify, tail->path, IN_MODIFY | IN_DONT_FOLLOW);
	snprintf(name, sizeof(name), "%s", tail->path);
	slash = strrchr(name, '/');
	slash[slash == name] = '\0';
	inotify_add_watch(inotify, name, FOLDER_EVENTS);
}

/* Until something may have happened. False: whoever read our output is gone. */
static bool
wait_for_more(int inotify)
{
	char events[4096];
	struct pollfd sources[] = { { .fd = inotify, .events = POLLIN }, { .fd = STDOUT_FILENO } };

	if (poll(sources, 2, WAIT_MS) <= 0)
		return true;
	while (read(inotify, events, sizeof(events)) > 0)
		;
	return (sources[1].revents & (POLLERR | POLLNVAL)) == 0;
}

static int
follow(struct tail *tail, int inotify)
{
	int problem = 0;

	for (;;) {
		/* Before the reading: what is written after it wakes us. */
		watch(tail, inotify);
		if (catch_up(tail, &problem) == -1)
			return -1;
		if (!wait_for_more(inotify)) {
			raise(SIGPIPE); /* as a write would have */
			return -1;
		}
	}
}

int
tail_follow(struct tail *tail)
{
	int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), result;

	if (inotify == -1)
		return fail(tail, "can't be watched");
	tail->fd = tail_open(tail->path);
	if (tail->fd == -1 && errno == ENOENT) {
		fprintf(stderr, "berth tail: %s isn't there yet: waiting for it\n", tail->path);
		tail_printer_header(&tail->printer);
		result = follow(tail, inotify);
	} else {
		result = tail_last(tail) == -1 ? -1 : follow(tail, inotify);
	}
	close(inotify);
	return result;
}
