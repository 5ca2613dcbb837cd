/* What is said to a service manager: a datagram socket of the test's own, found by the variables that systemd sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/host/service_manager.h"

static int manager = -1;

/* listen_at: an abstract address begins with '@', as in NOTIFY_SOCKET. */
static void
listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);

	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	if (manager >= 0)
		close(manager);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(manager >= 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)), 0);
}

/* heard: the next datagram, or nothing. */
static const char *
heard(void)
{
	static char text[64];
	ssize_t length = recv(manager, text, sizeof(text) - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	return text;
}

static void
find(const char *path, const char *microseconds, const char *pid)
{
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", microseconds, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", pid, 1);
	service_manager_find();
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
}

static void
test_nobody_listens(void **state)
{
	(void)state;
	service_manager_find();
	service_manager_ready();
	service_manager_alive();
	assert_int_equal(service_manager_patience(), 0);
	assert_int_equal(service_manager_interval(), 0);
}

static void
test_signs_of_life(void **state)
{
	char pid[16];
	static const char *const paths[] = { "/tmp/berth-test-manager", "@berth-test-manager" };

	(void)state;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		unlink(paths[i]);
		listen_at(paths[i]);
		find(paths[i], "30000000", pid);
		assert_int_equal(service_manager_patience(), 30000);
		assert_int_equal(service_manager_interval(), 10000);
		service_manager_ready();
		service_manager_alive();
		assert_string_equal(heard(), "READY=1");
		assert_string_equal(heard(), "WATCHDOG=1");
		assert_string_equal(heard(), "");
	}
	/* A manager that was started anew. */
	unlink(paths[0]);
	find(paths[0], "30000000", pid);
	service_manager_alive();
	listen_at(paths[0]);
	service_manager_alive();
	assert_string_equal(heard(), "WATCHDOG=1");
	unlink(paths[0]);
}

/* One that doesn't read must not be waited for. */
static void
test_deaf_manager(void **state)
{
	(void)state;
	listen_at("@berth-test-manager");
	find("@berth-test-manager", "30000000", NULL);
	alarm(30);
	for (int i = 0; i < 10000; i++)
		service_manager_alive();
	alarm(0);
	assert_string_equal(heard(), "WATCHDOG=1");
}

/* Readiness is told all the same. */
static void
test_not_watched(void **state)
{
	static const char *const given[][2] = { { "30000000", "1" }, { "0", NULL }, { "", NULL }, { "-1", NULL }, { "3s", NULL },
		{ "30000000", "" }, { "99999999999999999999", NULL } };

	(void)state;
	listen_at("@berth-test-manager");
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		find("@berth-test-manager", given[i][0], given[i][1]);
		assert_int_equal(service_manager_patience(), 0);
		service_manager_alive();
		service_manager_ready();
		assert_string_equal(heard(), "READY=1");
	}
}

static void
test_long_patience(void **state)
{
	(void)state;
	listen_at("@berth-test-manager");
	find("@berth-test-manager", "9999999999999999", NULL);
	assert_int_equal(service_manager_patience(), INT32_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_signs_of_life),
		cmocka_unit_test(test_deaf_manager),
		cmocka_unit_test(test_not_watched),
		cmocka_unit_test(test_long_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
