/* A store kept elsewhere, and what this host has kept of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_cmd/doctor/apart.h"
#include "admin_cmd/doctor/places.h"
#include "admin_cmd/doctor/records.h"
#include "admin_cmd/run_program.h"
#include "common/host/identity.h"
#include "common/host/paths.h"
#include "common/store/cache/cache.h"

#define LINK "store"
#define CACHE "cache"
#define BERTHD "/usr/sbin/berthd"
#define SECONDS 10
#define USERS_TRIED 64
#define DROP_IN_CURE "install -D -m 0644 -t /etc/systemd/system/berthd.service.d " BERTH_REMOTE_DROP_IN \
    " && systemctl daemon-reload && systemctl restart berthd"

static bool
begins(const char *line, const char *word)
{
	return strncmp(line, word, strlen(word)) == 0;
}

/* write_store_cure: by what the line says. */
static void
write_store_cure(const struct config *config, const char *line, char *cure)
{
	char word[PATH_MAX];

	if (config->store_credentials != NULL && strstr(line, config->store_credentials) != NULL)
		cure_format(cure, "chown -h %s: %s && chmod 0600 %s", config->user, place_word(config->store_credentials,
		    word), word);
	else
		cure_format(cure, "See that %s can be reached from here and that its access key is good: docs/fleet.md says "
		    "what each "
		    "message means.", config->store);
}

/* take_line: one of berthd -t's. What isn't of the store other links look at. */
static void
take_line(struct checks *checks, const char *line)
{
	char cure[CURE_MAX];

	if (strstr(line, "this host's clock is ") != NULL) {
		checks->clock_skewed = true;
		check_fault(checks, "clock", "timedatectl set-ntp true", "%s", line);
		return;
	}
	if (begins(line, "ServerId "))
		cure_format(cure, "Let ServerId in %s be one of `berth admin list-servers`, then reload berthd.",
		    checks->doctor->config_file);
	else if (begins(line, "Store ") && strstr(line, "CacheFile: ") != NULL)
		cure_format(cure, "install -d -m 0700 -o %s -g %s /var/lib/berth, if that is where CacheFile lies.",
		    checks->config->user, checks->config->user);
	else if (begins(line, "Store "))
		write_store_cure(checks->config, line, cure);
	else
		return;
	check_fault(checks, LINK, cure, "%s", line);
}

/* ask_store: the agent's own test, with its credentials and its patience. */
static void
ask_store(struct checks *checks)
{
	const char *const argv[] = { BERTHD, "-t", "-f", checks->doctor->config_file, NULL };
	const struct program_options options = { .seconds = 3 * LOOKUP_SECONDS_MAX };
	size_t before = checks->findings->count;
	struct program_result result;
	char *at, *line;

	if (run_program(argv, &options, &result) != 0) {
		check_fault(checks, LINK, "apt-get install --reinstall berth", BERTHD ": %s", strerror(errno));
		program_free(&result);
		return;
	}
	for (at = result.errors; (line = strsep(&at, "\n")) != NULL;)
		take_line(checks, line);
	if (result.timed_out)
		check_fault(checks, LINK, "Look at the network and the name servers of this host.",
		    "%s gives no answer", checks->config->store);
	if (checks->findings->count == before) {
		checks->store_well = true;
		check_ok(checks, LINK, "%s answers, and has server %s", checks->config->store,
		    checks->config->server_id);
	}
	program_free(&result);
}

/* check_unit: berthd.service has no network by itself. */
static void
check_unit(struct checks *checks)
{
	static const char *const argv[] = { SYSTEMCTL_PROGRAM, "show", "--property=PrivateNetwork", "--value",
	    "berthd.service",
		NULL };
	struct program_result result;

	if (!checks_systemd())
		return;
	if (run_program(argv, NULL, &result) == 0 && begins(result.output, "yes"))
		check_fault(checks, LINK, DROP_IN_CURE,
		    "berthd.service may not use the network, so the agent can't ask %s", checks->config->store);
	program_free(&result);
}

/* What the cache holds. */
struct survey {
	size_t fresh, stale, expired;
	int64_t newest; /* seconds since it was asked for; -1: not known */
	size_t count;
	char names[USERS_TRIED][USER_NAME_MAX + 1]; /* of those who are served */
};

static int
count_record(void *context, const struct cached_record *record)
{
	struct survey *survey = context;

	if (record->user_name[0] == '\0')
		return 0;
	survey->fresh += record->state == CACHE_FRESH;
	survey->stale += record->state == CACHE_STALE;
	survey->expired += record->state == CACHE_ABSENT;
	if (record->age_seconds >= 0 && (survey->newest < 0 || record->age_seconds < survey->newest))
		survey->newest = record->age_seconds;
	if (record->state != CACHE_ABSENT && survey->count < USERS_TRIED)
		snprintf(survey->names[survey->count++], USER_NAME_MAX + 1, "%s", record->user_name);
	return 0;
}

/* judge_survey: what is stale is asked for at the next login, and that is fine; unless nobody can be asked. */
static void
judge_survey(struct checks *checks, const struct survey *survey)
{
	size_t all = survey->fresh + survey->stale + survey->expired;

	if (checks->store_well || survey->stale + survey->expired == 0)
		check_ok(checks, CACHE, "%s: %zu user%s, %zu of them fresh", checks->config->cache_file,
		    all, all == 1 ? "" : "s", survey->fresh);
	else
		check_warning(checks, CACHE,
		    "Mend the store, or raise StaleSeconds in berth.conf before more of them expire.",
		    "the store can't be asked, so these records are as of then: %zu stale, the newest %lld s old; %zu "
		    "expired, who can't "
		    "log in", survey->stale, (long long)survey->newest, survey->expired);
}

static void
look_at_records(struct checks *checks, struct cache *cache, struct probe *probe)
{
	struct survey *survey = calloc(1, sizeof(*survey));
	struct api_error error;

	if (survey == NULL)
		return;
	survey->newest = -1;
	if (cache_each(cache, count_record, survey, &error) != 0)
		check_warning(checks, CACHE, "berth cache drop --all", "%s", error.message);
	else
		judge_survey(checks, survey);
	for (size_t i = 0; i < survey->count; i++)
		if (records_try(checks, cache_store(cache), survey->names[i], probe))
			break;
	records_check_names(checks, cache_store(cache));
	free(survey);
}

static void
look_at_cache(struct checks *checks, void *shared)
{
	const struct cache_options options = cache_options_of(checks->config);
	struct cache *cache = NULL;
	struct api_error error;

	if (cache_open(&options, false, &cache, &error) == 0)
		look_at_records(checks, cache, shared);
	else if (error.code == API_NOT_FOUND)
		check_ok(checks, CACHE, "%s: nothing is kept yet", checks->config->cache_file);
	else
		check_warning(checks, CACHE, "berth cache drop --all", "%s", error.message);
	cache_close(cache);
}

void
check_remote(struct checks *checks)
{
	const char *user = checks->config->user;

	if (!checks->doctor->configured || !config_store_is_remote(checks->config))
		return;
	if (checks->config->server_id == NULL || !checks->accounts_well) {
		check_unknown(checks, LINK, "it takes a ServerId and User to look");
		return;
	}
	check_unit(checks);
	ask_store(checks);
	if (apart_run(checks, user, SECONDS, look_at_cache, &checks->probe, sizeof(checks->probe)) != 0)
		check_warning(checks, CACHE, "Look at the disk that it lies on.", "%s can't be looked at: %s",
		    checks->config->cache_file, errno == ETIMEDOUT ? "no answer" : identity_problem(errno));
	checks->probe.name[USER_NAME_MAX] = '\0';
}
