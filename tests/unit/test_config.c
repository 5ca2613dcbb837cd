/*
 * The configuration file: what is read, and what each fault says.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/host/config.h"
#include "common/wire/limits.h"

struct reports {
	char text[65536];
	size_t count;
};

static void
keep_report(void *context, const char *fault)
{
	struct reports *reports = context;
	size_t used = strlen(reports->text);

	snprintf(reports->text + used, sizeof(reports->text) - used, "%s\n", fault);
	reports->count++;
}

static struct reports reports;

static int
parse_bytes(struct config *config, const char *text, size_t length)
{
	reports.text[0] = '\0';
	reports.count = 0;
	return config_parse(config, "berth.conf", text, length, keep_report, &reports);
}

static int
parse(struct config *config, const char *text)
{
	return parse_bytes(config, text, strlen(text));
}

/* refused: the text has exactly one fault, and its report has each of these two pieces. */
static void
refused(const char *text, const char *piece, const char *other)
{
	struct config config;

	if (parse(&config, text) == 0)
		fail_msg("accepted: %s", text);
	if (reports.count != 1 || strstr(reports.text, piece) == NULL || strstr(reports.text, other) == NULL)
		fail_msg("'%s' gave %zu reports: %s", text, reports.count, reports.text);
	config_free(&config);
}

static void
accepted(const char *text)
{
	struct config config;

	if (parse(&config, text) != 0)
		fail_msg("refused: %s: %s", text, reports.text);
	assert_int_equal(reports.count, 0);
	config_free(&config);
}

static void
an_empty_file_is_all_defaults(void **state)
{
	struct config config;

	(void)state;
	assert_int_equal(parse(&config, ""), 0);
	assert_null(config.server_id);
	assert_string_equal(config.store, "sqlite:/var/lib/berth/berth.db");
	assert_string_equal(config.user, "berth");
	assert_string_equal(config.keys_user, "berth-keys");
	assert_string_equal(config.data_root, "/srv/berth");
	assert_string_equal(config.region, "us-east-1");
	assert_string_equal(config.account_id, "000000000000");
	assert_true(config.create_home);
	assert_false(config.path_shows_all);
	assert_int_equal(config.min_uid, 1000);
	assert_int_equal(config.min_gid, 1000);
	assert_int_equal(config.min_rsa_bits, 2048);
	assert_int_equal(config.target_seconds, 10);
	assert_false(config.has_default_profile);
	assert_int_equal(config.bucket_count, 0);
	assert_int_equal(config.share_uid_count, 0);
	assert_int_equal(config.api_listen.port, 8443);
	assert_true(config_listens_on_loopback(&config));
	assert_null(config.api_certificate);
	assert_null(config.api_certificate_key);
	assert_false(config.api_insecure);
	assert_string_equal(config.api_keys_file, "/var/lib/berth/api-keys.json");
	assert_string_equal(config.api_log_file, "/var/log/berth/api.jsonl");
	assert_null(config.api_metrics_token_file);
	assert_int_equal(config.api_rate, 100);
	assert_false(config_store_is_remote(&config));
	assert_null(config.store_credentials);
	assert_null(config.store_profile);
	assert_null(config.store_ca_file);
	assert_string_equal(config.cache_file, "/var/lib/berth/cache.db");
	assert_int_equal(config.cache_seconds, 60);
	assert_int_equal(config.stale_seconds, 86400);
	assert_int_equal(config.lookup_seconds, 5);
	config_free(&config);
}

