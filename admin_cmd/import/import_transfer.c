/*
 * The run. Credentials and the CA file are the caller's, and are read first; then the process is the store's user, and only
 * then a byte comes from the service.
 */
#include "admin_cmd/import/import_transfer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin_cmd/import/import_source.h"
#include "admin_cmd/local_store.h"
#include "common/host/identity.h"
#include "common/model/patterns.h"
#include "common/model/record_json.h"
#include "common/store/store_operations.h"
#include "common/wire/deadline.h"

#define COMMAND "berth import"

/* Little is lost to a kill, and memory doesn't depend on how many users there are. */
#define WRITE_USERS 256
#define WRITE_MS    500

static volatile sig_atomic_t signal_seen;

struct run {
	const struct import_flags *flags;
	const struct config *config;
	struct import_report *report;
	struct import_transfer_report told;
	struct import_remote remote;
	struct import_target target;
	struct import_host host;
	struct import_batch *batch;
	size_t pending;        /* users in the batch */
	int64_t pending_since; /* the first of them */
	size_t committed;      /* of lines, of which there are none */
	size_t there;          /* users there, as the server says; 0: not known */
};

static int
complain(const struct api_error *error)
{
	fprintf(stderr, COMMAND ": %s\n", error->message);
	return -1;
}

/* -- the servers -- */

/* Opens the store, which may have to be made. In a dry run it stays NULL where there is none. */
static int
open_store(struct run *run)
{
	const struct config *config = run->config;
	bool may_make = strcmp(run->target.server_id, run->told.from_server_id) == 0;
	enum store_mode mode = run->flags->dry_run ? STORE_READ : may_make ? STORE_CREATE : STORE_WRITE;
	struct api_error error;
	const char *path = store_sqlite_path(config->store, &error);

	if (path != NULL && mode == STORE_READ && may_make && access(path, F_OK) == -1 && errno == ENOENT)
		return 0;
	return store_open(config->store, mode, &run->target.store, &error) == 0 ? 0 : complain(&error);
}

static int
make_server(struct run *run, cJSON *described)
{
	const char *id = run->target.server_id;
	struct api_error error;

	run->told.made = true;
	if (run->flags->dry_run) {
		store_close(run->target.store);
		run->target.store = NULL;
		return 0;
	}
	return import_server_make(run->target.store, id, described, run->report->left, &error) == 0 ? 0 : complain(&error);
}

/* The server that the users go to: one that is there, or the same one as there. */
static int
prepare_server(struct run *run, cJSON *described)
{
	const char *id = run->target.server_id;
	struct api_error error;
	bool online;
	int found;

	if (open_store(run) == -1)
		return -1;
	found = run->target.store == NULL ? 0 : store_find_server(run->target.store, id, &online, &error);
	if (found == -1)
		return complain(&error);
	if (found == 1)
		return 0;
	if (strcmp(id, run->told.from_server_id) == 0)
		return make_server(run, described);
	fprintf(stderr, COMMAND ": the store has no server %s. It is made only under the id that it has there: "
	    "--server-id %s\n", id, run->told.from_server_id);
	return -1;
}

static cJSON *
find_servers(struct run *run, struct store *store)
{
	const struct import_flags *flags = run->flags;
	char *id = run->told.from_server_id;
	struct api_error error;
	cJSON *described;
	double count;

	if (import_server_find(&run->remote, store, flags->transfer.from_server_id, id, &error) == -1 ||
	    (described = import_server_describe(&run->remote, store, id, run->report->left, &error)) == NULL) {
		complain(&error);
		return NULL;
	}
	count = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(described, "UserCount"));
	run->there = count > 0 && count < 1e9 ? (size_t)count : 0;
	run->target.server_id = flags->server_id != NULL ? flags->server_id :
	    run->config->server_id != NULL ? run->config->server_id : id;
	run->told.server_id = run->target.server_id;
	return described;
}

static int
prepare(struct run *run)
{
	struct store *store = NULL;
	struct api_error error;
	cJSON *described;
	int result = -1;

	if (transfer_open(run->remote.remote, &store, &error) == -1)
		return complain(&error);
	described = find_servers(run, store);
	if (described != NULL)
		result = prepare_server(run, described);
	cJSON_Delete(described);
	store_close(store);
	return result;
}

/* -- the users -- */

static int
write_batch(struct run *run, struct api_error *error)
{
	run->pending = 0;
	return import_batch_write(run->batch, &run->committed, error);
}

static void
refuse(struct run *run, const struct import_fetched *fetched)
{
	struct api_error error = { .code = fetched->code };

	snprintf(error.message, sizeof(error.message), "%s", fetched->message == NULL ? "Out of memory" : fetched->message);
	import_report_refused(run->report, 0, fetched->name, &error);
}

static void
take_user(struct run *run, struct import_fetched *fetched)
{
	struct import_left *left = run->report->left;
	const struct import_note *note;

	if (fetched->gone) {
		import_left_note(left, LEFT_GONE, 0, fetched->name, "%s", "");
		return;
	}
	run->report->lines++;
	if (fetched->refused) {
		refuse(run, fetched);
		return;
	}
	for (note = fetched->notes; note != NULL; note = note->next)
		import_left_note(left, note->kind, 0, fetched->name, "%s", note->text);
	import_user_tell(&run->host, &fetched->line.user);
	if (run->pending++ == 0)
		run->pending_since = deadline_now();
	import_batch_take(run->batch, &fetched->line);
}

