/* Sessions, from their first line to the acknowledgement of their last event, with agents that come, go and lie. */
#include "tests/unit/helper_world.h"

static void
a_session(void **state)
{
	struct world world;
	struct event event;

	(void)state;
	begin_with_agent(&world, false, 30);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	sftp_says(&world, "open \"a\" flags WRITE mode 0644");
	sftp_says(&world, "close \"a\" bytes read 0 written 5");
	event = agent_gets(&world, 2, EVENT_PUT, "/home/a"); /* after it has settled */
	assert_true(event.bytes == 5 && strcmp(event.status, "ok") == 0);
	session_says(&world, "sshd[12]: " OWN "bye\n");
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd[12]: " OWN "bye");
	session_says(&world, "sudo[12]: root : TTY=pts/0");
	session_says(&world, "sshd-session[12]: Disconnected from user alice 192.0.2.1 port 4022");
	assert_string_equal(syslog_gets(&world), PRIORITY "sshd-session[12]: Disconnected from user alice 192.0.2.1 port 4022");
	sftp_says(&world, "error: Unknown message 3");
	assert_non_null(strstr(syslog_gets(&world), "a session says user=alice session=0123456789abcdef program=internal-sftp "
	    "line=\"error: Unknown message 3\""));
	close_fd(&world.lines);
	agent_gets(&world, 3, EVENT_OTHER, "");
	event = agent_gets(&world, 4, EVENT_SESSION_CLOSE, "");
	assert_true(event.totals.files_put == 1 && event.totals.bytes_put == 5 && event.totals.operations == 2);
	agent_has(&world, 3);
	usleep(100 * 1000);
	assert_int_equal(waitpid(world.helper, NULL, WNOHANG), 0);
	agent_has(&world, 4);
	close_fd(&world.control);
	assert_int_equal(exit_status(&world), 0);
	assert_false(readable(world.syslog, 0));
	end(&world);
}

/* The monitor is there yet, and holds an end of the lines: it can only be shutdown(2), called in the session. */
static void
a_session_that_cuts_its_log_off(void **state)
{
	struct world world;

	(void)state;
	begin_with_agent(&world, false, 30);
	close_fd(&world.lines);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	agent_gets(&world, 2, EVENT_SESSION_CLOSE, "");
	agent_has(&world, 2);
	assert_int_equal(exit_status(&world), 0);
	assert_non_null(strstr(syslog_gets(&world), "a session has cut off its own transfer log: user=alice session="));
	end(&world);
}

static void
a_session_that_was_never_one(void **state)
{
	struct world world;

	(void)state;
	begin(&world, false, 30);
	session_says(&world, "sshd[12]: Postponed publickey");
	close_fd(&world.lines);
	assert_int_equal(exit_status(&world), 0);
	end(&world);
}

static void
an_agent_that_comes_and_goes(void **state)
{
	struct world world;

	(void)state;
	begin(&world, false, 30);
	session_is_sealed(&world);
	sftp_says(&world, "opendir \"/one\"");
	sftp_says(&world, "opendir \"/two\"");
	usleep(300 * 1000);
	agent_listens(&world);
	agent_accepts(&world, 0);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	agent_gets(&world, 2, EVENT_LIST, "/one");
	agent_accepts(&world, 1); /* it had written one, and was killed */
	agent_gets(&world, 2, EVENT_LIST, "/one");
	agent_gets(&world, 3, EVENT_LIST, "/two");
	agent_has(&world, 3);
	sftp_says(&world, "opendir \"/three\"");
	sftp_says(&world, "rmdir name \"/four\"");
	agent_gets(&world, 4, EVENT_LIST, "/three");
	close_fd(&world.listener);
	close_fd(&world.agent);
	close_fd(&world.control); /* the monitor too: that ends nothing */
	usleep(300 * 1000);
	agent_listens(&world);
	agent_accepts(&world, 0); /* it has forgotten us; what it said it had, it has */
	agent_gets(&world, 4, EVENT_LIST, "/three");
	agent_gets(&world, 5, EVENT_RMDIR, "/four");
	close_fd(&world.lines);
	agent_gets(&world, 6, EVENT_SESSION_CLOSE, "");
	agent_accepts(&world, 6);
	assert_int_equal(exit_status(&world), 0);
	end(&world);
}

