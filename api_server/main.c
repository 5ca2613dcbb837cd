/*
 * berth-api: the Transfer API over HTTP, as an unprivileged user. Always in the foreground.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api_server/api.h"
#include "api_server/http_server.h"
#include "api_server/http_socket.h"
#include "api_server/self_test.h"
#include "common/host/config_reports.h"
#include "common/host/daemon.h"
#include "common/host/daemon_log.h"
#include "common/host/daemon_options.h"
#include "common/host/identity.h"
#include "common/host/service_manager.h"
#include "common/wire/deadline.h"

#define TICK_MILLISECONDS 1000
#define FULL_MILLISECONDS 20 /* how often it is looked whether one more may be accepted again */

struct program {
	const char *config_file;
	struct api api;
	struct http_server *server;
	int signals; /* a signalfd */
};

/* keep_memory_small: a large request's memory goes back to the kernel with it, and threads share their heaps. */
static void
keep_memory_small(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
}

/* is_same_place: member by member: what lies between them isn't the configuration's. */
static bool
is_same_place(const struct config_listen *one, const struct config_listen *other)
{
	return IN6_ARE_ADDR_EQUAL(&one->address, &other->address) && one->port == other->port;
}

/* say_unchanged: what a new configuration can't change, since it took root, or since clients are connected. */
static void
say_unchanged(const struct settings *old, const struct settings *fresh)
{
	if (strcmp(old->config.user, fresh->config.user) != 0)
		daemon_log(LOG_WARNING, "User changes only when berth-api is started anew: user=%s", old->config.user);
	if (!is_same_place(&old->config.api_listen, &fresh->config.api_listen))
		daemon_log(LOG_WARNING, "ApiListen changes only when berth-api is started anew");
	if ((old->identity == NULL) != (fresh->identity == NULL))
		daemon_log(LOG_WARNING, "whether there is an ApiCertificate changes only when berth-api is started anew: "
		    "tls=%s", old->identity != NULL ? "yes" : "no");
}

/* reload_settings: all of it, or the old ones stay. */
static void
reload_settings(struct program *program, struct settings *old)
{
	struct settings *fresh = settings_read(program->config_file, config_log_fault, NULL);

	if (fresh == NULL || settings_read_files(fresh, config_log_fault, NULL) != 0) {
		daemon_log(LOG_ERR, "configuration not reloaded, the old one stays: file=%s", program->config_file);
		settings_release(fresh);
		return;
	}
	say_unchanged(old, fresh);
	if (fresh->identity == NULL)
		fresh->identity = tls_identity_keep(old->identity);
	settings_replace(program->api.settings, fresh);
	daemon_log(LOG_INFO, "configuration reloaded: file=%s", program->config_file);
	settings_warn(fresh, config_log_warning, NULL);
}

static void
reload(struct program *program)
{
	struct settings *settings = settings_take(program->api.settings);

	reload_settings(program, settings);
	settings_release(settings);
	settings = settings_take(program->api.settings);
	/* Whatever the configuration is like: logrotate may have sent the signal. */
	audit_reopen(program->api.audit, settings->config.api_log_file);
	settings_release(settings);
}

/* take_signal: false when it is time to stop. */
static bool
take_signal(struct program *program)
{
	struct signalfd_siginfo signal;

	if (read(program->signals, &signal, sizeof(signal)) != (ssize_t)sizeof(signal))
		return true;
	if (signal.ssi_signo == SIGHUP) {
		reload(program);
		return true;
	}
	daemon_log(LOG_INFO, "stopping: signal=%s", signal.ssi_signo == SIGTERM ? "TERM" : "INT");
	return false;
}

/* tick_milliseconds: often enough for a service manager that watches, too. */
static int
tick_milliseconds(void)
{
	int interval = service_manager_interval();

	return interval > 0 && interval < TICK_MILLISECONDS ? interval : TICK_MILLISECONDS;
}

/* say_alive: not for a writer that has hung: nobody but a new process can write then. */
static void
say_alive(struct program *program)
{
	int64_t writing = calls_writing(program->api.calls);
	int patience = service_manager_patience();

	if (patience == 0 || writing < patience)
		service_manager_alive();
	else
		daemon_log_limited("writer", LOG_CRIT, "the writer hangs, so systemd is told no more that berth-api is alive: "
		    "seconds=%lld", (long long)writing / 1000);
}

static void
serve(struct program *program)
{
	int64_t tick = deadline_after(tick_milliseconds());
	int wait;

	for (;;) {
		/* A negative descriptor is one that poll(2) passes over. */
		struct pollfd polled[] = {
			{ .fd = program->signals, .events = POLLIN },
			{ .fd = http_server_descriptor(program->server), .events = POLLIN },
		};

		wait = deadline_left(tick);
		if (polled[1].fd < 0 && wait > FULL_MILLISECONDS)
			wait = FULL_MILLISECONDS;
		if (poll(polled, 2, wait) > 0) {
			if (polled[0].revents != 0 && !take_signal(program))
				return;
			if (polled[1].revents != 0)
				http_server_accept(program->server);
		}
		if (deadline_left(tick) == 0) {
			http_server_tick(program->server);
			say_alive(program);
			tick = deadline_after(tick_milliseconds());
		}
	}
}