/* Returns 0, or -1 with *error for a fault of the store. */
static int
take_users(struct run *run, struct import_fetched *fetched, struct api_error *error)
{
	struct import_fetched *next;
	int result = 0;

	for (; fetched != NULL; fetched = next) {
		next = fetched->next;
		if (result == 0)
			take_user(run, fetched);
		import_fetched_free(fetched);
		if (result == 0 && (run->pending >= WRITE_USERS || import_batch_full(run->batch)))
			result = write_batch(run, error);
	}
	if (result == 0 && run->pending > 0 && deadline_now() - run->pending_since > WRITE_MS)
		result = write_batch(run, error);
	return result;
}

static size_t
done(const struct import_report *report)
{
	return report->created + report->replaced + report->unchanged + report->refused;
}

static void
show_progress(struct run *run, struct import_crew *crew)
{
	struct import_report *report = run->report;
	size_t count = done(report) + run->pending;

	run->told.skipped = import_crew_skipped(crew);
	report->progress.more = import_pace_waits(&run->remote.pace) ? ", waiting for the service's rate limit" : "";
	progress_users(&report->progress, count, count + run->told.skipped);
}

/* Until all is in, or it can't go on (-1 with *error), or somebody has had enough (1). */
static int
collect(struct run *run, struct import_crew *crew, struct api_error *error)
{
	struct import_fetched *fetched;
	struct api_error fault;
	int more, result = 0;

	do {
		more = import_crew_take(crew, &fetched, error);
		if (take_users(run, fetched, &fault) == -1) {
			*error = fault;
			return -1;
		}
		show_progress(run, crew);
	} while (more == 1 && signal_seen == 0);
	if (more == -1)
		result = -1;
	else if (more == 1)
		result = 1;
	if (write_batch(run, &fault) == -1) {
		*error = fault;
		result = -1;
	}
	run->told.skipped = import_crew_skipped(crew);
	run->told.complete = result == 0;
	return result;
}

static void
on_signal(int number)
{
	signal_seen = number;
}

/* The first one ends the import; the second one the process. */
static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static void
tell_end(const struct run *run, int result, const struct api_error *error)
{
	const char *again = run->flags->dry_run || run->flags->replace ? "" :
	    "; the same command with --resume goes on from there";

	if (result == -1)
		fprintf(stderr, COMMAND ": %s\n", error->message);
	if (result != 0)
		fprintf(stderr, COMMAND ": %s with %zu users done%s\n", result == 1 ? "interrupted" : "it ended",
		    done(run->report), again);
}

/* Prints what came of it. Returns an exit code. */
static int
finish(struct run *run, int result, const struct api_error *error)
{
	progress_clear(&run->report->progress);
	tell_end(run, result, error);
	if (import_report_print(run->report) == -1 || result != 0)
		return COMMAND_FAILED;
	return run->report->refused > 0 ? COMMAND_SOME_REFUSED : COMMAND_OK;
}

static int
copy_users(struct run *run)
{
	const struct import_crew_options options = {
		.remote = &run->remote, .config = run->config, .from_server_id = run->told.from_server_id,
		.server_id = run->target.server_id, .resume = run->flags->transfer.resume && run->target.store != NULL,
	};
	struct import_crew *crew;
	struct api_error error;
	int result, code;

	catch_signals();
	progress_start(&run->report->progress, true, run->there);
	if ((crew = import_crew_start(&options)) == NULL)
		return COMMAND_FAILED;
	result = collect(run, crew, &error);
	code = finish(run, result, &error);
	if (!import_crew_end(crew)) {
		/* Their calls may last another while, and what they use must stay: the process ends here. */
		store_close(run->target.store);
		run->target.store = NULL;
		fflush(NULL);
		if (result != 1)
			_exit(code);
	}
	if (result == 1) {
		store_close(run->target.store);
		run->target.store = NULL;
		fflush(NULL);
		signal(signal_seen, SIG_DFL);
		raise(signal_seen);
	}
	return code;
}

static int
import_users(struct run *run)
{
	int code = COMMAND_FAILED;

	if ((run->host.accounts = import_accounts_load()) == NULL)
		fprintf(stderr, COMMAND ": /etc/passwd: %s\n", strerror(errno));
	else if (prepare(run) == 0) {
		if ((run->batch = import_batch_new(&run->target, run->report)) == NULL)
			fputs(COMMAND ": no memory\n", stderr);
		else
			code = copy_users(run);
	}
	import_batch_free(run->batch);
	import_buckets_free(&run->host.buckets);
	import_accounts_free(run->host.accounts);
	store_close(run->target.store);
	return code;
}

int
import_transfer(const struct import_flags *flags, const struct config *config, struct import_report *report)
{
	struct run run = {
		.flags = flags, .config = config, .report = report, .host = { .config = config, .left = report->left },
		.target = { .config = config, .source = "the service", .replace = flags->replace,
		    .dry_run = flags->dry_run },
	};
	int code = COMMAND_FAILED;

	identity_hide_memory();
	report->transfer = &run.told;
	run.told.config_has_server = config->server_id != NULL;
	if (import_remote_open(&run.remote, &flags->transfer, config) == 0) {
		snprintf(run.told.from, sizeof(run.told.from), "%s", run.remote.name);
		if (local_store_become(COMMAND, config) == 0) {
			identity_hide_memory();
			code = import_users(&run);
		}
		import_remote_close(&run.remote);
	}
	report->transfer = NULL;
	return code;
}
