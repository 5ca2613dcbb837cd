/*
 * The configuration file: a tokenizer in the manner of sshd_config(5), and a report for every fault. The keywords are
 * config_keywords.c's, what a single value may be config_value.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/host/config.h"
#include "common/host/config_keywords.h"
#include "common/host/config_value.h"
#include "common/host/paths.h"
#include "common/host/whole_io.h"
#include "common/wire/limits.h"

#define FILE_MAX    (1024 * 1024)
#define LINE_LENGTH 8192

struct parser {
	struct config *config;
	const char *name; /* the file, in reports */
	config_report *report;
	void *context;
	bool failed;
	unsigned line;
	unsigned first_line[CONFIG_KEYWORD_COUNT]; /* where each keyword stood first; 0: not yet */
};

static void fault(struct parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
fault(struct parser *parser, const char *format, ...)
{
	char text[1024];
	int used = 0;
	va_list arguments;

	parser->failed = true;
	if (parser->line > 0)
		used = snprintf(text, sizeof(text), "%.400s line %u: ", parser->name, parser->line);
	else
		used = snprintf(text, sizeof(text), "%.400s: ", parser->name);
	if (used < 0)
		return;
	va_start(arguments, format);
	vsnprintf(text + used, sizeof(text) - (size_t)used, format, arguments);
	va_end(arguments);
	parser->report(parser->context, text);
}

/* distance: how many letters to change, add or leave out to make b of a (Levenshtein), case ignored. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[32], length = strlen(b);

	if (length >= 32)
		return SIZE_MAX;
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < length; j++) {
			size_t change = diagonal + (strncasecmp(&a[i], &b[j], 1) != 0);
			size_t step = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

			diagonal = row[j + 1];
			row[j + 1] = change < step ? change : step;
		}
	}
	return row[length];
}

static void
fault_unknown(struct parser *parser, const char *name)
{
	const struct config_keyword *nearest = NULL;
	size_t least = 4; /* further away it is no misspelling */
	char list[768] = "";
	size_t used = 0;

	for (size_t i = 0; i < CONFIG_KEYWORD_COUNT; i++) {
		size_t away = distance(name, config_keywords[i].name);

		if (away < least) {
			least = away;
			nearest = &config_keywords[i];
		}
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i > 0 ? ", " : "",
			    config_keywords[i].name);
	}
	if (nearest != NULL)
		fault(parser, "%.100s: unknown keyword, is %s meant?; allowed: %s", name, nearest->name, list);
	else
		fault(parser, "%.100s: unknown keyword; allowed: %s", name, list);
}

/* Lines. */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * next_word: the next word of a line, closed with NUL in place, or NULL at the end or at a comment. A word in double
 * quotes may hold white space and '#'. *problem is set when a quote isn't closed or something sticks to it.
 */
static char *
next_word(char **at, const char **problem)
{
	char *word, *end;

	while (is_blank(**at))
		(*at)++;
	if (**at == '\0' || **at == '#')
		return NULL;
	word = *at;
	if (*word == '"') {
		end = strchr(++word, '"');
		if (end == NULL)
			*problem = "a quote isn't closed";
		else if (end[1] != '\0' && !is_blank(end[1]))
			*problem = "something follows a closing quote";
		if (*problem != NULL)
			return NULL;
	} else {
		end = word + strcspn(word, " \t");
		if (memchr(word, '"', (size_t)(end - word)) != NULL) {
			*problem = "a quote inside a word";
			return NULL;
		}
	}
	*at = *end == '\0' ? end : end + 1;
	*end = '\0';
	return word;
}

/* parse_values: the words behind the keyword, exactly as many as it takes. */
static const char *
parse_values(const struct config_keyword *keyword, char *at, char *values[2])
{
	const char *problem = NULL;
	unsigned count = 0;
	char *word;

	while ((word = next_word(&at, &problem)) != NULL) {
		if (count == keyword->value_count)
			return "too many values";
		values[count++] = word;
	}
	if (problem != NULL)
		return problem;
	return count < keyword->value_count ? "a value is missing" : NULL;
}

