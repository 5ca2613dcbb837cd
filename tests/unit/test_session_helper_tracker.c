/*
 * From the lines of sftp-server's log to events: which status belongs to what, what a close means, what is left at the end.
 * The sequences are those of real clients, as sftp-server logged them, and ones that a hostile client could cause.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session_helper/open_files.h"
#include "session_helper/places.h"
#include "session_helper/tracker.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SECOND 1000000
#define START ((int64_t)1763807400 * SECOND)

/* What the tracker said, as text: a line an event. */
static struct {
	char text[1 << 16];
	size_t used;
	uint64_t sequence;
	bool full; /* there is no room for events */
	struct event_totals totals;
} said;

static struct tracker *tracker;
static int64_t clock_us; /* since START */

static void __attribute__((format(printf, 1, 2)))
note(const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(said.text + said.used, sizeof(said.text) - said.used, format, arguments);
	va_end(arguments);
	assert_true(length >= 0 && (size_t)length < sizeof(said.text) - said.used);
	said.used += (size_t)length;
}

/* note_member: unless it is absent. */
static void
note_member(const char *name, const char *value)
{
	if (*value != '\0')
		note(" %s%s", name, value);
}

static uint64_t
sink(void *context, struct event *event)
{
	static uint8_t memory[4 + EVENT_BYTES_MAX];
	static char copy[EVENT_BYTES_MAX];
	struct event again;
	struct wire_out out;

	(void)context;
	if (said.full)
		return 0;
	event->sequence = ++said.sequence;
	wire_out_init(&out, memory, sizeof(memory));
	event_put(&out, event);
	assert_false(out.overflow);
	assert_true(event_get(memory, out.used, &again, copy)); /* the agent takes it */
	if (event->operation == EVENT_SESSION_CLOSE || event->operation == EVENT_DROPPED)
		said.totals = event->totals;
	note("%s", event_operation_name(event->operation));
	note_member("", event->path);
	note_member("-> ", event->new_path);
	note_member("@", event->target);
	note_member("@-> ", event->new_target);
	note_member("", event->status);
	note_member("", (event->flags & EVENT_COMPLETE) != 0 ? "complete" : "");
	if ((event->flags & EVENT_HAS_BYTES) != 0)
		note(" %llu bytes", (unsigned long long)event->bytes);
	if ((event->flags & EVENT_HAS_DURATION) != 0)
		note(" %llu us", (unsigned long long)event->duration);
	note_member("", (event->flags & EVENT_CUT) != 0 ? "cut" : "");
	if (event->corrects != 0)
		note(" corrects %llu", (unsigned long long)event->corrects);
	note_member("text ", event->text);
	note("\n");
	return event->sequence;
}

static void
begin_at(const char *landing, const struct places *places)
{
	memset(&said, 0, sizeof(said));
	clock_us = 0;
	tracker = tracker_new(landing, places, sink, NULL);
	assert_non_null(tracker);
	tracker_sealed(tracker, START, true);
	said.used = 0;
}

static void
begin(void)
{
	static const struct places none;

	begin_at("/home", &none);
}

/* expect: what was said since, and nothing else. */
static void
expect(const char *text)
{
	said.text[said.used] = '\0';
	assert_string_equal(said.text, text);
	said.used = 0;
}

static void
end(void)
{
	tracker_finish(tracker, START + clock_us);
	tracker_free(tracker);
	tracker = NULL;
}

/* by: a line of this process, so many microseconds after the last line. */
static void
by(pid_t pid, int64_t after, const char *text)
{
	static struct sftp_line line;

	clock_us += after;
	sftp_line_parse(text, strlen(text), &line);
	tracker_line(tracker, pid, &line, START + clock_us, clock_us / 1000);
}

/* is: the same of the one process that most tests have. 40 us are a system call, 70 a client on this host. */
static void
is(int64_t after, const char *text)
{
	by(100, after, text);
}

static void
settle_after(int64_t microseconds)
{
	clock_us += microseconds;
	tracker_settle(tracker, clock_us / 1000);
}

#define IO_ERROR "sent status Failure"
#define NO_FILE "sent status No such file"