static void
every_keyword_is_read(void **state)
{
	static const char text[] =
	    "# a comment\n"
	    "   \t \n"
	    "ServerId s-0123456789abcdef0\n"
	    "STORE\tsqlite:/data/berth.db   # a comment behind a value\r\n"
	    "user nobody\n"
	    "KeysUser keys_user\n"
	    "  DataRoot \"/srv/with space # and hash\"\n"
	    "Bucket inbox /mnt/s3/inbox\n"
	    "bucket \"two words\" /mnt/two#words\n"
	    "HostPublicKey /etc/ssh/other.pub\n"
	    "CreateHome NO\n"
	    "PathShowsAll yes\n"
	    "DefaultPosixProfile 6000:7000\n"
	    "MinUid 5000\n"
	    "MinGid 4294967294\n"
	    "MinGid\n";
	struct config config;

	(void)state;
	/* The last two lines are faults, so that the file shows both: MinGid twice, and a gid below it. */
	assert_int_equal(parse(&config, text), -1);
	assert_int_equal(reports.count, 2);
	assert_string_equal(config.server_id, "s-0123456789abcdef0");
	assert_string_equal(config.host_public_key, "/etc/ssh/other.pub");
	assert_string_equal(config.store, "sqlite:/data/berth.db");
	assert_string_equal(config.user, "nobody");
	assert_string_equal(config.keys_user, "keys_user");
	assert_string_equal(config.data_root, "/srv/with space # and hash");
	assert_int_equal(config.bucket_count, 2);
	assert_string_equal(config.buckets[0].name, "inbox");
	assert_string_equal(config.buckets[0].path, "/mnt/s3/inbox");
	assert_string_equal(config.buckets[1].name, "two words");
	assert_string_equal(config.buckets[1].path, "/mnt/two#words");
	assert_false(config.create_home);
	assert_true(config.path_shows_all);
	assert_int_equal(config.min_uid, 5000);
	assert_int_equal(config.min_gid, 4294967294u);
	config_free(&config);
}

static void
the_rest_of_the_keywords(void **state)
{
	static const char text[] =
	    "ShareUid 1234\nShareUid 1235\nRegion eu-west-3\nAccountId 123456789012\nMinRsaBits 3072\n"
	    "TargetSeconds 30\nDefaultPosixProfile 2000:2001";
	struct config config;

	(void)state;
	assert_int_equal(parse(&config, text), 0);
	assert_int_equal(config.share_uid_count, 2);
	assert_true(config_shares_uid(&config, 1234));
	assert_true(config_shares_uid(&config, 1235));
	assert_false(config_shares_uid(&config, 1236));
	assert_string_equal(config.region, "eu-west-3");
	assert_string_equal(config.account_id, "123456789012");
	assert_int_equal(config.min_rsa_bits, 3072);
	assert_int_equal(config.target_seconds, 30);
	assert_true(config.has_default_profile);
	assert_int_equal(config.default_uid, 2000);
	assert_int_equal(config.default_gid, 2001);
	config_free(&config);
}

static void
the_keywords_of_berth_api(void **state)
{
	static const char text[] =
	    "ApiListen 192.0.2.1:443\nApiCertificate /etc/berth/api.pem\nApiCertificateKey /etc/berth/api.key\n"
	    "ApiInsecure yes\nApiKeysFile /data/keys.json\nApiLogFile /data/api.jsonl\n"
	    "ApiMetricsTokenFile /etc/berth/token\napirate 0";
	struct config config;

	(void)state;
	assert_int_equal(parse(&config, text), 0);
	assert_int_equal(config.api_listen.port, 443);
	assert_string_equal(config.api_certificate, "/etc/berth/api.pem");
	assert_string_equal(config.api_certificate_key, "/etc/berth/api.key");
	assert_true(config.api_insecure);
	assert_string_equal(config.api_keys_file, "/data/keys.json");
	assert_string_equal(config.api_log_file, "/data/api.jsonl");
	assert_string_equal(config.api_metrics_token_file, "/etc/berth/token");
	assert_int_equal(config.api_rate, 0);
	config_free(&config);
	/* That they fit together is berth-api's to check: what is wrong with it must not keep anybody from logging in. */
	accepted("ApiListen 0.0.0.0:80");
	accepted("ApiCertificate /etc/berth/api.pem");
	accepted("ApiRate 100000");
}

static void
the_keywords_of_a_store_kept_elsewhere(void **state)
{
	static const char text[] =
	    "Store transfer:https://users.example.com:8443\nStoreCredentials /etc/berth/credentials\nStoreProfile \"my sftp\"\n"
	    "StoreCAFile /etc/berth/ca.pem\nCacheFile /data/cache.db\nCacheSeconds 1\nStaleSeconds 0\nlookupseconds 10";
	struct config config;

	(void)state;
	assert_int_equal(parse(&config, text), 0);
	assert_true(config_store_is_remote(&config));
	assert_string_equal(config.store, "transfer:https://users.example.com:8443");
	assert_string_equal(config.store_credentials, "/etc/berth/credentials");
	assert_string_equal(config.store_profile, "my sftp");
	assert_string_equal(config.store_ca_file, "/etc/berth/ca.pem");
	assert_string_equal(config.cache_file, "/data/cache.db");
	assert_int_equal(config.cache_seconds, 1);
	assert_int_equal(config.stale_seconds, 0);
	assert_int_equal(config.lookup_seconds, 10);
	config_free(&config);
	accepted("CacheSeconds 86400\nStaleSeconds 31536000\nLookupSeconds 1");
}

