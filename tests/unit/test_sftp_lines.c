/*
 * The lines of sftp-server's log, with names made to be taken for something else. The lines are written here as sftp-server
 * writes them: escaped by vis(3)'s rules, then cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session_helper/sftp_line.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Names that look like the end of a line, like an escape, or like nothing that can be shown. */
static const char *const names[] = {
	"/plain", "", "relative", "/", " ", "\"", "\"\"", "/a\"b", "\\", "\\\\", "/a\\", "\\\"", "/a b",
	"/x\" flags READ mode 0644", "/x\" flags READ,WRITE mode 0100", "/x\" bytes read 1 written 2", "/x\" mode 0755",
	"/x\" size 5", "/x\" owner 0 group 0", "/x\": No space left on device", "open \"/x", "\" new", "new \"",
	"/a\nb", "/a\tb", "/a\r\b\a\v\f", "\n", "/\xc3\xa9t\xc3\xa9", "/\xff\xfe\x80", "/\x01\x7f\x1b[31m", "/a\\303\\251",
	"\\n", "\\0", "\\", "/100%s%n", "sent status Failure", "/\xe2\x80\xae",
};

/* vis: as strnvis(3) with VIS_CSTYLE | VIS_NL | VIS_TAB | VIS_OCTAL. */
static size_t
vis(const char *from, size_t length, char *to)
{
	static const char plain[] = "\n\r\b\a\v\t\f\\", letters[] = "nrbavtf\\";
	char *start = to;

	for (size_t i = 0; i < length; i++) {
		const char *special = from[i] != '\0' ? strchr(plain, from[i]) : NULL;

		if (special != NULL)
			to += sprintf(to, "\\%c", letters[special - plain]);
		else if (from[i] >= ' ' && from[i] <= '~')
			*to++ = from[i];
		else
			to += sprintf(to, "\\%03o", (unsigned)(unsigned char)from[i]);
	}
	*to = '\0';
	return (size_t)(to - start);
}

/* log_line: what sftp-server's log makes of a message. */
static void __attribute__((format(printf, 2, 3)))
log_line(struct sftp_line *line, const char *format, ...)
{
	char message[1024], escaped[4 * sizeof(message)], *exact;
	va_list arguments;
	size_t length;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	length = vis(message, strlen(message), escaped);
	if (length > SFTP_LINE_MAX)
		length = SFTP_LINE_MAX;
	exact = malloc(length + 1); /* its own, so that a read behind it is seen */
	assert_non_null(exact);
	memcpy(exact, escaped, length);
	sftp_line_parse(exact, length, line);
	free(exact);
}

#define assert_kind(line, expected) assert_int_equal((line).kind, (expected))

static void
one_name(void **state)
{
	struct sftp_line line;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		log_line(&line, "open \"%s\" flags WRITE,CREATE,TRUNCATE mode 0644", names[i]);
		assert_kind(line, SFTP_OPEN);
		assert_string_equal(line.name, names[i]);
		assert_int_equal(line.flags, SFTP_WRITE | SFTP_CREATE | SFTP_TRUNCATE);
		log_line(&line, "close \"%s\" bytes read 18446744073709551615 written 17", names[i]);
		assert_kind(line, SFTP_CLOSE);
		assert_string_equal(line.name, names[i]);
		assert_true(line.bytes_read == UINT64_MAX && line.bytes_written == 17 && !line.forced);
		log_line(&line, "forced close \"%s\" bytes read 3 written 0", names[i]);
		assert_kind(line, SFTP_CLOSE);
		assert_true(line.forced);
		assert_string_equal(line.name, names[i]);
		log_line(&line, "mkdir name \"%s\" mode 0777", names[i]);
		assert_kind(line, SFTP_MKDIR);
		assert_string_equal(line.name, names[i]);
		log_line(&line, "set \"%s\" owner 5001 group 4294967295", names[i]);
		assert_kind(line, SFTP_SETSTAT);
		assert_string_equal(line.name, names[i]);
		assert_string_equal(line.detail, "owner 5001 group 4294967295");
		log_line(&line, "error: process_write: write \"%s\": No space left on device", names[i]);
		assert_kind(line, SFTP_FAULT);
		assert_string_equal(line.name, names[i]);
		assert_string_equal(line.detail, "No space left on device");
		assert_false(line.cut);
	}
}