static void
transfers(void **state)
{
	(void)state;
	begin();
	is(0, "session opened for local user alice from [192.0.2.1]");
	is(70, "open \"/a\" flags WRITE,CREATE,TRUNCATE mode 0644");
	expect("");
	is(2 * SECOND, "close \"/a\" bytes read 0 written 1221");
	expect("");
	is(300, "open \"/b\" flags READ mode 0666");
	expect("put /a ok complete 1221 bytes 2000000 us\n");
	is(5, "close \"/b\" bytes read 77 written 0");
	is(70, "open \"/log\" flags WRITE,APPEND,CREATE mode 0644");
	expect("get /b ok complete 77 bytes 5 us\n");
	is(10, "close \"/log\" bytes read 0 written 9");
	is(70, "session closed for local user alice from [192.0.2.1]");
	expect("append /log ok complete 9 bytes 10 us\n");
	end();
	expect("session-close 2000525 us\n");
	assert_true(said.totals.files_put == 2 && said.totals.files_got == 1 && said.totals.bytes_put == 1230);
	assert_true(said.totals.bytes_got == 77 && said.totals.operations == 3 && said.totals.failed == 0);
}

static void
put_or_get(void **state)
{
	static const struct {
		const char *flags, *bytes, *expected;
	} rows[] = {
		{ "READ,WRITE", "read 5 written 0", "get /a ok complete 5 bytes 1 us\n" },
		{ "READ,WRITE", "read 5 written 7", "put /a ok complete 7 bytes 1 us\n" },
		{ "READ,WRITE,CREATE,TRUNCATE", "read 0 written 0", "put /a ok complete 0 bytes 1 us\n" },
		{ "READ,WRITE", "read 0 written 0", "get /a ok complete 0 bytes 1 us\n" },
		{ "READ,WRITE,APPEND", "read 5 written 0", "append /a ok complete 0 bytes 1 us\n" },
		{ "WRITE,CREATE", "read 0 written 0", "put /a ok complete 0 bytes 1 us\n" },
		{ "READ", "read 0 written 0", "get /a ok complete 0 bytes 1 us\n" },
		{ "", "read 0 written 0", "get /a ok complete 0 bytes 1 us\n" },
		{ NULL, "read 5 written 7", "put /a ok complete 7 bytes\n" },
		{ NULL, "read 5 written 0", "get /a ok complete 5 bytes\n" },
		{ NULL, "read 0 written 0", "get /a ok complete 0 bytes\n" },
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin();
		if (rows[i].flags != NULL) {
			snprintf(text, sizeof(text), "open \"/a\" flags %s mode 0644", rows[i].flags);
			is(1, text);
		}
		snprintf(text, sizeof(text), "close \"/a\" bytes %s", rows[i].bytes);
		is(1, text);
		is(1, "session closed for local user a from [b]");
		expect(rows[i].expected);
		end();
	}
}

static void
operations(void **state)
{
	(void)state;
	begin();
	is(0, "mkdir name \"/d\" mode 0777");
	is(70, "opendir \"/d\"");
	is(70, "closedir \"/d\"");
	is(70, "rmdir name \"d\"");
	is(70, "remove name \"../../x//./y\"");
	is(70, "rename old \"/a\" new \"b\"");
	is(70, "posix-rename old \"/a\" new \"/b\"");
	is(70, "symlink old \"../t\" new \"/l\"");
	is(70, "hardlink old \"/a\" new \"/h\"");
	is(70, "set \"/a\" size 12");
	is(700, "statvfs \"/a\"");
	is(70, "something else \"/a\"");
	is(70, "debug1: request 3: sent names count 1");
	end();
	expect("mkdir /d ok\nlist /d ok\nrmdir /home/d ok\nremove /x/y ok\nrename /a -> /home/b ok\nrename /a -> /b ok\n"
	    "symlink /l ok text ../t\nlink /a -> /h ok\nsetstat /a ok text size 12\n"
	    "other /a ok text statvfs \"/a\"\nother ok text something else \"/a\"\nsession-close 1470 us\n");
	assert_true(said.totals.operations == 11 && said.totals.failed == 0);
}

