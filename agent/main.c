/*
 * berthd: answers who Berth's users are, from the store, as an unprivileged user. Always in the foreground.
 */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/agent.h"
#include "agent/clashes.h"
#include "agent/listener.h"
#include "agent/metrics.h"
#include "agent/remote/fetch.h"
#include "agent/remote/remote.h"
#include "agent/server.h"
#include "common/host/config_reports.h"
#include "common/host/daemon.h"
#include "common/host/daemon_log.h"
#include "common/host/daemon_options.h"
#include "common/host/identity.h"
#include "common/host/line_file.h"
#include "common/host/paths.h"
#include "common/host/service_manager.h"

#define STOP_SECONDS 2 /* for open connections after SIGTERM */
#define THREADS_MS   200 /* and then for threads that fetch records */

struct program {
	struct agent agent;
	struct event_base *base;
	struct server *server;
	struct event *term, *interrupt, *hangup, *alive;
	bool threads_left; /* that fetch for nobody any more */
};

/* go_home: credentials are looked for in the home directory of who the agent is, not of who started it. */
static void
go_home(void)
{
	const struct passwd *account = getpwuid(geteuid());

	if (account != NULL)
		setenv("HOME", account->pw_dir, 1);
}

/* test_users: the accounts that the configuration names must be the host's. */
static void
test_users(const struct agent *agent, int *faults)
{
	const char *names[] = { agent->config.user, agent->config.keys_user, agent->config.session_user };
	const char *keywords[] = { "User", "KeysUser", "SessionUser" };
	/* Without a transfer log nothing runs as SessionUser. */
	size_t count = agent->config.transfer_log != TRANSFER_LOG_OFF ? 3 : 2;
	struct local_accounts accounts;
	uint32_t uid;
	int found;

	local_accounts_init(&accounts);
	for (size_t i = 0; i < count; i++) {
		found = local_accounts_uid(&accounts, names[i], &uid);
		if (found > 0)
			continue;
		(*faults)++;
		fprintf(stderr, "%s: %s: %s\n", keywords[i], names[i],
		    found < 0 ? strerror(errno) : "no such account in " BERTH_PASSWD_FILE);
	}
	local_accounts_free(&accounts);
}

/* test_remote: asked with the credentials, and into the cache, that the agent will use. */
static void
test_remote(const struct config *config, int *faults)
{
	struct api_error error = { 0 };

	if (config->server_id == NULL || fetch_test(config, &error) == 0)
		return;
	(*faults)++;
	if (error.code == API_NOT_FOUND)
		fprintf(stderr, "ServerId %s: %s; `berth admin list-servers` shows those of %s\n", config->server_id,
		    error.message, config->store);
	else
		fprintf(stderr, "Store %s: %s\n", config->store, error.message);
}

/* test_store: opened as the user who will have to. */
static void
test_store(const struct agent *agent, int *faults)
{
	const struct config *config = &agent->config;
	struct server_record server = { 0 };
	struct api_error error = { 0 };
	struct store *store = NULL;

	if (config_store_is_remote(config)) {
		test_remote(config, faults);
		return;
	}
	if (store_open(config->store, STORE_READ, &store, &error) != 0) {
		(*faults)++;
		fprintf(stderr, "%s\n", error.message);
		return;
	}
	if (config->server_id != NULL && store_describe_server(store, config->server_id, &server, &error) != 0) {
		(*faults)++;
		fprintf(stderr, "ServerId %s: %s", config->server_id, error.message);
		if (error.code == API_NOT_FOUND)
			fprintf(stderr, "; `berth admin list-servers` shows those of %s", config->store);
		fputc('\n', stderr);
	}
	record_free_server(&server);
	store_close(store);
}

/* test_transfer_log: as the user who will have to write it. */
static void
test_transfer_log(const struct agent *agent, int *faults)
{
	const struct config *config = &agent->config;
	const char *problem = config->transfer_log != TRANSFER_LOG_OFF ? line_file_test(config->transfer_log_file) : NULL;

	if (problem == NULL)
		return;
	(*faults)++;
	fprintf(stderr, "TransferLogFile: %s: %s\n", config->transfer_log_file, problem);
}

/* test_configuration: berthd -t. Says all that is wrong, and nothing when all is well. Returns the exit status. */
static int
test_configuration(struct agent *agent)
{
	int faults = 0;

	if (config_load(&agent->config, agent->config_file, config_print_fault, &faults) != 0)
		return 1;
	if (agent->config.server_id == NULL) {
		faults++;
		fprintf(stderr, "%s: ServerId is missing: `berth admin create-server` makes a server and shows its id\n",
		    agent->config_file);
	}
	test_users(agent, &faults);
	if (identity_become(agent->config.user) != 0) {
		fprintf(stderr, "User: can't become %s: %s\n", agent->config.user, identity_problem(errno));
		return 1;
	}
	go_home();
	test_store(agent, &faults);
	test_transfer_log(agent, &faults);
	return faults > 0 ? 1 : 0;
}