/* Where a store may be kept: over TLS, or on this host itself. */
static void
stores_kept_elsewhere(void **state)
{
	static const char *const TAKEN[] = {
		"", "https://x", "https://users.example.com", "https://users.example.com:65535", "https://192.0.2.7:1",
		"https://[2001:db8::7]", "https://[2001:db8::7]:8443", "http://127.0.0.1:8443", "http://localhost", "http://[::1]:1",
	};
	static const char *const NOT_TAKEN[] = {
		"users.example.com", "https", "https:", "https://", "https:///", "https://:8443", "https://x/", "https://x/path",
		"https://x?y", "https://x:", "https://x:0", "https://x:65536", "https://x:y", "https://x:1/", "https://user@x",
		"https://user:password@x", "https://x#y", "https://x\\y", "https://[::1", "https://[]:1", "https://[::1]x",
		"https://[x]:1", "HTTPS://x", "ftp://x", "http://users.example.com", "http://127.0.0.1.example.com", "http://127.0.0.2",
		"http://localhost.example.com", "http://[::2]", "http://", "//x", "sqlite:/x",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(TAKEN) / sizeof(TAKEN[0]); i++) {
		snprintf(text, sizeof(text), "Store transfer:%s", TAKEN[i]);
		accepted(text);
	}
	for (size_t i = 0; i < sizeof(NOT_TAKEN) / sizeof(NOT_TAKEN[0]); i++) {
		snprintf(text, sizeof(text), "Store \"transfer:%s\"", NOT_TAKEN[i]);
		refused(text, "Store: ", "transfer:https://HOST[:PORT], or transfer: for AWS Transfer in the Region");
	}
	refused("Store transfer", "Store: not a kind of store", "allowed");
	refused("Store transfer:http://users.example.com", "what is signed there could be read on the way", "allowed");
	refused("StoreCredentials credentials", "StoreCredentials: not an absolute path", "allowed");
	refused("StoreProfile \"\"", "StoreProfile: empty", "allowed: the name of a profile");
	refused("StoreCAFile ca.pem", "StoreCAFile: not an absolute path", "allowed");
	refused("CacheFile cache.db", "CacheFile: not an absolute path", "allowed");
	refused("CacheSeconds 0", "CacheSeconds", "1 to 86400");
	refused("CacheSeconds 86401", "CacheSeconds", "1 to 86400");
	refused("StaleSeconds 31536001", "StaleSeconds", "0 to 31536000");
	refused("StaleSeconds -1", "StaleSeconds", "0 to 31536000");
	refused("LookupSeconds 0", "LookupSeconds", "1 to 10");
	refused("LookupSeconds 11", "LookupSeconds", "1 to 10");
}

/* listens: the value is read as this address (as IPv6 writes it) and port. */
static void
listens(const char *value, const char *address, unsigned port, bool loopback)
{
	char text[128], found[INET6_ADDRSTRLEN];
	struct config config;

	snprintf(text, sizeof(text), "ApiListen %s", value);
	if (parse(&config, text) != 0)
		fail_msg("refused: %s: %s", text, reports.text);
	assert_non_null(inet_ntop(AF_INET6, &config.api_listen.address, found, sizeof(found)));
	assert_string_equal(found, address);
	assert_int_equal(config.api_listen.port, port);
	assert_int_equal(config_listens_on_loopback(&config), loopback);
	config_free(&config);
}