static void
its_own_status(void **state)
{
	(void)state;
	begin();
	is(0, "mkdir name \"/d\" mode 0777");
	is(40, IO_ERROR);
	expect("mkdir /d Failure\n");
	is(70, "remove name \"/x\"");
	is(40, NO_FILE);
	expect("remove /x No such file\n");
	is(70, "opendir \"/x\"");
	is(40, "sent status Permission denied");
	expect("list /x Permission denied\n");
	is(70, "open \"/r\" flags READ mode 0666");
	is(40, NO_FILE);
	expect("get /r No such file\n");
	is(70, "open \"/w\" flags READ,WRITE mode 0666");
	is(40, "sent status Permission denied");
	expect("put /w Permission denied\n");
	is(70, "open \"/w\" flags WRITE,APPEND mode 0666");
	is(10, "Refusing open request in read-only mode");
	is(10, "sent status Permission denied");
	expect("append /w Permission denied\n");
	is(70, "error: Unknown extended request \"x@y\"");
	is(70, "sent status Operation unsupported");
	expect("other Operation unsupported text error: Unknown extended request \"x@y\"\n");
	is(70, "close \"/w\" bytes read 0 written 4");
	is(70, IO_ERROR);
	expect("append /w Failure 4 bytes 230 us corrects 7\n"); /* so it was open: the status before was none of its own */
	end();
	expect("session-close 850 us\n");
	assert_true(said.totals.failed == 7 && said.totals.operations == 7 && said.totals.files_put == 0);
	assert_true(said.totals.bytes_put == 4);
}

/* Lines that sftp, given `rm c`, `put b c`, `rename e f` and `chmod 600 e`, left at LogLevel INFO through sshd. */
static void
the_status_of_a_stat(void **state)
{
	(void)state;
	begin();
	is(0, "remove name \"/c\"");
	is(400, NO_FILE); /* stat c */
	expect("remove /c ok\n");
	is(300, "open \"/c\" flags WRITE,CREATE,TRUNCATE mode 0644");
	is(500, "close \"/c\" bytes read 0 written 1221");
	is(40, NO_FILE); /* stat d: even at once, no close ends so */
	expect("put /c ok complete 1221 bytes 500 us\n");
	is(300, "posix-rename old \"/e\" new \"/f\"");
	is(400, NO_FILE); /* lstat e */
	is(300, "set \"/e\" mode 0600");
	is(20, NO_FILE);
	is(400, NO_FILE);
	is(400, NO_FILE);
	end();
	expect("rename /e -> /f ok\nsetstat /e No such file text mode 0600\nsession-close 3060 us\n");
}

/* The same at LogLevel VERBOSE, where time says nothing. */
static void
the_status_of_a_logged_stat(void **state)
{
	(void)state;
	begin();
	is(0, "received client version 3");
	is(10, "remove name \"/c\"");
	is(10, "stat name \"/c\"");
	is(10, NO_FILE);
	expect("remove /c ok\n");
	is(10, "remove name \"/c\"");
	is(100 * 1000, NO_FILE); /* a slow file system */
	expect("remove /c No such file\n");
	is(10, "mkdir name \"/d\" mode 0777");
	settle_after(SECOND);
	expect("mkdir /d ok\n");
	is(0, "sent status Permission denied");
	expect("mkdir /d Permission denied corrects 4\n");
	is(10, "open \"/w\" flags WRITE mode 0666");
	is(10, "fsync \"/w\"");
	is(10, IO_ERROR);
	is(10, "close \"/w\" bytes read 0 written 5");
	is(10, "close \"/w\" bytes read 0 written 5");
	expect("put /w Failure 5 bytes 30 us\n");
	end();
	assert_true(said.totals.failed == 3 && said.totals.operations == 5);
}

static void
a_late_status(void **state)
{
	(void)state;
	begin();
	is(0, "rename old \"/a\" new \"/b\"");
	assert_int_equal(tracker_due(tracker), TRACKER_SETTLE_MS);
	settle_after(249 * 1000);
	expect("");
	settle_after(1000);
	expect("rename /a -> /b ok\n");
	assert_true(tracker_due(tracker) == INT64_MAX);
	is(SECOND, IO_ERROR);
	expect("rename /a -> /b Failure corrects 2\n");
	is(70, IO_ERROR);
	expect("");
	is(70, "remove name \"/x\"");
	settle_after(SECOND);
	expect("remove /x ok\n");
	is(70, NO_FILE); /* a stat's, here */
	expect("");
	is(70, "close \"/p\" bytes read 0 written 3");
	settle_after(SECOND);
	is(0, IO_ERROR);
	expect("put /p ok complete 3 bytes\nput /p Failure 3 bytes corrects 5\n");
	end();
	assert_true(said.totals.operations == 3 && said.totals.failed == 2 && said.totals.files_put == 0);
	assert_true(said.totals.bytes_put == 3);
}