/* parse_line: line is closed with NUL and is written to. */
static void
parse_line(struct parser *parser, char *line)
{
	const char *problem = NULL;
	const struct config_keyword *keyword;
	char *at = line, *word, *values[2];
	unsigned *first;

	word = next_word(&at, &problem);
	if (problem != NULL)
		fault(parser, "%s; allowed: Keyword value", problem);
	if (word == NULL)
		return;
	keyword = config_keyword_find(word);
	if (keyword == NULL) {
		fault_unknown(parser, word);
		return;
	}
	first = &parser->first_line[keyword - config_keywords];
	if (*first != 0 && !keyword->repeats) {
		fault(parser, "%s: stands on line %u already; allowed: once", keyword->name, *first);
		return;
	}
	if (*first == 0)
		*first = parser->line;
	problem = parse_values(keyword, at, values);
	if (problem == NULL)
		problem = keyword->set(parser->config, values);
	if (problem != NULL)
		fault(parser, "%s: %s; allowed: %s", keyword->name, problem, keyword->allowed);
}

/* line_fault: bytes that have no place in a configuration, NUL first of all. */
static const char *
line_fault(const char *line, size_t length)
{
	if (length > LINE_LENGTH)
		return "the line is longer than 8192 bytes";
	if (memchr(line, '\0', length) != NULL)
		return "a NUL byte";
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
			return "a control character";
	return NULL;
}

static void
parse_lines(struct parser *parser, const char *text, size_t length)
{
	const char *end = text + length, *line_end, *problem;
	char line[LINE_LENGTH + 1];
	size_t size;

	for (; text < end; text = line_end < end ? line_end + 1 : end) {
		parser->line++;
		line_end = memchr(text, '\n', (size_t)(end - text));
		if (line_end == NULL)
			line_end = end;
		size = (size_t)(line_end - text);
		if (size > 0 && text[size - 1] == '\r')
			size--;
		problem = line_fault(text, size);
		if (problem != NULL) {
			fault(parser, "%s; allowed: text", problem);
			continue;
		}
		memcpy(line, text, size);
		line[size] = '\0';
		parse_line(parser, line);
	}
}

static unsigned
line_of(const struct parser *parser, const char *name)
{
	return parser->first_line[config_keyword_find(name) - config_keywords];
}

/* check_profile: the default profile against the floors, wherever in the file they stand. */
static void
check_profile(struct parser *parser)
{
	const struct config *config = parser->config;
	const char *problem = NULL;

	if (!config->has_default_profile)
		return;
	if (!id_allowed(config->default_uid, config->min_uid))
		problem = "the uid is below MinUid or reserved";
	else if (!id_allowed(config->default_gid, config->min_gid))
		problem = "the gid is below MinGid or reserved";
	if (problem == NULL)
		return;
	parser->line = line_of(parser, "DefaultPosixProfile");
	fault(parser, "DefaultPosixProfile: %s; allowed: uid from %u, gid from %u, neither %u nor %u", problem,
	    config->min_uid, config->min_gid, BERTH_USERS_GID, ID_NONE);
}

static const char *
set_defaults(struct config *config)
{
	const char *problem = config_value_string(&config->store, "sqlite:/var/lib/berth/berth.db");

	if (problem == NULL)
		problem = config_value_string(&config->user, "berth");
	if (problem == NULL)
		problem = config_value_string(&config->keys_user, "berth-keys");
	if (problem == NULL)
		problem = config_value_string(&config->session_user, "berth-session");
	if (problem == NULL)
		problem = config_value_string(&config->data_root, "/srv/berth");
	if (problem == NULL)
		problem = config_value_string(&config->region, "us-east-1");
	if (problem == NULL)
		problem = config_value_string(&config->account_id, "000000000000");
	if (problem == NULL)
		problem = config_value_string(&config->transfer_log_file, BERTH_TRANSFER_LOG);
	if (problem == NULL)
		problem = config_value_string(&config->api_keys_file, BERTH_API_KEYS);
	if (problem == NULL)
		problem = config_value_string(&config->api_log_file, BERTH_API_LOG);
	if (problem == NULL)
		problem = config_value_string(&config->cache_file, BERTH_CACHE_FILE);
	if (problem == NULL)
		problem = config_value_listen(&config->api_listen, "127.0.0.1:8443");
	config->api_rate = 100;
	config->create_home = true;
	config->min_uid = config->min_gid = ID_FLOOR;
	config->min_rsa_bits = 2048;
	config->target_seconds = 10;
	config->transfer_log = TRANSFER_LOG_BEST_EFFORT;
	config->transfer_log_grace = 30;
	config->cache_seconds = 60;
	config->stale_seconds = 86400;
	config->lookup_seconds = 5;
	return problem;
}

