/*
 * A store in a folder of its own, by itself: for the tests of the store, which need nothing of the model.
 */
#ifndef TEST_STORE_FOLDER_H
#define TEST_STORE_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/store/store.h"

#define SERVER "s-0123456789abcdef0"

static char folder[64], path[96], spec[112];
static struct api_error error;

/* An empty folder, in memory where that can be. Returns 0 or -1; folder_remove() is the teardown. */
static inline int
folder_make(void)
{
	strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/berth-store.XXXXXX" : "/tmp/berth-store.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/berth.db", folder);
	snprintf(spec, sizeof(spec), "sqlite:%s", path);
	return 0;
}

static inline int
folder_remove(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static inline struct store *
opened(enum store_mode mode)
{
	struct store *store;

	if (store_open(spec, mode, &store, &error) == -1)
		fail_msg("%s", error.message);
	return store;
}

/* A new store with SERVER in it, open. */
static inline struct store *
with_server(void)
{
	struct server_record server = { .server_id = SERVER, .online = true, .settings = (char *)"{}" };
	struct store *store = opened(STORE_CREATE);

	assert_int_equal(store_create_server(store, &server, &error), 0);
	return store;
}

#endif