static void
every_form(void **state)
{
	static const struct {
		const char *text;
		enum sftp_line_kind kind;
		const char *name, *new_name, *detail;
	} rows[] = {
		{ "session opened for local user alice from [192.0.2.1]", SFTP_SESSION_OPENED, "", "", "" },
		{ "session closed for local user alice from [192.0.2.1]", SFTP_SESSION_CLOSED, "", "", "" },
		{ "opendir \"/a\"", SFTP_OPENDIR, "/a", "", "" },
		{ "closedir \"/a\"", SFTP_CLOSEDIR, "/a", "", "" },
		{ "forced closedir \"/a\"", SFTP_CLOSEDIR, "/a", "", "" },
		{ "rmdir name \"/a\"", SFTP_RMDIR, "/a", "", "" },
		{ "remove name \"/a\"", SFTP_REMOVE, "/a", "", "" },
		{ "rename old \"/a\" new \"/b\"", SFTP_RENAME, "/a", "/b", "" },
		{ "posix-rename old \"/a\" new \"/b\"", SFTP_RENAME, "/a", "/b", "" },
		{ "symlink old \"../a\" new \"/b\"", SFTP_SYMLINK, "../a", "/b", "" },
		{ "hardlink old \"/a\" new \"/b\"", SFTP_LINK, "/a", "/b", "" },
		{ "set \"/a\" size 0", SFTP_SETSTAT, "/a", "", "size 0" },
		{ "set \"/a\" mode 0644", SFTP_SETSTAT, "/a", "", "mode 0644" },
		{ "set \"/a\" modtime 20261122-10:30:00", SFTP_SETSTAT, "/a", "", "modtime 20261122-10:30:00" },
		{ "statvfs \"/a\"", SFTP_STATVFS, "/a", "", "" },
		{ "sent status No such file", SFTP_STATUS, "", "", "No such file" },
		{ "error: process_read: read \"/a\": Is a directory", SFTP_FAULT, "/a", "", "Is a directory" },
		{ "error: process_read: seek \"/a\": Illegal seek", SFTP_FAULT, "/a", "", "Illegal seek" },
		{ "error: Unknown extended request \"x\"", SFTP_ERROR, "", "", "" },
		{ "fatal: Received extended request before init", SFTP_ERROR, "", "", "" },
		{ "fsync \"/a\"", SFTP_SYNC, "/a", "", "" },
		{ "lstat name \"/a\"", SFTP_SILENT, "/a", "", "" },
		{ "received client version 3", SFTP_SILENT, "", "", "" },
		{ "Refusing open request in read-only mode", SFTP_NOTICE, "", "", "" },
		{ "debug3: request 3: sent status 0", SFTP_DEBUG, "", "", "" },
		{ "Refusing mkdir request in read-only mode", SFTP_OTHER, "", "", "" },
		{ "", SFTP_OTHER, "", "", "" },
	};
	struct sftp_line line;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		sftp_line_parse(rows[i].text, strlen(rows[i].text), &line);
		assert_string_equal(line.text, rows[i].text);
		assert_kind(line, rows[i].kind);
		assert_string_equal(line.name, rows[i].name);
		assert_string_equal(line.new_name, rows[i].new_name);
		assert_string_equal(line.detail, rows[i].detail);
	}
}

static void
open_flags(void **state)
{
	static const struct {
		const char *text;
		int flags; /* -1: no form of sftp-server's */
	} rows[] = {
		{ "", 0 }, { "READ", SFTP_READ }, { "READ,WRITE", SFTP_READ | SFTP_WRITE }, { "WRITE", SFTP_WRITE },
		{ "WRITE,APPEND,CREATE", SFTP_WRITE | SFTP_APPEND | SFTP_CREATE }, { "EXCL", SFTP_EXCL },
		{ "READ,WRITE,APPEND,CREATE,TRUNCATE,EXCL", 63 }, { "WRITE,READ", -1 }, { ",READ", -1 }, { "READ,", -1 },
		{ "READWRITE", -1 }, { "READ,READ", -1 }, { "read", -1 }, { "NEW", -1 },
	};
	struct sftp_line line;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		log_line(&line, "open \"/a\" flags %s mode 0666", rows[i].text);
		assert_kind(line, rows[i].flags < 0 ? SFTP_OTHER : SFTP_OPEN);
		assert_int_equal(line.flags, rows[i].flags < 0 ? 0 : rows[i].flags);
	}
}

static void
what_fits_no_form(void **state)
{
	static const char *const texts[] = {
		"open", "open \"", "open \"/a", "open \"/a\"", "open \"/a\" flags READ mode 0",
		"open \"/a\" flags READ mode 0648",
		"open \"/a\" flags READ mode 0644 ", " open \"/a\" flags READ mode 0644", "Open \"/a\" flags READ mode 0644",
		"close \"/a\" bytes read -1 written 2", "close \"/a\" bytes read 18446744073709551616 written 2",
		"close \"/a\" bytes read 1 written ", "close \"/a\" bytes read  written 1",
		"close /a bytes read 1 written 2",
		"mkdir \"/a\" mode 0755", "mkdir name \"/a\" mode 755", "rename old \"/a\"", "rename old \"/a\" new /b",
		"rename old \"/a\" new \"/b", "set \"/a\" mode 9", "set \"/a\" colour red", "set \"/a\" modtime ",
		"set \"/a\" owner 1 group ", "sent status ", "sent statusFailure", "remove name \"/a\" ",
		/* No escapes of vis(3)'s. */
		"remove name \"/\\x41\"", "remove name \"/\\12\"", "remove name \"/\\777\"", "remove name \"/\\000\"",
		"remove name \"/\\\"", "remove name \"/\\s\"", "rename old \"/a\" new \"/\\q\"",
	};
	struct sftp_line line;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		sftp_line_parse(texts[i], strlen(texts[i]), &line);
		if (line.kind != SFTP_OTHER || strcmp(line.name, "") != 0 || line.cut)
			fail_msg("%s: kind %d, name %s", texts[i], (int)line.kind, line.name);
		assert_string_equal(line.text, texts[i]);
		assert_true(line.bytes_read == 0 && line.bytes_written == 0 && line.flags == 0);
	}
}