/* take_signals_over: before there is another thread. From now on they wait to be read, the second SIGTERM too. */
static int
take_signals_over(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
api_release(struct api *api)
{
	calls_stop(api->calls);
	audit_close(api->audit);
	metrics_free(api->metrics);
	rate_free(api->rate);
	key_rings_free(api->key_rings);
	connections_free(api->connections);
	settings_box_free(api->settings);
}

/* api_make: what requests share. The settings are its own from now on. */
static int
api_make(struct api *api, struct settings *settings)
{
	api->settings = settings_box_new(settings);
	if (api->settings == NULL) {
		settings_release(settings);
		return -1;
	}
	api->key_rings = key_rings_new();
	api->connections = connections_new(http_server_connections_max());
	api->calls = calls_start();
	api->audit = audit_open(settings->config.api_log_file);
	api->metrics = metrics_new();
	api->rate = rate_new();
	return api->key_rings != NULL && api->connections != NULL && api->calls != NULL && api->audit != NULL &&
	    api->metrics != NULL && api->rate != NULL ? 0 : -1;
}

/* become: the listening socket is bound by then, maybe to a port that only root may have. */
static int
become(struct settings *settings)
{
	const char *user = settings->config.user;

	if (identity_become(user) != 0) {
		daemon_log(LOG_ERR, "can't become the User of the configuration: user=%s reason=\"%s\"", user,
		    identity_problem(errno));
		return -1;
	}
	/* Secrets will lie in its memory: not for the User's other processes, nor for a core_pattern's pipe, which no limit
	 * of core files keeps from its dump. Not before, since a change of user sets it anew. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		daemon_log(LOG_WARNING, "memory is open to the User's processes: reason=\"%s\"", strerror(errno));
	return settings_read_files(settings, config_log_fault, NULL);
}

/* start: up to the point where requests are answered. */
static int
start(struct program *program)
{
	struct settings *settings = settings_read(program->config_file, config_log_fault, NULL);
	int listener;

	if (settings == NULL)
		return -1;
	daemon_raise_limits();
	program->signals = take_signals_over();
	listener = http_socket_open(&settings->config.api_listen);
	if (program->signals < 0 || listener < 0 || become(settings) != 0) {
		settings_release(settings);
		if (listener >= 0)
			close(listener);
		return -1;
	}
	if (api_make(&program->api, settings) != 0) {
		daemon_log(LOG_ERR, "can't start: reason=\"%s\"", strerror(errno));
		close(listener);
		return -1;
	}
	program->server = http_server_start(&program->api, listener);
	return program->server != NULL ? 0 : -1;
}

/* say_started: and what an operator should know about at once; none of it keeps us from serving. */
static void
say_started(struct program *program)
{
	struct settings *settings = settings_take(program->api.settings);
	struct api_error error = { 0 };
	struct key_ring *ring = key_ring_take(program->api.key_rings, settings->config.api_keys_file, &error);
	size_t keys = ring != NULL ? key_ring_count(ring) : 0;
	char name[HTTP_SOCKET_NAME_MAX];

	http_socket_name(&settings->config.api_listen, name);
	daemon_log(LOG_INFO, "started version=%s listen=%s tls=%s store=%s keys=%zu", BERTH_VERSION, name,
	    settings->identity != NULL ? "yes" : "no", settings->config.store, keys);
	if (ring != NULL && keys == 0)
		daemon_log(LOG_WARNING, "there is no access key yet, so nobody can call; `berth api-key create` makes one");
	settings_warn(settings, config_log_warning, NULL);
	key_ring_release(ring);
	settings_release(settings);
}

int
main(int argc, char **argv)
{
	struct program program = { .signals = -1 };
	struct daemon_options options;
	int status = daemon_options_parse(&options, "berth-api", "the configuration and the files that it names", argc,
	    argv);

	if (status >= 0)
		return status;
	/* Its statistics are a lock that all threads share for each allocation, and nobody reads them. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (daemon_prepare() != 0) {
		fprintf(stderr, "berth-api: %s\n", strerror(errno));
		return 1;
	}
	program.config_file = options.config_file;
	if (options.test)
		return self_test(options.config_file);
	keep_memory_small();
	/* Who starts it by hand reads on stderr why it doesn't. */
	daemon_log_open("berth-api", !options.log_to_stderr, true);
	service_manager_find();
	if (start(&program) != 0) {
		api_release(&program.api);
		return 1;
	}
	daemon_log_open("berth-api", !options.log_to_stderr, options.log_to_stderr);
	say_started(&program);
	service_manager_ready();
	serve(&program);
	http_server_stop(program.server);
	api_release(&program.api);
	close(program.signals);
	daemon_log(LOG_INFO, "stopped");
	return 0;
}