static void
an_address_and_a_port(void **state)
{
	static const char *const NONE[] = {
		"8443", ":8443", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1",
		"127.0.0.1:https", "127.0.0.1:80x", "127.0.0.1:8443:", "localhost:8443", "*:8443", "127.1:8443",
		"0x7f000001:80", "127.0.0.1/8:80", "256.0.0.1:80", "[127.0.0.1]:80", "[]:80", "[::1]", "::1:8443",
		"[::1:8443", "::1]:8443", "[::1]8443", "[::1]x:8443", "[fe80::1%lo]:80", "[1:2:3:4:5:6:7:8:9]:80",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:00001]:80", "\"\"",
	};
	char text[128];

	(void)state;
	listens("127.0.0.1:8443", "::ffff:127.0.0.1", 8443, true);
	listens("127.255.255.254:1", "::ffff:127.255.255.254", 1, true);
	listens("0.0.0.0:443", "::ffff:0.0.0.0", 443, false);
	listens("128.0.0.1:65535", "::ffff:128.0.0.1", 65535, false);
	listens("192.0.2.7:80", "::ffff:192.0.2.7", 80, false);
	listens("[::1]:8443", "::1", 8443, true);
	listens("[::]:8443", "::", 8443, false);
	listens("[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80, true);
	listens("[::127.0.0.1]:80", "::127.0.0.1", 80, false);
	listens("[2001:db8::7]:80", "2001:db8::7", 80, false);
	for (size_t i = 0; i < sizeof(NONE) / sizeof(NONE[0]); i++) {
		snprintf(text, sizeof(text), "ApiListen %s", NONE[i]);
		refused(text, "ApiListen: not ", "allowed: ADDRESS:PORT, such as 127.0.0.1:8443, 0.0.0.0:443 or [::1]:8443");
	}
}

static void
faults_name_file_line_and_what_is_allowed(void **state)
{
	(void)state;
	refused("\n\nCreateHome maybe\n", "berth.conf line 3: CreateHome: ", "allowed: yes, no");
	refused("Colour blue\n", "berth.conf line 1: Colour: unknown keyword; allowed: ServerId, Store, ", "TargetSeconds");
	refused("ServrId s-0123456789abcdef0", "ServrId: unknown keyword, is ServerId meant?", "allowed:");
	refused("MinUid", "a value is missing", "1000 to 4294967294");
	refused("MinUid 1000 1001", "too many values", "line 1");
	refused("User a\n#\nUser b", "line 3: User: stands on line 1 already", "once");
	refused("Bucket a /a\nBucket a /b\n", "line 2: Bucket: ", "a path already");
	refused("DataRoot \"/srv", "a quote isn't closed", "DataRoot");
	refused("DataRoot \"/srv\"x", "follows a closing quote", "DataRoot");
	refused("DataRoot /s\"rv\"", "a quote inside a word", "DataRoot");
	refused("\"DataRoot", "a quote isn't closed", "line 1");
}

static void
all_faults_of_a_file_are_reported(void **state)
{
	struct config config;

	(void)state;
	assert_int_equal(parse(&config, "MinUid 1\nNonsense\nRegion UP\nMinGid 2"), -1);
	assert_int_equal(reports.count, 4);
	config_free(&config);
}