static void
errors_of_open_files(void **state)
{
	char name[200], text[400];

	(void)state;
	begin();
	is(0, "open \"/full\" flags WRITE mode 0644");
	is(70, "error: process_write: write \"/full\": No space left on device");
	is(10, IO_ERROR);
	is(10, "error: process_write: write \"/full\": Input/output error");
	is(10, IO_ERROR);
	is(70, "close \"/full\" bytes read 0 written 4096");
	is(70, "opendir \"/\"");
	expect("put /full No space left on device 4096 bytes 170 us\n");

	/* The name is cut in the error: all that begin so have failed. */
	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[150] = '\0';
	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "open \"%s%d\" flags READ mode 0644", name, i);
		is(70, text);
	}
	snprintf(text, sizeof(text), "error: process_read: read \"%.100s\": Input/output error", name);
	is(70, text);
	is(40, IO_ERROR);
	said.used = 0;
	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "forced close \"%s%d\" bytes read 1 written 0", name, i);
		is(70, text);
	}
	/* A shorter name is not a beginning. */
	is(70, "open \"/nn\" flags READ mode 0644");
	is(70, "error: process_read: read \"/n\": Input/output error");
	is(70, "close \"/nn\" bytes read 1 written 0");
	end();
	assert_non_null(strstr(said.text, "n0 Input/output error 1 bytes"));
	assert_non_null(strstr(said.text, "n1 Input/output error 1 bytes"));
	assert_non_null(strstr(said.text, "get /nn ok complete 1 bytes"));
}

/* A disk that gets full: the write that only partly fits fails without an error line. */
static void
a_write_that_stops_short(void **state)
{
	(void)state;
	begin();
	is(0, "open \"/w\" flags WRITE mode 0644");
	is(70, "open \"/r\" flags READ mode 0644");
	is(SECOND, IO_ERROR);
	is(70, "close \"/r\" bytes read 5 written 0");
	is(70, "close \"/w\" bytes read 0 written 5");
	is(70, "opendir \"/\"");
	expect("get /r ok complete 5 bytes 1000070 us\nput /w Failure 5 bytes 1000210 us\n");

	/* So soon that it looks like the open's own; the close shows that it wasn't, and that the file is not whole. */
	is(70, "open \"/w\" flags WRITE mode 0644");
	is(1000, IO_ERROR);
	expect("list / ok\nput /w Failure\n");
	is(70, "close \"/w\" bytes read 0 written 6");
	is(70, "opendir \"/\"");
	expect("put /w Failure 6 bytes 1070 us corrects 5\n");

	/* copy-data's error names no file. */
	is(70, "open \"/c\" flags WRITE mode 0644");
	is(70, "error: process_extended_copy_data: read failed: Input/output error");
	is(70, IO_ERROR);
	is(70, "close \"/c\" bytes read 0 written 1");
	is(70, "opendir \"/\"");
	expect("list / ok\nother Failure text error: process_extended_copy_data: read failed: Input/output error\n"
	    "put /c Failure 1 bytes 210 us\n");

	/* The only file, whose open is long done. */
	is(70, "open \"/o\" flags WRITE mode 0644");
	is(SECOND, IO_ERROR);
	is(70, "close \"/o\" bytes read 0 written 7");
	is(70, "opendir \"/\"");
	expect("list / ok\nput /o Failure 7 bytes 1000070 us\n");

	/* While nothing is written, it is the operation's. */
	settle_after(SECOND);
	is(0, IO_ERROR);
	expect("list / ok\nlist / Failure corrects 12\n");
	end();
	assert_true(said.totals.failed == 6 && said.totals.operations == 10 && said.totals.bytes_put == 19);
}

static void
an_open_said_to_fail_that_did_not(void **state)
{
	(void)state;
	begin();
	is(0, "open \"/r\" flags READ mode 0644");
	is(40, NO_FILE); /* a client that doesn't wait for answers: the status is its stat's */
	expect("get /r No such file\n");
	is(SECOND, "close \"/r\" bytes read 9 written 0");
	end();
	expect("get /r ok complete 9 bytes 1000040 us corrects 2\nsession-close 1000040 us\n");
	assert_true(said.totals.failed == 0 && said.totals.files_got == 1 && said.totals.operations == 1);
}