int
config_parse(struct config *config, const char *name, const char *text, size_t length, config_report *report,
    void *context)
{
	struct parser parser = { .config = config, .name = name, .report = report, .context = context };
	const char *problem;

	memset(config, 0, sizeof(*config));
	problem = set_defaults(config);
	if (problem != NULL) {
		fault(&parser, "%s", problem);
		return -1;
	}
	parse_lines(&parser, text, length);
	check_profile(&parser);
	return parser.failed ? -1 : 0;
}

/* open_safely: open first, then look at what was opened: nobody can change it in between. Returns a descriptor or -1. */
static int
open_safely(struct parser *parser)
{
	struct stat status;
	int fd = open(parser->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		fault(parser, "%s", errno == ELOOP ? "is a symbolic link; allowed: a regular file" : strerror(errno));
		return -1;
	}
	if (fstat(fd, &status) != 0)
		fault(parser, "%s", strerror(errno));
	else if (!S_ISREG(status.st_mode))
		fault(parser, "not a regular file");
	else if (status.st_uid != 0 && status.st_uid != geteuid())
		fault(parser, "belongs to uid %u; allowed: root", status.st_uid);
	else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		fault(parser, "mode %04o; allowed: writable by its owner alone", status.st_mode & 07777);
	else if (status.st_size > FILE_MAX)
		fault(parser, "larger than 1 MiB");
	else
		return fd;
	close(fd);
	return -1;
}

int
config_load(struct config *config, const char *path, config_report *report, void *context)
{
	struct parser parser = { .config = config, .name = path, .report = report, .context = context };
	char *text = NULL;
	ssize_t length;
	int fd, result = -1;

	memset(config, 0, sizeof(*config));
	fd = open_safely(&parser);
	if (fd < 0)
		return -1;
	text = malloc(FILE_MAX + 1);
	if (text == NULL) {
		fault(&parser, "%s", CONFIG_OUT_OF_MEMORY);
		goto out;
	}
	/* One byte more than is allowed: it may have grown since it was looked at. */
	length = whole_read(fd, text, FILE_MAX + 1, 0);
	if (length < 0)
		fault(&parser, "%s", strerror(errno));
	else if (length > FILE_MAX)
		fault(&parser, "larger than 1 MiB");
	else
		result = config_parse(config, path, text, (size_t)length, report, context);
out:
	free(text);
	close(fd);
	return result;
}

void
config_free(struct config *config)
{
	for (size_t i = 0; i < config->bucket_count; i++) {
		free(config->buckets[i].name);
		free(config->buckets[i].path);
	}
	free(config->buckets);
	free(config->share_uids);
	free(config->server_id);
	free(config->store);
	free(config->store_credentials);
	free(config->store_profile);
	free(config->store_ca_file);
	free(config->cache_file);
	free(config->user);
	free(config->keys_user);
	free(config->session_user);
	free(config->transfer_log_file);
	free(config->api_certificate);
	free(config->api_certificate_key);
	free(config->api_keys_file);
	free(config->api_log_file);
	free(config->api_metrics_token_file);
	free(config->data_root);
	free(config->region);
	free(config->account_id);
	free(config->host_public_key);
	memset(config, 0, sizeof(*config));
}

bool
config_store_is_remote(const struct config *config)
{
	return strncmp(config->store, CONFIG_REMOTE_STORE, strlen(CONFIG_REMOTE_STORE)) == 0;
}

bool
config_listens_on_loopback(const struct config *config)
{
	const struct in6_addr *address = &config->api_listen.address;

	return IN6_IS_ADDR_LOOPBACK(address) || (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

bool
config_shares_uid(const struct config *config, uint32_t uid)
{
	for (size_t i = 0; i < config->share_uid_count; i++)
		if (config->share_uids[i] == uid)
			return true;
	return false;
}
