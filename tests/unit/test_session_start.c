/* What the helper is told at its start: good, cut anywhere, and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/host/session_channel.h"
#include "session_helper/start.h"
#include "tests/unit/session_identity.h"

struct told {
	uint32_t version, required, grace, count;
	const char *landing, *entry, *target;
	const struct event_session *session;
};

static const struct told good_start = { SESSION_START_VERSION, 1, 30, 2, "/home", "/in", "/srv/in", &identity };

static int
told_file(const struct told *told, size_t *length)
{
	uint8_t memory[20000];
	struct wire_out out;
	int fd = memfd_create("start", MFD_CLOEXEC);

	wire_out_init(&out, memory, sizeof(memory));
	wire_put_u32(&out, told->version);
	event_put_session(&out, told->session);
	wire_put_u32(&out, told->required);
	wire_put_u32(&out, told->grace);
	wire_put_string(&out, told->landing);
	wire_put_u32(&out, told->count);
	for (int i = 0; i < 2; i++) {
		wire_put_string(&out, i == 0 ? told->entry : "/a");
		wire_put_string(&out, i == 0 ? told->target : "/srv/a");
	}
	assert_false(out.overflow);
	assert_int_equal(write(fd, memory, out.used), out.used);
	*length = out.used;
	return fd;
}

static bool
is_told(const struct told *told)
{
	struct session_start start;
	size_t length;
	int fd = told_file(told, &length);
	bool good = session_start_read(fd, &start) == NULL;

	session_start_free(&start);
	close(fd);
	return good;
}

static void
a_good_start(void **state)
{
	struct session_start start;
	char target[100];
	size_t length;
	int fd = told_file(&good_start, &length);

	(void)state;
	assert_null(session_start_read(fd, &start));
	assert_memory_equal(&start.session, &identity, sizeof(identity));
	assert_true(start.required && start.grace == 30);
	assert_string_equal(start.landing, "/home");
	assert_true(places_target(&start.places, "/in/x", target, sizeof(target)));
	assert_string_equal(target, "/srv/in/x");
	session_start_free(&start);
	while (length-- > 0) {
		assert_int_equal(ftruncate(fd, (off_t)length), 0);
		assert_non_null(session_start_read(fd, &start));
	}
	close(fd);
	assert_non_null(session_start_read(-1, &start));
}

static void
bad_starts(void **state)
{
	struct event_session nobody = identity;
	char longest[EVENT_PATH_MAX + 2];
	struct told told;

	(void)state;
	memset(longest, 'l', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	strcpy(nobody.user, "no body");
#define BAD(member, value) do { told = good_start; told.member = (value); assert_false(is_told(&told)); } while (0)
	BAD(version, SESSION_START_VERSION + 1);
	BAD(session, &nobody);
	BAD(required, 2);
	BAD(grace, 0);
	BAD(grace, 3601);
	BAD(landing, "home");
	BAD(landing, longest);
	BAD(count, 1);
	BAD(count, 3);
	BAD(count, MAPPINGS_MAX + 1);
	BAD(count, UINT32_MAX);
	BAD(entry, "in");
	BAD(entry, "");
	BAD(entry, longest);
	BAD(target, "srv");
#undef BAD
	told = good_start;
	told.landing = "";
	assert_true(is_told(&told));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_start),
		cmocka_unit_test(bad_starts),
	};

	return cmocka_run_group_tests_name("start of the helper", tests, NULL, NULL);
}