static void
several_attributes_of_one_request(void **state)
{
	(void)state;
	begin();
	is(0, "set \"/a\" mode 0644");
	is(20, "set \"/a\" modtime 20261122-10:30:00");
	is(20, "sent status Permission denied");
	expect("setstat /a Permission denied text mode 0644\n"
	    "setstat /a Permission denied text modtime 20261122-10:30:00\n");
	/* Requests of their own: in another order, of another file, later. */
	is(70, "set \"/a\" owner 1 group 1");
	is(20, "set \"/a\" mode 0644");
	is(20, "sent status Permission denied");
	expect("setstat /a ok text owner 1 group 1\nsetstat /a Permission denied text mode 0644\n");
	is(70, "set \"/a\" mode 0644");
	is(20, "set \"/b\" owner 1 group 1");
	is(20, "sent status Permission denied");
	expect("setstat /a ok text mode 0644\nsetstat /b Permission denied text owner 1 group 1\n");
	is(70, "set \"/a\" mode 0644");
	is(500, "set \"/a\" owner 1 group 1");
	is(20, "sent status Permission denied");
	expect("setstat /a ok text mode 0644\nsetstat /a Permission denied text owner 1 group 1\n");
	end();
}

static void
files_left_open(void **state)
{
	(void)state;
	begin();
	is(0, "open \"/w\" flags WRITE mode 0644");
	is(10, "open \"/r\" flags READ mode 0644");
	is(10, "open \"/b\" flags READ,WRITE mode 0644");
	is(10, "open \"/f\" flags WRITE mode 0644");
	is(10, "error: process_write: write \"/f\": Disk quota exceeded");
	is(960, "forced close \"/w\" bytes read 0 written 3");
	is(0, "forced closedir \"/d\"");
	is(0, "session closed for local user a from [b]");
	expect("put /w connection lost 3 bytes 1000 us\nget /r connection lost 990 us\n"
	    "put /b connection lost 980 us\nput /f Disk quota exceeded 970 us\n");
	is(0, "open \"/x\" flags READ mode 0644");
	is(10, "mkdir name \"/d\" mode 0755");
	end();
	expect("mkdir /d ok\nget /x connection lost 10 us\nsession-close 1010 us\n");
	assert_true(said.totals.files_put == 0 && said.totals.bytes_put == 3 && said.totals.failed == 5);
}

static void
processes_of_their_own(void **state)
{
	(void)state;
	begin();
	by(1, 0, "mkdir name \"/one\" mode 0755");
	by(2, 0, "mkdir name \"/two\" mode 0755");
	by(1, 40, IO_ERROR);
	expect("mkdir /one Failure\n");
	by(2, 0, "open \"/a\" flags READ mode 0644");
	expect("mkdir /two ok\n");
	by(1, 0, "close \"/a\" bytes read 1 written 0"); /* not the one that 2 has open */
	by(1, 0, "session closed for local user a from [b]");
	expect("get /a ok complete 1 bytes\n");
	by(2, 60, "session opened for local user a from [b]"); /* another process of this pid */
	expect("get /a connection lost 60 us\n");
	end();
}

static void
too_many_processes(void **state)
{
	(void)state;
	begin();
	by(1, 0, "open \"/a\" flags READ mode 0644");
	for (pid_t pid = 2; pid <= TRACKER_PROCESSES; pid++)
		by(pid, 1, "session opened for local user a from [b]");
	expect("");
	by(1000, 1, "session opened for local user a from [b]");
	expect("get /a connection lost 64 us\n");
	by(1, 1, "close \"/a\" bytes read 8 written 0");
	end();
	expect("get /a ok complete 8 bytes\nsession-close 65 us\n");
}

static void
too_many_open_files(void **state)
{
	char text[100];

	(void)state;
	begin();
	for (int i = 0; i <= TRACKER_FILES; i++) {
		snprintf(text, sizeof(text), "open \"/%d\" flags WRITE,APPEND mode 0644", i);
		is(1, text);
	}
	is(1, "close \"/1024\" bytes read 0 written 8");
	is(1, "close \"/1023\" bytes read 0 written 8");
	is(1, "rmdir name \"/d\"");
	expect("put /1024 ok complete 8 bytes\nappend /1023 ok complete 8 bytes 3 us\n");
	said.used = 0;
	end();
	assert_non_null(strstr(said.text, "append /1022 connection lost"));
	assert_int_equal(said.totals.operations, 3 + TRACKER_FILES - 1);
}