static void
values_are_checked(void **state)
{
	(void)state;
	refused("ServerId s-0123456789abcdef", "ServerId", "17 hex");
	refused("ServerId s-0123456789ABCDEF0", "ServerId", "17 hex");
	refused("ServerId x-0123456789abcdef0", "ServerId", "17 hex");
	refused("ServerId s-0123456789abcdef01", "ServerId", "17 hex");
	refused("Store /var/lib/berth.db", "Store", "sqlite:PATH");
	refused("Store sqlite:berth.db", "Store: not an absolute path", "sqlite:PATH");
	refused("Store etcd:/x", "Store", "sqlite:PATH");
	refused("User root", "User", "other than root");
	refused("User 0", "User", "local account");
	refused("User \"\"", "User", "local account");
	refused("KeysUser -x", "KeysUser", "local account");
	refused("DataRoot srv", "DataRoot: not an absolute path", "allowed");
	refused("DataRoot /", "DataRoot", "not / itself");
	refused("DataRoot /srv/", "empty component", "allowed");
	refused("DataRoot /srv//berth", "empty component", "allowed");
	refused("DataRoot /srv/./berth", ". or ..", "allowed");
	refused("DataRoot /srv/..", ". or ..", "allowed");
	accepted("DataRoot /srv/...");
	accepted("DataRoot /srv/.berth");
	refused("Bucket a/b /c", "Bucket", "without '/'");
	refused("Bucket .. /c", "Bucket", "allowed");
	refused("Bucket \"\" /c", "Bucket", "allowed");
	refused("Bucket a", "a value is missing", "Bucket");
	refused("Bucket a c", "not an absolute path", "Bucket");
	refused("MinUid 999", "MinUid", "1000");
	refused("MinUid 4294967295", "MinUid", "4294967294");
	refused("MinUid 99999999999999999999", "MinUid", "4294967294");
	refused("MinUid 0x1000", "MinUid", "number");
	refused("MinUid +1000", "MinUid", "number");
	refused("MinUid -1", "MinUid", "number");
	refused("ShareUid 0", "ShareUid", "1000");
	refused("ShareUid 1000\nShareUid 1000", "line 2: ShareUid", "once");
	refused("ShareUid 1111839316", "ShareUid", "1000"); /* berth-users' own number */
	refused("Region us_east", "Region", "digits");
	refused("Region \"\"", "Region", "digits");
	refused("AccountId 12345678901", "AccountId", "12 digits");
	refused("AccountId 12345678901x", "AccountId", "12 digits");
	refused("MinRsaBits 512", "MinRsaBits", "1024");
	refused("TargetSeconds 0", "TargetSeconds", "1 to 300");
	refused("PathShowsAll 1", "PathShowsAll", "yes, no");
	refused("ApiCertificate api.pem", "ApiCertificate: not an absolute path", "allowed");
	refused("ApiCertificateKey /", "ApiCertificateKey", "not / itself");
	refused("ApiInsecure on", "ApiInsecure", "yes, no");
	refused("ApiKeysFile /var/lib/../keys", "ApiKeysFile", ". or ..");
	refused("ApiLogFile /var/log/", "ApiLogFile", "empty component");
	refused("ApiMetricsTokenFile token", "ApiMetricsTokenFile: not an absolute path", "allowed");
	refused("ApiRate 100001", "ApiRate", "from 0 (without bound) to 100000");
	refused("ApiRate -1", "ApiRate", "requests a second");
	refused("ApiRate unlimited", "ApiRate", "requests a second");
}

static void
the_default_profile_obeys_the_floors(void **state)
{
	(void)state;
	refused("DefaultPosixProfile 2000", "no ':'", "UID:GID");
	refused("DefaultPosixProfile 2000:", "DefaultPosixProfile", "UID:GID");
	refused("DefaultPosixProfile 0:2000", "DefaultPosixProfile", "UID:GID");
	refused("DefaultPosixProfile 2000:2000:2000", "DefaultPosixProfile", "UID:GID");
	refused("DefaultPosixProfile 2000:1111839316", "DefaultPosixProfile", "reserved");
	refused("DefaultPosixProfile 2000:2000\nMinUid 3000", "line 1: DefaultPosixProfile: the uid", "uid from 3000");
	refused("MinGid 3000\nDefaultPosixProfile 2000:2000", "line 2: DefaultPosixProfile: the gid", "gid from 3000");
	accepted("DefaultPosixProfile 3000:3000\nMinUid 3000\nMinGid 3000");
}

static void
bytes_that_are_no_text_are_refused(void **state)
{
	struct config config;
	char *text = malloc(20000);

	(void)state;
	assert_non_null(text);
	assert_int_equal(parse_bytes(&config, "MinUid 1000\0MinGid 1\n", 21), -1);
	assert_non_null(strstr(reports.text, "NUL"));
	config_free(&config);
	refused("Region us\x1b[31m", "control character", "line 1");
	refused("DataRoot /srv/\x7f", "control character", "line 1");

	memset(text, 'x', 20000);
	assert_int_equal(parse_bytes(&config, text, 20000), -1);
	assert_non_null(strstr(reports.text, "longer than"));
	config_free(&config);
	memset(text, ' ', 8192);
	assert_int_equal(parse_bytes(&config, text, 8192), 0);
	config_free(&config);

	memcpy(text, "DataRoot /", 10);
	memset(text + 10, 'y', 8000);
	assert_int_equal(parse_bytes(&config, text, 8010), -1);
	assert_non_null(strstr(reports.text, "too long"));
	config_free(&config);
	free(text);
}