static void
two_names(void **state)
{
	struct sftp_line line;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		for (size_t j = 0; j < COUNT(names); j++) {
			char both[1024];
			const char *place;

			snprintf(both, sizeof(both), "%s\" new \"%s", names[i], names[j]);
			place = strstr(both, "\" new \"");
			log_line(&line, "rename old \"%s\"", both);
			if (strstr(place + 1, "\" new \"") != NULL) {
				assert_kind(line, SFTP_OTHER);
				assert_string_equal(line.name, "");
				continue;
			}
			assert_kind(line, SFTP_RENAME);
			assert_string_equal(line.name, names[i]);
			assert_string_equal(line.new_name, names[j]);
		}
	}
}

static void
two_names_that_could_be_others(void **state)
{
	static const char *const texts[] = {
		"rename old \"/a\" new \"/b\" new \"/c\"", "rename old \"\" new \" new \"/c\"",
		"symlink old \"/a\" new \"x\" new \"/c\"", "hardlink old \"/a\" new \"\" new \"\"",
	};
	struct sftp_line line;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		sftp_line_parse(texts[i], strlen(texts[i]), &line);
		assert_kind(line, SFTP_OTHER);
		assert_string_equal(line.name, "");
		assert_string_equal(line.new_name, "");
		assert_string_equal(line.text, texts[i]);
	}
}

/* Names of all lengths around the cut, made of escapes of each length, so that the cut falls on every offset of one. */
static void
cut_names(void **state)
{
	static const char *const pieces[] = { "a", "\\", "\n", "\xc3\xa9", "a\xff", "\"", "ab\xff" };
	struct sftp_line line;
	char name[600];

	(void)state;
	for (size_t piece = 0; piece < COUNT(pieces); piece++) {
		for (size_t length = 1; length < 520; length++) {
			size_t step = strlen(pieces[piece]), size;
			char escaped[4 * sizeof(name)];

			for (size_t i = 0; i < length; i++)
				name[i] = pieces[piece][i % step];
			name[length] = '\0';
			size = vis(name, length, escaped);
			log_line(&line, "remove name \"%s\"", name);
			assert_kind(line, SFTP_REMOVE);
			assert_int_equal(line.cut, strlen("remove name \"") + size + 1 >= SFTP_LINE_MAX);
			assert_memory_equal(line.name, name, strlen(line.name));
			assert_true(line.cut || strlen(line.name) == length);
			if (line.cut && strchr(pieces[piece], '"') == NULL)
				assert_true(strlen(line.name) >= (SFTP_LINE_MAX - strlen("remove name \"") - 4) / 4);
		}
	}
}

static void
cut_lines_trust_no_end(void **state)
{
	char filler[SFTP_LINE_MAX + 1];
	struct sftp_line line;

	(void)state;
	memset(filler, 'f', SFTP_LINE_MAX);
	filler[SFTP_LINE_MAX] = '\0';
	log_line(&line, "open \"/x\" flags READ mode 0644\" %s", filler);
	assert_kind(line, SFTP_OTHER);
	assert_true(line.cut && !line.close && line.flags == 0);
	assert_string_equal(line.name, "/x\" flags READ mode 0644"); /* what may be the form's end is not the name's */
	log_line(&line, "forced close \"/x%s\" bytes read 1 written 2", filler);
	assert_kind(line, SFTP_OTHER);
	assert_true(line.cut && line.close && line.bytes_read == 0 && line.bytes_written == 0);
	log_line(&line, "rename old \"/x%s\" new \"/y\"", filler);
	assert_kind(line, SFTP_RENAME);
	assert_true(line.cut);
	assert_string_equal(line.new_name, "");
	assert_memory_equal(line.name, "/xfff", 5);
	log_line(&line, "rename old \"/x\" new \"/y%s\"", filler);
	assert_kind(line, SFTP_OTHER);
	assert_string_equal(line.name, "");
	log_line(&line, "symlink old \"/x%s\" new \"/y\"", filler);
	assert_kind(line, SFTP_OTHER);
	assert_string_equal(line.name, "");
	log_line(&line, "set \"/x%s\" mode 0644", filler);
	assert_kind(line, SFTP_SETSTAT);
	assert_string_equal(line.detail, "");
	log_line(&line, "sent status %s", filler);
	assert_kind(line, SFTP_OTHER);
	log_line(&line, "error: process_write: write \"%s\": Why", filler);
	assert_kind(line, SFTP_ERROR);
	/* Exactly as long as the limit may have been longer. */
	log_line(&line, "remove name \"%.*s\"", SFTP_LINE_MAX - 14, filler);
	assert_true(line.cut);
	log_line(&line, "remove name \"%.*s\"", SFTP_LINE_MAX - 15, filler);
	assert_false(line.cut);
}

