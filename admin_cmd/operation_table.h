/*
 * The operations that `berth admin` offers: one table, from which flags are read and usage is printed. Names are those of
 * `aws transfer`.
 */
#ifndef BERTH_OPERATION_TABLE_H
#define BERTH_OPERATION_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum value_kind { VALUE_STRING, VALUE_INTEGER, VALUE_STRUCTURE, VALUE_LIST };

/* What a value may be, as far as a command line has to know: strings to numbers, and names nobody knows. The rules
 * themselves are the operations' (common/model). */
struct value_shape {
	enum value_kind kind;
	const struct value_member *members; /* of a structure; ends with a NULL name */
	const struct value_shape *item;     /* of a list */
};

struct value_member {
	const char *name;
	const struct value_shape *shape;
};

struct flag {
	const char *name;   /* without "--" */
	const char *member; /* of the request */
	const struct value_shape *shape;
	bool required;      /* --server-id is too, unless the configuration names one */
	const char *value;  /* how usage writes the value */
	const char *note;   /* for usage; NULL: none */
};

struct admin_operation {
	const char *name;        /* "create-user" */
	const char *api_name;    /* "CreateUser" */
	const char *summary;
	const char *list_member; /* the response's list, for an operation that answers in pages; else NULL */
	const struct flag *flags;
	size_t flag_count;
};

extern const struct admin_operation operation_table[];
extern const size_t operation_table_count;

/* operation_table_find: NULL when there is none of that name. */
const struct admin_operation *operation_table_find(const char *name);

#endif
