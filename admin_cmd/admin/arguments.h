/*
 * The command line of one operation, and the request that it makes.
 */
#ifndef BERTH_ARGUMENTS_H
#define BERTH_ARGUMENTS_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "admin_cmd/command.h"
#include "admin_cmd/admin/operation_table.h"

/* Which pages of a list to ask for. */
struct arguments_paging {
	bool single;      /* ask once, and show that page as it is */
	double max_items; /* 0: all */
	double page_size; /* 0: the operation's own */
	const char *starting_token;
};

struct arguments {
	const struct admin_operation *operation;
	cJSON *request; /* owned; --server-id's default isn't in it yet */
	bool skeleton;  /* print what --cli-input-json takes, and call nothing */
	bool cli_input; /* members came as JSON too */
	bool force;     /* delete-server: its users as well */
	struct arguments_paging paging;
};

/* arguments_read: argv[0] is the operation's name. Flags that every command takes go to *globals. Returns COMMAND_OK, or
 * another exit code after saying on stderr what is wrong. Either way arguments_free() releases what *arguments holds. */
int arguments_read(const struct admin_operation *operation, int argc, char **argv, struct command_globals *globals,
    struct arguments *arguments);
void arguments_free(struct arguments *arguments);

/* arguments_missing: says on stderr, after the usage, which required flags aren't there; server_id_too: that one as well.
 * With --cli-input-json no flag is required, and request_check() speaks of members. Returns COMMAND_OK when none is missing,
 * else COMMAND_USAGE. */
int arguments_missing(const struct arguments *arguments, bool server_id_too);

#endif
