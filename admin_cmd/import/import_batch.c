#include "admin_cmd/import/import_batch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_LINES    4000
#define BATCH_BYTES    (4u * 1024 * 1024)
#define BATCH_SECONDS  0.2   /* other writers wait so long, and a commit */
#define PAUSE_SECONDS  0.005 /* they look every two milliseconds */

enum outcome { OUTCOME_CREATED, OUTCOME_REPLACED, OUTCOME_UNCHANGED, OUTCOME_REFUSED };

struct pending {
	size_t number;
	struct user_line line;
	enum outcome outcome;
	enum api_code refused; /* API_OK while nothing is wrong with it */
	char *message;         /* of the refusal; NULL when there was no memory for it */
};

struct import_batch {
	const struct import_target *target;
	struct import_report *report;
	struct pending *pending;
	size_t count, bytes;
	bool users_known; /* the last user was there already: the next one may be, too */
	struct timespec ended; /* the last one */
};

struct import_batch *
import_batch_new(const struct import_target *target, struct import_report *report)
{
	struct import_batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL || (batch->pending = calloc(BATCH_LINES, sizeof(*batch->pending))) == NULL) {
		free(batch);
		return NULL;
	}
	batch->target = target;
	batch->report = report;
	return batch;
}

static void
clear(struct import_batch *batch)
{
	size_t i;

	for (i = 0; i < batch->count; i++) {
		user_line_free(&batch->pending[i].line);
		free(batch->pending[i].message);
	}
	batch->count = batch->bytes = 0;
}

void
import_batch_free(struct import_batch *batch)
{
	if (batch == NULL)
		return;
	clear(batch);
	free(batch->pending);
	free(batch);
}

bool
import_batch_full(const struct import_batch *batch)
{
	return batch->count == BATCH_LINES || batch->bytes >= BATCH_BYTES;
}

bool
import_batch_empty(const struct import_batch *batch)
{
	return batch->count == 0;
}

/* A refusal is kept with its line, and said in the lines' order once what came before is in. */
static void
refuse(struct pending *pending, const struct api_error *error)
{
	pending->outcome = OUTCOME_REFUSED;
	pending->refused = error->code;
	pending->message = strdup(error->message);
}

static struct pending *
add(struct import_batch *batch, size_t line)
{
	struct pending *pending = &batch->pending[batch->count++];

	memset(pending, 0, sizeof(*pending));
	pending->number = line;
	return pending;
}

void
import_batch_add(struct import_batch *batch, size_t line, const char *text, size_t length)
{
	struct pending *pending = add(batch, line);
	struct api_error error;

	batch->bytes += length;
	if (user_line_read(text, length, batch->target->server_id, batch->target->config, &pending->line, &error) == -1) {
		refuse(pending, &error);
		record_free_user(&pending->line.user);
	}
}

void
import_batch_take(struct import_batch *batch, struct user_line *user)
{
	add(batch, 0)->line = *user;
	memset(user, 0, sizeof(*user));
}

void
import_batch_refuse(struct import_batch *batch, size_t line, const struct api_error *error)
{
	refuse(add(batch, line), error);
}

static int
create(struct import_batch *batch, struct pending *pending, struct api_error *error)
{
	pending->outcome = OUTCOME_CREATED;
	if (batch->target->dry_run)
		return 0;
	if (user_line_complete(&pending->line, NULL, error) == -1)
		return -1;
	return store_create_user(batch->target->store, &pending->line.user, error);
}

/* stored: NULL when what is there can't be read. */
static int
replace(struct import_batch *batch, struct pending *pending, const struct user_record *stored, struct api_error *error)
{
	pending->outcome = OUTCOME_REPLACED;
	if (batch->target->dry_run)
		return 0;
	if (user_line_complete(&pending->line, stored, error) == -1)
		return -1;
	return store_replace_user(batch->target->store, &pending->line.user, error);
}