static void
on_all_answered(void *context)
{
	struct program *program = context;

	event_base_loopbreak(program->base);
}

static void
on_stop(evutil_socket_t signal_number, short what, void *context)
{
	struct program *program = context;
	struct timeval limit = { .tv_sec = STOP_SECONDS };

	(void)what;
	daemon_log(LOG_INFO, "stopping: signal=%s", signal_number == SIGTERM ? "TERM" : "INT");
	if (event_base_loopexit(program->base, &limit) != 0)
		event_base_loopbreak(program->base);
	if (program->agent.store.remote != NULL)
		remote_hurry(program->agent.store.remote);
	server_stop(program->server, on_all_answered, program);
}

/* say_closed_in: berthd.service lets the agent of a local store have no network at all. */
static void
say_closed_in(const struct config *config)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int fd;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		fd = socket(families[i], SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0)
			close(fd);
		if (fd >= 0 || errno != EAFNOSUPPORT)
			return;
	}
	daemon_log(LOG_ERR, "the service may not use the network, so the store can't be asked: store=%s "
	    "missing=\"" BERTH_REMOTE_DROP_IN " in /etc/systemd/system/berthd.service.d\"", config->store);
}

/* start_remote: when the store is kept elsewhere. */
static void
start_remote(struct program *program)
{
	struct agent *agent = &program->agent;

	agent->store.remote = NULL;
	if (!config_store_is_remote(&agent->config) || agent->config.server_id == NULL)
		return;
	say_closed_in(&agent->config);
	identity_hide_memory(); /* credentials will lie in it, and berth-api may be the same user */
	agent->store.remote = remote_start(program->base, &agent->config);
	if (agent->store.remote == NULL)
		daemon_log(LOG_ERR, "store can't be asked: store=%s reason=\"%s\"", agent->config.store, strerror(errno));
}

/* reload_configuration: false when the old one stays. */
static bool
reload_configuration(struct agent *agent)
{
	struct config fresh;

	if (config_load(&fresh, agent->config_file, config_log_fault, NULL) != 0) {
		daemon_log(LOG_ERR, "configuration not reloaded, the old one stays: file=%s", agent->config_file);
		config_free(&fresh);
		metrics_add(METRIC_RELOAD_ERRORS, 1);
		return false;
	}
	if (strcmp(fresh.user, agent->config.user) != 0)
		daemon_log(LOG_WARNING, "User changes only when berthd is started anew: user=%s", agent->config.user);
	config_free(&agent->config);
	agent->config = fresh;
	metrics_add(METRIC_RELOADS, 1);
	daemon_log(LOG_INFO, "configuration reloaded: file=%s", agent->config_file);
	return true;
}

static void
on_reload(evutil_socket_t signal_number, short what, void *context)
{
	struct program *program = context;
	struct agent *agent = &program->agent;
	bool fresh = reload_configuration(agent);
	struct remote *remote;

	(void)signal_number;
	(void)what;
	/* Whatever the configuration is like: logrotate may have sent the signal. */
	transfer_log_reopen(agent->transfer_log, agent->config.transfer_log_file,
	    agent->config.transfer_log != TRANSFER_LOG_OFF);
	if (!fresh)
		return;
	store_handle_close(&agent->store);
	remote = agent->store.remote;
	start_remote(program);
	/* Who waits for the old one looks again, at whatever there is now. What it fetches still, it fetches for nobody. */
	if (remote != NULL && !remote_stop(remote, 0))
		program->threads_left = true;
	store_handle_get(&agent->store, &agent->config);
	clashes_report(agent);
}

static struct event *
on_signal(struct program *program, int signal_number, event_callback_fn callback)
{
	struct event *event = evsignal_new(program->base, signal_number, callback, program);

	if (event != NULL && evsignal_add(event, NULL) != 0) {
		event_free(event);
		return NULL;
	}
	return event;
}

static void
on_alive(evutil_socket_t nothing, short what, void *context)
{
	(void)nothing;
	(void)what;
	(void)context;
	service_manager_alive();
}

/* watch: signs of life come from the loop itself, so that one that hangs sends none. False when there is no memory. */
static bool
watch(struct program *program)
{
	int interval = service_manager_interval();
	struct timeval every = { .tv_sec = interval / 1000, .tv_usec = interval % 1000 * 1000 };

	if (interval == 0)
		return true;
	program->alive = event_new(program->base, -1, EV_PERSIST, on_alive, NULL);
	return program->alive != NULL && event_add(program->alive, &every) == 0;
}