static void
opens_that_fail_take_no_place(void **state)
{
	char text[100];

	(void)state;
	begin();
	for (int i = 0; i < 2 * TRACKER_FILES; i++) {
		snprintf(text, sizeof(text), "open \"/%d\" flags READ mode 0644", i);
		is(1, text);
		is(1, NO_FILE);
		said.used = 0;
	}
	is(1, "open \"/a\" flags READ mode 0644");
	is(1, "close \"/a\" bytes read 1 written 0");
	end();
	expect("get /a ok complete 1 bytes 1 us\nsession-close 4098 us\n");
}

static void
the_same_name_open_twice(void **state)
{
	(void)state;
	begin();
	is(0, "open \"/a\" flags READ mode 0644");
	is(10, "open \"/a\" flags WRITE mode 0644");
	is(10, "open \"/a\" flags READ mode 0644");
	is(70, "close \"/a\" bytes read 0 written 5");
	is(10, "close \"/a\" bytes read 5 written 0");
	is(10, "close \"/a\" bytes read 6 written 0");
	is(10, "open \"/b\" flags WRITE mode 0644");
	is(10, "open \"/b\" flags READ mode 0644");
	is(70, "close \"/b\" bytes read 7 written 0");
	is(10, "close \"/b\" bytes read 0 written 0");
	end();
	expect("put /a ok complete 5 bytes 80 us\nget /a ok complete 5 bytes 100 us\nget /a ok complete 6 bytes 90 us\n"
	    "get /b ok complete 7 bytes 70 us\nput /b ok complete 0 bytes 90 us\nsession-close 210 us\n");
}

static void
cut_lines(void **state)
{
	char name[600], text[1400];

	(void)state;
	begin();
	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[465] = '\0';
	snprintf(text, sizeof(text), "open \"%s\" flags READ mode 0644", name);
	is(0, text);
	snprintf(text, sizeof(text), "close \"%s\" bytes read 1234567890 written 0", name);
	assert_true(strlen(text) > 500);
	text[500] = '\0';
	is(70, text);
	is(70, "rmdir name \"/d\"");
	snprintf(text, sizeof(text), "get %s ok complete 70 us cut\n", name);
	expect(text);

	/* Of a file that isn't known, nothing is: neither what was done, nor where the name ends. */
	is(70, "remove name \"/d\"");
	name[465] = 'n';
	name[493] = '\0';
	said.used = 0;
	snprintf(text, sizeof(text), "close \"%s", name);
	is(70, text);
	is(70, "opendir \"/d\"");
	snprintf(text, sizeof(text), "remove /d ok\nother %s ok cut text close \"%s\n", name, name);
	expect(text);
	name[494] = '\0';
	memset(name, 'n', 494);
	name[0] = '/';
	snprintf(text, sizeof(text), "open \"%s", name);
	is(70, text);
	is(20, NO_FILE);
	snprintf(text, sizeof(text), "list /d ok\nother %s No such file cut text open \"%s\n", name, name);
	expect(text);
	end();
}

static struct place
place(const char *entry, const char *target)
{
	struct place result = { entry, target, (uint32_t)strlen(entry), (uint32_t)strlen(target) };

	assert_true(places_check(&result));
	return result;
}

