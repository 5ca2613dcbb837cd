/*
 * The operations that `berth admin` offers, under the names of `aws transfer`. What their flags are, common/model/shapes.h
 * knows: each member of the request is one, called as the AWS command line calls it (SshPublicKeyBody:
 * --ssh-public-key-body). Here stands what a shape doesn't know.
 */
#ifndef BERTH_OPERATION_TABLE_H
#define BERTH_OPERATION_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/model/shapes.h"

struct admin_operation {
	const char *name;        /* "create-user" */
	const char *api_name;    /* "CreateUser" */
	const char *summary;
	const char *list_member; /* the response's list, for an operation that answers in pages; else NULL */
};

extern const struct admin_operation operation_table[];
extern const size_t operation_table_count;

/* operation_table_find: NULL when there is none of that name. */
const struct admin_operation *operation_table_find(const char *name);

/* operation_members: the members of the request, ended by a NULL name; each is a flag. */
const struct shape_member *operation_members(const struct admin_operation *operation);

/* operation_takes_force: whether the operation has --force, a flag of the command line alone. */
bool operation_takes_force(const struct admin_operation *operation);

/* flag_name: a member's flag, without the "--". Longer names than there are in the API are cut. */
#define FLAG_NAME_SIZE 64
void flag_name(const char *member, char name[FLAG_NAME_SIZE]);

/* flag_words: how usage writes a flag's value, and a note on it; "" for none. Both live as long as the program. */
struct flag_words {
	const char *member, *value, *note;
};
const struct flag_words *flag_words(const char *member);

#endif
