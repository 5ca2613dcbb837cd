/* The texts that `berth setup` writes itself. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "admin_cmd/setup/texts.h"
#include "common/host/config.h"

#define DROP_IN "/etc/ssh/sshd_config.d/berth.conf"
#define ID      "s-0123456789abcdef0"

static void
is_text(char *text, const char *wanted)
{
	assert_string_equal(text, wanted);
	free(text);
}

static void
no_fault(void *context, const char *fault)
{
	(void)context;
	fail_msg("%s", fault);
}

static void
test_a_new_configuration_is_one(void **state)
{
	struct config config = { 0 };
	char *text = text_config(NULL, ID);

	(void)state;
	assert_int_equal(config_parse(&config, "new", text, strlen(text), no_fault, NULL), 0);
	assert_string_equal(config.server_id, ID);
	config_free(&config);
	free(text);
}

static void
test_a_server_id_goes_to_the_end(void **state)
{
	(void)state;
	is_text(text_config("", ID), "ServerId " ID "\n");
	is_text(text_config("MinUid 2000\n", ID), "MinUid 2000\nServerId " ID "\n");
	is_text(text_config("MinUid 2000", ID), "MinUid 2000\nServerId " ID "\n");
}

static void
test_the_drop_in_has_the_configured_keys_user(void **state)
{
	(void)state;
	is_text(text_sshd_drop_in("# x\nAuthorizedKeysCommandUser  berth-keys\nMatch\n", "other"),
	    "# x\nAuthorizedKeysCommandUser  other\nMatch\n");
	is_text(text_sshd_drop_in("# x\nAuthorizedKeysCommandUser berth-keys", "berth-keys"),
	    "# x\nAuthorizedKeysCommandUser berth-keys");
	is_text(text_sshd_drop_in("# none\n", "other"), "# none\n");
}

static void
test_whether_the_directory_is_read(void **state)
{
	static const char *const read[] = {
		"Include /etc/ssh/sshd_config.d/*.conf\n",
		"# Include\n\n  include\tsshd_config.d/*.conf",
		"Port 22\nInclude /none \"/etc/ssh/sshd_config.d/*\"\nMatch all\n",
		"Include=/etc/ssh/sshd_config.d/b*.conf\n",
		"Include /etc/ssh/sshd_config.d/berth.conf\r\n",
		"Include /etc/ssh/*/*.conf\n",
	};
	static const char *const not_read[] = {
		"",
		"#Include /etc/ssh/sshd_config.d/*.conf\n",
		"Include\n",
		"Include /etc/ssh/*.conf\n",
		"Include /etc/ssh/sshd_config.d/[0-9]*.conf # /etc/ssh/sshd_config.d/*.conf\n",
		"Include /none # /etc/ssh/sshd_config.d/*.conf\n",
		"Match User a\nInclude /etc/ssh/sshd_config.d/*.conf\n",
		"IncludeAll /etc/ssh/sshd_config.d/*.conf\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++)
		if (!text_reads_drop_in(read[i], DROP_IN))
			fail_msg("not seen: %s", read[i]);
	for (size_t i = 0; i < sizeof(not_read) / sizeof(not_read[0]); i++)
		if (text_reads_drop_in(not_read[i], DROP_IN))
			fail_msg("seen: %s", not_read[i]);
}

static void
test_the_include_comes_and_goes(void **state)
{
	static const char *const texts[] = { "", "Port 22", "Port 22\nMatch all\n", "\n\n# x\r\n" };
	char *added;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		added = text_include_add(texts[i], DROP_IN);
		assert_true(text_reads_drop_in(added, DROP_IN));
		is_text(text_include_remove(added, DROP_IN), texts[i]);
		is_text(text_include_remove(texts[i], DROP_IN), texts[i]);
		free(added);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_configuration_is_one),
		cmocka_unit_test(test_a_server_id_goes_to_the_end),
		cmocka_unit_test(test_the_drop_in_has_the_configured_keys_user),
		cmocka_unit_test(test_whether_the_directory_is_read),
		cmocka_unit_test(test_the_include_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