static void
agents_that_are_none(void **state)
{
	static const struct {
		uint16_t status;
		uint32_t length;
		uint64_t sequence;
	} answers[] = {
		{ WIRE_UNAVAILABLE, 0, 0 }, { WIRE_DENIED, 8, 0 }, { WIRE_OK, 0, 0 }, { WIRE_OK, 8, 3 },
		{ WIRE_OK, 8, UINT64_MAX },
		{ WIRE_OK, 100, 0 },
	};
	struct world world;

	(void)state;
	begin(&world, false, 30);
	session_is_sealed(&world);
	sftp_says(&world, "opendir \"/one\"");
	usleep(300 * 1000); /* two events */
	agent_listens(&world);
	for (size_t i = 0; i < COUNT(answers); i++) {
		agent_is_asked(&world);
		agent_answers(&world, answers[i].status, answers[i].length, answers[i].sequence);
		hangs_up(world.agent);
	}
	agent_is_asked(&world);
	assert_int_equal(send(world.agent, "HTTP/1.1 200 OK\r\n\r\n", 19, 0), 19);
	assert_false(readable(world.control, 0));
	agent_accepts(&world, 0);
	assert_int_equal(monitor_is_told(&world), SESSION_READY);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	agent_gets(&world, 2, EVENT_LIST, "/one");
	agent_has(&world, 3); /* what it was never sent */
	hangs_up(world.agent);
	agent_accepts(&world, 0);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	end(&world);
}

static void
an_agent_of_somebody_else(void **state)
{
	struct world world;

	(void)state;
	begin_for(&world, false, 30, getuid() + 1);
	agent_listens(&world);
	for (int i = 0; i < 2; i++) {
		assert_true(readable(world.listener, PATIENCE_MS));
		world.agent = accept(world.listener, NULL, NULL);
		hangs_up(world.agent);
		close_fd(&world.agent);
	}
	end(&world);
}

static void
a_log_that_is_lost(void **state)
{
	struct world world;
	int64_t started;
	const char *line;

	(void)state;
	begin(&world, false, 30);
	agent_listens(&world); /* and never answers: it is stopped */
	session_is_sealed(&world);
	sftp_says(&world, "opendir \"/one\"");
	started = deadline_now();
	close_fd(&world.lines);
	close_fd(&world.control);
	assert_int_equal(exit_status(&world), 1);
	assert_in_range(deadline_now() - started, HELPER_LINGER_MS - 50, PATIENCE_MS);
	line = syslog_gets(&world);
	assert_non_null(strstr(line, "<83>berth-session["));
	assert_non_null(strstr(line, "transfer log lost user=alice session=0123456789abcdef events=3 "
	    "reason=\"the agent is away, or can't write its file\""));
	end(&world);
}

/* must_end: the helper of a required log ends the session in a second. */
static void
must_end(struct world *world, const char *reason)
{
	int64_t started = deadline_now();
	const char *line;

	assert_int_equal(monitor_is_told(world), SESSION_END);
	assert_in_range(deadline_now() - started, 500, PATIENCE_MS);
	line = syslog_gets(world);
	assert_non_null(strstr(line, "user=alice session=0123456789abcdef"));
	assert_non_null(strstr(line, reason));
	assert_false(readable(world->control, 300)); /* once */
}

static void
required_and_no_agent(void **state)
{
	struct world world;

	(void)state;
	begin(&world, true, 1);
	must_end(&world, "the agent is away");
	end(&world);
}

static void
required_and_the_agent_goes(void **state)
{
	struct world world;

	(void)state;
	begin_with_agent(&world, true, 1);
	agent_gets(&world, 1, EVENT_SESSION_OPEN, "");
	agent_has(&world, 1);
	assert_false(readable(world.control, 1500)); /* idle is well */
	close_fd(&world.listener);
	close_fd(&world.agent);
	must_end(&world, "the agent is away");
	end(&world);
}

static void
required_and_nothing_is_written_down(void **state)
{
	struct world world;

	(void)state;
	begin_with_agent(&world, true, 1);
	must_end(&world, "events=1");
	end(&world);
}

