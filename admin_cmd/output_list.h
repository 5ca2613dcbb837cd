/*
 * A list printed while its pages come, as the AWS command line prints what its paginators put together, without all of it
 * being in memory at once. Only a table, whose widths every row decides, is kept until the end.
 */
#ifndef BERTH_OUTPUT_LIST_H
#define BERTH_OUTPUT_LIST_H

#include "admin_cmd/output.h"

struct output_list {
	enum output_format format;
	const char *title;  /* above a table */
	const char *member; /* of a page: its list */

	cJSON *rest; /* NULL before the first page; what stands beside the list, and for a table the list too */
	bool has_items;
};

/* output_list_page: takes the page, a response, over and prints it on stdout. 0, or -1 after saying why on stderr. */
int output_list_page(struct output_list *list, cJSON *page);

/* output_list_end: next_token NULL: there is nothing left. Returns as output_list_page(). */
int output_list_end(struct output_list *list, const char *next_token);

void output_list_free(struct output_list *list);

#endif