static void
targets(void **state)
{
	struct place list[] = {
		place("/in", "/srv/bucket/in"), place("/in/deep", "/data/deep/"), place("/in-between", "/srv/between"),
		place("/out/", "/srv/out"), place("/i", "/srv/i"), place("/top", "/"),
	};
	struct places places = { list, COUNT(list) };
	static const char *const rows[][2] = {
		{ "/in", "/srv/bucket/in" }, { "/in/a", "/srv/bucket/in/a" }, { "/in/deep", "/data/deep" },
		{ "/in/deep/a/b", "/data/deep/a/b" }, { "/in/deeper", "/srv/bucket/in/deeper" }, { "/inn", "" },
		{ "/in-between/x", "/srv/between/x" }, { "/out", "/srv/out" }, { "/", "" }, { "/other", "" },
		{ "/i", "/srv/i" },
		{ "/top", "/" }, { "/top/x", "/x" },
	};
	char target[EVENT_TARGET_MAX + 1];

	(void)state;
	places_sort(&places);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(places_target(&places, rows[i][0], target, sizeof(target)), *rows[i][1] != '\0');
		assert_string_equal(target, rows[i][1]);
	}
	assert_true(places_target(&places, "/in/abc", target, strlen("/srv/bucket/in/abc") + 2));
	assert_false(places_target(&places, "/in/abc", target, strlen("/srv/bucket/in/abc")));

	begin_at("/in/deep", &places);
	is(0, "rename old \"a\" new \"../b\"");
	end();
	expect("rename /in/deep/a -> /in/b @/data/deep/a @-> /srv/bucket/in/b ok\nsession-close 0 us\n");
}

static void
everything_below_the_root(void **state)
{
	struct place list[] = { place("/", "/srv/home") }, bad = { "in", "/x", 2, 2 }, bad_target = { "/x", "in", 2, 2 };
	struct places places = { list, 1 }, none = { NULL, 0 };
	char target[100];

	(void)state;
	assert_false(places_check(&bad));
	assert_false(places_check(&bad_target));
	assert_true(places_target(&places, "/", target, sizeof(target)));
	assert_string_equal(target, "/srv/home");
	assert_true(places_target(&places, "/a/b", target, sizeof(target)));
	assert_string_equal(target, "/srv/home/a/b");
	assert_false(places_target(&none, "/a", target, sizeof(target)));
}

static void
fifty_thousand_places(void **state)
{
	struct places places = { calloc(50000, sizeof(struct place)), 50000 };
	char (*entries)[16] = calloc(50000, 16), path[32], target[64], expected[64];

	(void)state;
	assert_true(places.list != NULL && entries != NULL);
	for (unsigned i = 0; i < 50000; i++) {
		sprintf(entries[i], "/e%u", i * 7919 % 50000);
		places.list[i] = place(entries[i], entries[i]);
	}
	places_sort(&places);
	for (unsigned i = 0; i < 50000; i += 7) {
		sprintf(path, "/e%u/x", i);
		sprintf(expected, "/e%u/x", i);
		assert_true(places_target(&places, path, target, sizeof(target)));
		assert_string_equal(target, expected);
	}
	assert_false(places_target(&places, "/e50000", target, sizeof(target)));
	free(places.list);
	free(entries);
}

static void
paths(void **state)
{
	static const char *const rows[][3] = {
		{ "/home", "a", "/home/a" }, { "/home", "/a", "/a" }, { "/home", "", "/home" }, { "/home", ".", "/home" },
		{ "/home", "..", "/" }, { "/home/", "../../../a", "/a" }, { "/", "a/./b//c/../d/", "/a/b/d" },
		{ "/", "", "/" },
		{ "/home", "/..", "/" }, { "/home", "...", "/home/..." }, { "/home", "/a/..b", "/a/..b" },
		{ "/h", "//", "/" },
	};
	char path[64], small[6];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(places_resolve(rows[i][0], rows[i][1], path, sizeof(path)));
		assert_string_equal(path, rows[i][2]);
	}
	assert_true(places_resolve("/", "abcd", small, sizeof(small)));
	assert_false(places_resolve("/", "abcde", small, sizeof(small)));
	assert_string_equal(small, "/abcd");
	assert_false(places_resolve("/", "abcde/../x", small, sizeof(small)));
	assert_string_equal(small, "/abcd");
	assert_false(places_resolve("/abcd", "x", small, sizeof(small)));
	assert_string_equal(small, "/abcd");
}

static void
lost_ones_are_counted(void **state)
{
	(void)state;
	begin();
	tracker_lost(tracker, START, 5);
	tracker_lost(tracker, START, 0);
	expect("dropped\n");
	assert_int_equal(said.totals.dropped, 5);
	said.full = true;
	is(0, "mkdir name \"/d\" mode 0755");
	is(0, "mkdir name \"/e\" mode 0755");
	settle_after(SECOND);
	said.full = false;
	is(0, IO_ERROR);
	expect("mkdir /e Failure\n"); /* there is nothing that it could correct */
	end();
	expect("session-close 1000000 us\n");
	assert_true(said.totals.dropped == 7 && said.totals.operations == 2 && said.totals.failed == 1);
}