static void
required_and_a_process_that_gave_up(void **state)
{
	static const char note[] = { '\0', SESSION_NOTE_LOST, 1, 0, 0, 0 };
	struct world world;
	const char *line;

	(void)state;
	begin_with_agent(&world, true, 30);
	assert_true(session_sends(&world, note, sizeof(note)));
	assert_true(session_sends(&world, note, sizeof(note)));
	line = syslog_gets(&world);
	assert_non_null(strstr(line, "has ended itself, as its transfer log can't be kept: user=alice session=0123456789abcdef"));
	assert_false(readable(world.syslog, 300)); /* once */
	end(&world);
}

/* say_many: until the session's socket is full for good; how many lines that took, at most `most`. */
static unsigned
say_many(struct world *world, unsigned most)
{
	char path[400], line[600];
	int64_t waited = 0;
	unsigned said = 0;

	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	while (said < most && waited < 300) {
		int length = snprintf(line, sizeof(line), STAMP "internal-sftp[77]: opendir \"/%u%s\"", said, path);

		if (session_sends(world, line, (size_t)length)) {
			said++;
			waited = 0;
			continue;
		}
		usleep(1000);
		waited++;
	}
	return said;
}

static void
a_full_queue_of_best_effort(void **state)
{
	struct world world;
	uint64_t dropped = 0, lists = 0, sequence = 0;
	struct event event = { 0 };

	(void)state;
	begin(&world, false, 30);
	agent_listens(&world);
	session_is_sealed(&world);
	assert_int_equal(say_many(&world, 12000), 12000); /* of some 500 bytes each; the session doesn't notice */
	agent_accepts(&world, 0);
	close_fd(&world.lines);
	while (event.operation != EVENT_SESSION_CLOSE) {
		event = agent_reads(&world);
		assert_int_equal(event.sequence, ++sequence);
		if (event.operation == EVENT_LIST)
			lists++;
		if (event.operation == EVENT_DROPPED)
			dropped += event.totals.dropped;
	}
	assert_true(dropped > 1000 && lists > 1000);
	assert_int_equal(dropped + lists, 12000);
	assert_int_equal(event.totals.dropped, dropped);
	assert_int_equal(event.totals.operations, 12000);
	agent_has(&world, sequence);
	assert_int_equal(exit_status(&world), 0);
	end(&world);
}

static void
a_full_queue_of_a_required_log(void **state)
{
	struct world world;
	uint64_t lists = 0, sequence = 0;
	struct event event = { 0 };
	unsigned said;

	(void)state;
	begin(&world, true, 30);
	agent_listens(&world);
	session_is_sealed(&world);
	said = say_many(&world, 20000);
	assert_in_range(said, 1000, 19999); /* the session has to wait */
	agent_accepts(&world, 0);
	close_fd(&world.lines);
	while (event.operation != EVENT_SESSION_CLOSE) {
		event = agent_reads(&world);
		assert_int_equal(event.sequence, ++sequence);
		lists += event.operation == EVENT_LIST;
		agent_has(&world, sequence);
	}
	assert_int_equal(lists, said);
	assert_int_equal(event.totals.dropped, 0);
	assert_int_equal(exit_status(&world), 0);
	end(&world);
}

/* A session that has to end, ends: a queue that is full must not keep its helper from seeing that. */
static void
a_full_queue_and_no_agent(void **state)
{
	struct world world;

	(void)state;
	begin(&world, true, 1);
	session_is_sealed(&world);
	say_many(&world, 20000);
	close_fd(&world.control);
	close_fd(&world.lines);
	assert_int_equal(exit_status(&world), 1);
	end(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session),
		cmocka_unit_test(a_session_that_cuts_its_log_off),
		cmocka_unit_test(a_session_that_was_never_one),
		cmocka_unit_test(an_agent_that_comes_and_goes),
		cmocka_unit_test(agents_that_are_none),
		cmocka_unit_test(an_agent_of_somebody_else),
		cmocka_unit_test(a_log_that_is_lost),
		cmocka_unit_test(required_and_no_agent),
		cmocka_unit_test(required_and_the_agent_goes),
		cmocka_unit_test(required_and_nothing_is_written_down),
		cmocka_unit_test(required_and_a_process_that_gave_up),
		cmocka_unit_test(a_full_queue_of_best_effort),
		cmocka_unit_test(a_full_queue_of_a_required_log),
		cmocka_unit_test(a_full_queue_and_no_agent),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}