/* random_bytes_never_break_it: no crash and no leak, whatever comes; what is accepted is within its limits. */
static void
random_bytes_never_break_it(void **state)
{
	static const char *const words[] = {
		"ServerId ", "Bucket ", "MinUid ", "DefaultPosixProfile ", "ApiListen ", "[", "]", "\"", " ", "#", "\n", "/",
		"..", "1000",
		"4294967295", ":", "\r", "\t", "sqlite:", "yes", "DataRoot ", "ShareUid ", "\\", "x",
	};
	const size_t word_count = sizeof(words) / sizeof(words[0]);
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct config config;
		char text[256] = "";
		size_t used = 0, count = (size_t)(rand_r(&seed) % 16);

		while (count-- > 0)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
			    words[(size_t)rand_r(&seed) % word_count]);
		if (used > 0 && rand_r(&seed) % 4 == 0)
			text[(size_t)rand_r(&seed) % used] = (char)rand_r(&seed);
		if (parse_bytes(&config, text, used) == 0) {
			assert_int_equal(reports.count, 0);
			assert_true(config.min_uid >= ID_FLOOR);
			assert_true(config.data_root[0] == '/');
		} else {
			assert_true(reports.count > 0);
		}
		config_free(&config);
	}
}

/* Files. */

static char directory[] = "/tmp/berth-test-config-XXXXXX";
static char path[64];

static int
make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/berth.conf", directory);
	return 0;
}

static int
remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static void
write_file(const char *text, size_t length)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static int
load(struct config *config, const char *file)
{
	reports.text[0] = '\0';
	reports.count = 0;
	return config_load(config, file, keep_report, &reports);
}

static void
load_refused(const char *file, const char *piece)
{
	struct config config;

	assert_int_equal(load(&config, file), -1);
	if (reports.count != 1 || strstr(reports.text, piece) == NULL || strstr(reports.text, file) == NULL)
		fail_msg("expected %s: %s", piece, reports.text);
	config_free(&config);
}

static void
a_file_is_read(void **state)
{
	struct config config;

	(void)state;
	write_file("MinUid 2000\n", 12);
	assert_int_equal(load(&config, path), 0);
	assert_int_equal(config.min_uid, 2000);
	config_free(&config);
	write_file("", 0);
	assert_int_equal(load(&config, path), 0);
	config_free(&config);
	unlink(path);
}

static void
only_a_safe_file_is_read(void **state)
{
	char link[80];

	(void)state;
	load_refused(path, "No such file");
	load_refused("/dev/zero", "not a regular file");
	load_refused(directory, "not a regular file");
	assert_int_equal(mkfifo(path, 0600), 0);
	load_refused(path, "not a regular file"); /* and doesn't wait for a writer */
	unlink(path);

	write_file("MinUid 2000\n", 12);
	assert_int_equal(chmod(path, 0664), 0);
	load_refused(path, "writable by its owner alone");
	assert_int_equal(chmod(path, 0646), 0);
	load_refused(path, "writable by its owner alone");
	assert_int_equal(chmod(path, 0644), 0);
	snprintf(link, sizeof(link), "%s/link", directory);
	assert_int_equal(symlink(path, link), 0);
	load_refused(link, "symbolic link");
	unlink(link);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		load_refused(path, "belongs to uid 65534");
	}
	unlink(path);
}

static void
a_file_that_is_too_large_is_refused(void **state)
{
	const size_t size = 1024 * 1024;
	char *text = malloc(size + 1);
	struct config config;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', size + 1);
	write_file(text, size);
	assert_int_equal(load(&config, path), 0);
	config_free(&config);
	write_file(text, size + 1);
	load_refused(path, "larger than 1 MiB");
	free(text);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_is_all_defaults),
		cmocka_unit_test(every_keyword_is_read),
		cmocka_unit_test(the_rest_of_the_keywords),
		cmocka_unit_test(the_keywords_of_berth_api),
		cmocka_unit_test(the_keywords_of_a_store_kept_elsewhere),
		cmocka_unit_test(stores_kept_elsewhere),
		cmocka_unit_test(an_address_and_a_port),
		cmocka_unit_test(faults_name_file_line_and_what_is_allowed),
		cmocka_unit_test(all_faults_of_a_file_are_reported),
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(the_default_profile_obeys_the_floors),
		cmocka_unit_test(bytes_that_are_no_text_are_refused),
		cmocka_unit_test(random_bytes_never_break_it),
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(only_a_safe_file_is_read),
		cmocka_unit_test(a_file_that_is_too_large_is_refused),
	};

	return cmocka_run_group_tests_name("config", tests, make_directory, remove_directory);
}