static void
long_messages_and_nul(void **state)
{
	char long_one[EVENT_TEXT_MAX + 100];
	struct sftp_line line;

	(void)state;
	memset(long_one, 'x', sizeof(long_one));
	memcpy(long_one, "rmdir name \"", 12);
	sftp_line_parse(long_one, sizeof(long_one), &line);
	assert_kind(line, SFTP_RMDIR);
	assert_true(line.cut);
	assert_int_equal(strlen(line.name), SFTP_LINE_MAX - 12);
	assert_int_equal(strlen(line.text), EVENT_TEXT_MAX);
	sftp_line_parse("rmdir name \"/a\"\0trailing", 24, &line);
	assert_kind(line, SFTP_RMDIR);
	assert_string_equal(line.name, "/a");
	assert_string_equal(line.text, "rmdir name \"/a\"");
}

/* random_message: a beginning that some form has, then bytes of those that matter. */
static size_t
random_message(char *message, size_t size)
{
	static const char *const beginnings[] = {
		"", "open \"", "close \"", "forced close \"", "rename old \"", "symlink old \"", "set \"", "mkdir name \"",
		"sent status ", "error: process_write: write \"", "remove name \"",
	};
	static const char *const pieces[] = {
		"\"", "\" new \"", "\" flags READ mode 0644", "\" bytes read 1 written 2", "\\", "\\303", "\\n", "0", "7",
		"\" mode 0755", "\": why", "/", "a", " ", "\xff", "\n", "..", "\" size 9",
	};
	size_t length = (size_t)snprintf(message, size, "%s", beginnings[(size_t)rand() % COUNT(beginnings)]);
	size_t count = (size_t)(rand() % 4 == 0 ? rand() % 300 : rand() % 8);

	for (size_t i = 0; i < count; i++) {
		const char *piece = pieces[(size_t)rand() % COUNT(pieces)];

		if (length + strlen(piece) + 1 > size)
			break;
		length += (size_t)sprintf(message + length, "%s", piece);
		if (rand() % 50 == 0)
			message[length - 1] = (char)rand();
	}
	return length;
}

static void
assert_inside(const struct sftp_line *line, const char *string)
{
	bool inside = string >= line->memory && string < line->memory + sizeof(line->memory);

	assert_true(inside || *string == '\0');
	if (inside)
		assert_non_null(memchr(string, '\0', (size_t)(line->memory + sizeof(line->memory) - string)));
}

static void
random_bytes_do_no_harm(void **state)
{
	struct sftp_line *line = malloc(sizeof(*line));
	char message[3000];

	(void)state;
	assert_non_null(line);
	srand(20261122);
	for (int i = 0; i < 200000; i++) {
		size_t length = random_message(message, sizeof(message));
		char *exact = malloc(length + 1);

		assert_non_null(exact);
		memcpy(exact, message, length);
		sftp_line_parse(exact, length, line);
		free(exact);
		assert_true((unsigned)line->kind < SFTP_LINE_KINDS);
		assert_inside(line, line->name);
		assert_inside(line, line->new_name);
		assert_inside(line, line->detail);
		assert_inside(line, line->text);
		assert_true(strlen(line->name) <= SFTP_LINE_MAX && strlen(line->new_name) <= SFTP_LINE_MAX);
		assert_true(line->cut == (strnlen(message, length) >= SFTP_LINE_MAX));
		assert_true(!line->cut || (line->flags == 0 && line->bytes_read == 0 && line->bytes_written == 0));
		assert_true(line->flags == 0 || line->kind == SFTP_OPEN);
	}
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_name),
		cmocka_unit_test(every_form),
		cmocka_unit_test(open_flags),
		cmocka_unit_test(what_fits_no_form),
		cmocka_unit_test(two_names),
		cmocka_unit_test(two_names_that_could_be_others),
		cmocka_unit_test(cut_names),
		cmocka_unit_test(cut_lines_trust_no_end),
		cmocka_unit_test(long_messages_and_nul),
		cmocka_unit_test(random_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
