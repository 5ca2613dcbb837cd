/*
 * fill_cache USER FILE STORE SERVER [NAME UID] ...: a cache with the server, ONLINE, and these users, as if they had just
 * been fetched. UID "-": a record without a profile. Each has as many keys as its place among the users, from 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/identity.h"
#include "common/store/cache/cache.h"

#define KEY_BASE64 "AAAAC3NzaC1lZDI1NTE5AAAAIOJF0b2qMAuTf77U4ekCoTTI7A0x4Eg2GTBMTsKYS0C1"

static struct api_error error;

static void
check(int result)
{
	if (result == 0)
		return;
	fprintf(stderr, "%s\n", error.message);
	exit(1);
}

static void
fill_user(struct cache *cache, const char *server_id, char **words, size_t keys)
{
	struct user_record user = { .role = (char *)"arn:aws:iam::000000000000:role/sftp", .key_count = keys };
	struct cache_asked asked;

	snprintf(user.server_id, sizeof(user.server_id), "%s", server_id);
	snprintf(user.user_name, sizeof(user.user_name), "%s", words[0]);
	user.has_profile = strcmp(words[1], "-") != 0;
	user.profile.uid = user.profile.gid = (uint32_t)strtoul(words[1], NULL, 10);
	user.keys = calloc(keys + 1, sizeof(*user.keys));
	for (size_t i = 0; i < keys && user.keys != NULL; i++) {
		strcpy(user.keys[i].type, "ssh-ed25519");
		user.keys[i].base64 = (char *)KEY_BASE64;
	}
	check(cache_asking(cache, &asked, &error));
	check(cache_put_user(cache, &asked, &user, &error));
	free(user.keys);
}

int
main(int argc, char **argv)
{
	struct server_record server = { .online = true };
	struct cache_asked asked;
	struct cache *cache;

	if (argc < 5 || argc % 2 != 1 || (geteuid() == 0 && identity_become(argv[1]) != 0))
		return 2;
	const struct cache_options options = { argv[2], argv[3], argv[4], 60, 86400 };
	check(cache_open(&options, true, &cache, &error));
	snprintf(server.server_id, sizeof(server.server_id), "%s", argv[4]);
	check(cache_asking(cache, &asked, &error));
	check(cache_put_server(cache, &asked, &server, &error));
	for (int i = 5; i < argc; i += 2)
		fill_user(cache, argv[4], argv + i, (size_t)(i - 5) / 2);
	cache_close(cache);
	return 0;
}