static void
only_what_was_opened_is_closed(void **state)
{
	static const struct places none;

	(void)state;
	memset(&said, 0, sizeof(said));
	tracker = tracker_new("/home", &none, sink, NULL);
	tracker_finish(tracker, START);
	expect("");
	tracker_free(tracker);
	tracker = tracker_new("/home", &none, sink, NULL);
	tracker_sealed(tracker, START, false);
	tracker_sealed(tracker, START, true);
	clock_us = 0;
	is(5, "mkdir name \"d\" mode 0755");
	tracker_finish(tracker, START + 10);
	tracker_finish(tracker, START + 20);
	expect("session-open\nmkdir /d ok\nsession-close 10 us\n");
	tracker_free(tracker);
}

/* random_line: of few names, so that the lines have to do with each other. */
static void
random_line(char *text, size_t size)
{
	static const char *const formats[] = {
		"open \"%s\" flags READ mode 0644", "open \"%s\" flags WRITE,CREATE mode 0644",
		"open \"%s\" flags READ,WRITE mode 0",
		"close \"%s\" bytes read 5 written 0", "close \"%s\" bytes read 0 written 5",
		"forced close \"%s\" bytes read 0 written 1",
		"mkdir name \"%s\" mode 0755", "remove name \"%s\"", "set \"%s\" mode 0644",
		"set \"%s\" modtime 20261122-10:30:00",
		"rename old \"%s\" new \"x\"", "opendir \"%s\"", "closedir \"%s\"", "stat name \"%s\"", "fsync \"%s\"",
		"unknown %s",
		"error: process_write: write \"%s\": No space left on device", "sent status Failure",
		"sent status No such file",
		"sent status No such file", "session opened for local user x from [y]",
		"session closed for local user x from [y]",
	};
	static const char *const names[] = { "/a", "b", "/a\" flags READ mode 0644", "..", "" };
	const char *format = formats[(size_t)rand() % COUNT(formats)], *place = strstr(format, "%s");
	int before = place != NULL ? (int)(place - format) : 0;

	if (place == NULL)
		snprintf(text, size, "%s", format);
	else
		snprintf(text, size, "%.*s%s%s", before, format, names[(size_t)rand() % COUNT(names)], place + 2);
}

static void
a_hundred_thousand_lines(void **state)
{
	char text[200];

	(void)state;
	srand(20261122);
	begin();
	for (int i = 0; i < 100000; i++) {
		random_line(text, sizeof(text));
		by(rand() % 80, rand() % 1000, text);
		settle_after(rand() % 20 == 0 ? 300 * 1000 : 0);
		assert_true(said.totals.dropped == 0);
		said.used = 0;
	}
	end();
	assert_true(said.totals.operations > 50000 && said.totals.failed <= said.totals.operations);
	assert_true(said.totals.files_put + said.totals.files_got <= said.totals.operations);
	assert_true(said.totals.bytes_put < 100000 * 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transfers),
		cmocka_unit_test(put_or_get),
		cmocka_unit_test(operations),
		cmocka_unit_test(its_own_status),
		cmocka_unit_test(the_status_of_a_stat),
		cmocka_unit_test(the_status_of_a_logged_stat),
		cmocka_unit_test(a_late_status),
		cmocka_unit_test(errors_of_open_files),
		cmocka_unit_test(a_write_that_stops_short),
		cmocka_unit_test(an_open_said_to_fail_that_did_not),
		cmocka_unit_test(several_attributes_of_one_request),
		cmocka_unit_test(files_left_open),
		cmocka_unit_test(processes_of_their_own),
		cmocka_unit_test(too_many_processes),
		cmocka_unit_test(too_many_open_files),
		cmocka_unit_test(opens_that_fail_take_no_place),
		cmocka_unit_test(the_same_name_open_twice),
		cmocka_unit_test(cut_lines),
		cmocka_unit_test(targets),
		cmocka_unit_test(everything_below_the_root),
		cmocka_unit_test(fifty_thousand_places),
		cmocka_unit_test(paths),
		cmocka_unit_test(lost_ones_are_counted),
		cmocka_unit_test(only_what_was_opened_is_closed),
		cmocka_unit_test(a_hundred_thousand_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
