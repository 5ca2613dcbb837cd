/* What the helper passes on to the host's syslog, and what it doesn't. */
#include "session_helper/host_log.h"
#include "tests/unit/helper_world.h"

static void
a_syslog_that_is_restarted_or_full(void **state)
{
	struct world world;
	const char *line;
	unsigned lost;
	int got = 0;

	(void)state;
	begin(&world, false, 30);
	session_says(&world, "sshd[1]: " OWN "first");
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd[1]: " OWN "first");
	close_fd(&world.syslog);
	world.syslog = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bind_at(world.syslog, world.syslog_path);
	session_says(&world, "sshd[1]: " OWN "second");
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd[1]: " OWN "second");

	/* More than its queue holds, and than is passed on at once. */
	for (int i = 0; i < 2000; i++) {
		session_says(&world, "sshd[1]: " OWN "flood");
		usleep(50);
	}
	usleep(100 * 1000);
	while (readable(world.syslog, 50)) {
		assert_string_equal(syslog_gets(&world), PRIORITY "sshd[1]: " OWN "flood");
		got++;
	}
	session_says(&world, "sshd[1]: " OWN "last");
	line = syslog_gets(&world);
	assert_int_equal(sscanf(strstr(line, "lost="), "lost=%u", &lost), 1);
	assert_int_equal(got + (int)lost, 2000);
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd[1]: " OWN "last");
	end(&world);
}

/* Code in a session can claim anything to be sshd's. What it says of others, or with more in it, is quoted as its own. */
static void
what_is_not_surely_sshds_is_quoted(void **state)
{
	static const char *const lies[] = {
		"Failed password for root from 203.0.113.9 port 22 ssh2",
		"Received disconnect from 203.0.113.9 port 4022:11: bye",
		"Received disconnect from 192.0.2.1 port 40220:11: bye", "Disconnected from user bob 192.0.2.1 port 4022",
		"Disconnected from user alice 192.0.2.1 port 4022 and more", "Disconnected from user alice 192.0.2.1 port 402",
		("x\n<86>Nov 22 10:30:00 sshd[1]: " OWN), "a \"quoted\" word", "",
	};
	struct world world;
	const char *line;

	(void)state;
	begin(&world, false, 30);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		char text[200];

		snprintf(text, sizeof(text), "sshd[1]: %s", lies[i]);
		session_says(&world, text);
		line = syslog_gets(&world);
		assert_non_null(strstr(line, "]: a session says user=alice session=0123456789abcdef program=sshd line=\""));
		assert_non_null(strstr(line, "berth-session["));
		assert_null(strchr(line, '\n'));
		assert_ptr_equal(strchr(strstr(line, "line=\"") + 6, '"'), line + strlen(line) - 1);
	}
	end(&world);
}

static void
what_a_line_may_do_to_who_reads_it(void **state)
{
	static const struct {
		const char *datagram, *passed;
	} lines[] = {
		{ "<86>Nov 22 10:30:00 sshd[1]: line", "<86>sshd[1]: line" },
		{ "<80>Nov 22 10:30:00 sshd[1]: line", "<82>sshd[1]: line" },
		{ "<0>Nov 22 10:30:00 sshd[1]: line", "<82>sshd[1]: line" },
		{ "<6>Nov 22 10:30:00 sshd[1]: line", "<86>sshd[1]: line" },
		{ "<65536>Nov 22 10:30:00 sshd[1]: line", "<82>sshd[1]: line" },
		{ "<86>su[1]: is root  sshd[1]: line", "<86>sshd[1]: line" },
		{ "<86>Nov 22 10:30:00 sshd[1]: \033]0;\302\2332J\342\200\256", "<86>sshd[1]: ?]0;??2J???" },
	};
	struct world world;
	struct syslog_line line;
	struct host_log log;

	(void)state;
	begin(&world, false, 30);
	host_log_open(&log, world.syslog_path, 1000);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!syslog_line_parse(lines[i].datagram, strlen(lines[i].datagram), &line))
			fail_msg("%s", lines[i].datagram);
		host_log_pass(&log, &line, 1000);
		assert_string_equal(syslog_gets(&world), lines[i].passed);
	}
	assert_true(syslog_line_parse(lines[2].datagram, strlen(lines[2].datagram), &line));
	host_log_quote(&log, &line, &world.start.session, 1000);
	assert_int_equal(strncmp(syslog_gets(&world), "<82>berth-session[", 18), 0);
	host_log_close(&log);
	end(&world);
}

static void
no_flood_of_syslog(void **state)
{
	struct world world;
	static const char datagram[] = STAMP "sshd[1]: line";
	struct syslog_line line;
	struct host_log log;
	int64_t now = 1000;
	int got = 0;

	(void)state;
	begin(&world, false, 30);
	assert_true(syslog_line_parse(datagram, strlen(datagram), &line));
	host_log_open(&log, world.syslog_path, now);
	for (int i = 0; i < 2 * HOST_LOG_BURST; i++) {
		host_log_pass(&log, &line, now);
		while (readable(world.syslog, 0)) {
			syslog_gets(&world);
			got++;
		}
	}
	assert_int_equal(got, HOST_LOG_BURST);
	assert_int_equal(log.lost, HOST_LOG_BURST);
	now += 1000;
	host_log_pass(&log, &line, now);
	assert_non_null(strstr(syslog_gets(&world), "lost=1000"));
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd[1]: line");
	for (int i = 1; i < 2 * HOST_LOG_PER_SECOND; i++) {
		host_log_pass(&log, &line, now);
		assert_int_equal(readable(world.syslog, 0), i < HOST_LOG_PER_SECOND);
		if (i < HOST_LOG_PER_SECOND)
			syslog_gets(&world);
	}
	host_log_say(&log, LOG_ERR, "key=%s", "a\nb"); /* its own are few */
	assert_non_null(strstr(syslog_gets(&world), "lost="));
	assert_non_null(strstr(syslog_gets(&world), "]: key=a?b"));
	host_log_close(&log);
	end(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syslog_that_is_restarted_or_full),
		cmocka_unit_test(what_is_not_surely_sshds_is_quoted),
		cmocka_unit_test(what_a_line_may_do_to_who_reads_it),
		cmocka_unit_test(no_flood_of_syslog),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("syslog of the helper", tests, NULL, NULL);
}