static int
compare(struct import_batch *batch, struct pending *pending, const struct user_record *stored, struct api_error *error)
{
	char members[USER_LINE_MEMBERS_MAX];
	struct api_error why;

	user_line_differences(&pending->line, stored, members);
	pending->outcome = OUTCOME_UNCHANGED;
	if (members[0] == '\0')
		return 0;
	if (batch->target->replace)
		return replace(batch, pending, stored, error);
	api_fail(&why, API_EXISTS, "The user %s already exists, and differs in %s; --replace makes it what %s says",
	    stored->user_name, members, batch->target->source);
	refuse(pending, &why);
	return 0;
}

/* The user's record as it is stored decides what is done. Returns -1 with *error for what isn't the line's fault. */
static int
look_and_write(struct import_batch *batch, struct pending *pending, struct api_error *error)
{
	const struct import_target *target = batch->target;
	struct user_record stored;
	int result;

	if (target->store == NULL)
		return create(batch, pending, error);
	if (store_describe_user(target->store, target->server_id, pending->line.user.user_name, &stored, error) == 0) {
		batch->users_known = true;
		result = compare(batch, pending, &stored, error);
		record_free_user(&stored);
		return result;
	}
	if (error->code == API_NOT_FOUND && strcmp(error->resource_type, "User") == 0) {
		batch->users_known = false;
		return create(batch, pending, error);
	}
	if (error->code != API_INTERNAL)
		return -1;
	if (target->replace)
		return replace(batch, pending, NULL, error);
	refuse(pending, error);
	return 0;
}

static int
write_line(struct import_batch *batch, struct pending *pending, struct api_error *error)
{
	if (pending->outcome == OUTCOME_REFUSED)
		return 0;
	if (batch->users_known || batch->target->dry_run)
		return look_and_write(batch, pending, error);
	if (create(batch, pending, error) == 0)
		return 0;
	if (error->code != API_EXISTS)
		return -1;
	return look_and_write(batch, pending, error);
}

static double
seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

/* Leaves the other writers a moment between two batches, unless reading has taken that long already. */
static void
let_others_write(const struct import_batch *batch)
{
	const struct timespec pause = { .tv_nsec = (long)(PAUSE_SECONDS * 1e9) };

	if (batch->ended.tv_sec != 0 && seconds_since(&batch->ended) < PAUSE_SECONDS)
		nanosleep(&pause, NULL);
}

/* Writes lines from `first` on until the time is up: those before *next are in. */
static int
write_some(struct import_batch *batch, size_t first, size_t *next, struct api_error *error)
{
	struct store *store = batch->target->store;
	struct timespec begun;

	let_others_write(batch);
	if (!batch->target->dry_run && store_begin(store, error) == -1)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (*next = first; *next < batch->count; (*next)++) {
		if (*next > first && *next % 16 == 0 && seconds_since(&begun) > BATCH_SECONDS)
			break;
		if (write_line(batch, &batch->pending[*next], error) == -1) {
			if (!batch->target->dry_run)
				store_abandon(store);
			return -1;
		}
	}
	if (!batch->target->dry_run && store_commit(store, error) == -1)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &batch->ended);
	return 0;
}

static void
tell(struct import_report *report, const struct pending *pending)
{
	struct api_error error;

	switch (pending->outcome) {
	case OUTCOME_CREATED:
		report->created++;
		break;
	case OUTCOME_REPLACED:
		report->replaced++;
		break;
	case OUTCOME_UNCHANGED:
		report->unchanged++;
		break;
	case OUTCOME_REFUSED:
		if (pending->refused == API_EXISTS)
			api_fail_resource(&error, API_EXISTS, "User", pending->line.user.user_name);
		else
			memset(&error, 0, sizeof(error));
		error.code = pending->refused;
		snprintf(error.message, sizeof(error.message), "%s",
		    pending->message == NULL ? "Out of memory" : pending->message);
		import_report_refused(report, pending->number, pending->line.name, &error);
		break;
	}
}

int
import_batch_write(struct import_batch *batch, size_t *committed, struct api_error *error)
{
	size_t first = 0, next, i;
	int result = 0;

	while (result == 0 && first < batch->count) {
		result = write_some(batch, first, &next, error);
		if (result == -1)
			break;
		for (i = first; i < next; i++)
			tell(batch->report, &batch->pending[i]);
		*committed = batch->pending[next - 1].number;
		first = next;
	}
	clear(batch);
	return result;
}