/* make_loop: the event loop and all that hangs on it; owns the listener from now on. */
static int
make_loop(struct program *program, int listener)
{
	struct event_config *event_config = event_config_new();

	if (event_config != NULL &&
	    event_config_set_flag(event_config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) == 0)
		program->base = event_base_new_with_config(event_config);
	if (event_config != NULL)
		event_config_free(event_config);
	if (program->base == NULL) {
		close(listener);
		return -1;
	}
	program->server = server_new(program->base, &program->agent, listener);
	program->term = on_signal(program, SIGTERM, on_stop);
	program->interrupt = on_signal(program, SIGINT, on_stop);
	program->hangup = on_signal(program, SIGHUP, on_reload);
	if (program->server == NULL || program->term == NULL || program->interrupt == NULL || program->hangup == NULL ||
	    !watch(program))
		return -1;
	return 0;
}

static void
program_free(struct program *program)
{
	struct event *events[] = { program->term, program->interrupt, program->hangup, program->alive };

	server_free(program->server);
	if (program->agent.store.remote != NULL && !remote_stop(program->agent.store.remote, THREADS_MS))
		program->threads_left = true;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (events[i] != NULL)
			event_free(events[i]);
	}
	if (program->base != NULL)
		event_base_free(program->base);
	transfer_log_stop(program->agent.transfer_log);
	store_handle_close(&program->agent.store);
	local_accounts_free(&program->agent.accounts);
	config_free(&program->agent.config);
}

/* start: up to the point where requests are answered. What needs root comes first. */
static int
start(struct program *program)
{
	struct agent *agent = &program->agent;
	int listener;

	if (config_load(&agent->config, agent->config_file, config_log_fault, NULL) != 0)
		return -1;
	daemon_raise_limits();
	listener = listener_open();
	if (listener < 0)
		return -1;
	if (identity_become(agent->config.user) != 0) {
		daemon_log(LOG_ERR, "can't become the User of the configuration: user=%s reason=\"%s\"", agent->config.user,
		    identity_problem(errno));
		close(listener);
		return -1;
	}
	go_home();
	metrics_start();
	local_accounts_init(&agent->accounts);
	agent->transfer_log = transfer_log_start(agent->config.transfer_log_file,
	    agent->config.transfer_log != TRANSFER_LOG_OFF);
	if (agent->transfer_log == NULL) {
		daemon_log(LOG_ERR, "no thread for the transfer log: reason=\"%s\"", strerror(errno));
		close(listener);
		return -1;
	}
	if (make_loop(program, listener) != 0) {
		daemon_log(LOG_ERR, "no event loop: reason=\"%s\"", strerror(errno));
		return -1;
	}
	return 0;
}

/* say_started: and what an operator should know about at once; none of it keeps the agent from serving. */
static void
say_started(struct program *program)
{
	struct agent *agent = &program->agent;
	const struct config *config = &agent->config;
	uint32_t uid;

	daemon_log(LOG_INFO, "started version=%s server=%s store=%s user=%s", BERTH_VERSION,
	    config->server_id != NULL ? config->server_id : "-", config->store, config->user);
	if (local_accounts_uid(&agent->accounts, config->keys_user, &uid) <= 0)
		daemon_log(LOG_WARNING, "KeysUser has no account, so nobody but root gets keys: keys_user=%s",
		    config->keys_user);
	if (config->transfer_log != TRANSFER_LOG_OFF &&
	    local_accounts_uid(&agent->accounts, config->session_user, &uid) <= 0)
		daemon_log(LOG_WARNING, "SessionUser has no account, so no session has a log: session_user=%s",
		    config->session_user);
	start_remote(program);
	store_handle_get(&agent->store, config);
	clashes_report(agent);
}

int
main(int argc, char **argv)
{
	struct program program = { 0 };
	struct daemon_options options;
	int status = daemon_options_parse(&options, "berthd", "the configuration, store and transfer log", argc, argv);

	if (status >= 0)
		return status;
	if (daemon_prepare() != 0) {
		fprintf(stderr, "berthd: %s\n", strerror(errno));
		return 1;
	}
	program.agent.config_file = options.config_file;
	if (options.test) {
		status = test_configuration(&program.agent);
		program_free(&program);
		return status;
	}
	/* Who starts it by hand reads on stderr why it doesn't. */
	daemon_log_open("berthd", !options.log_to_stderr, true);
	service_manager_find();
	if (start(&program) != 0) {
		program_free(&program);
		return 1;
	}
	daemon_log_open("berthd", !options.log_to_stderr, options.log_to_stderr);
	say_started(&program);
	service_manager_ready();
	status = event_base_dispatch(program.base) < 0 ? 1 : 0;
	program_free(&program);
	daemon_log(LOG_INFO, "stopped");
	/* A library's clean-up at exit would pull the rug from under a thread that is in the middle of it. */
	if (program.threads_left)
		_exit(status);
	return status;
}
