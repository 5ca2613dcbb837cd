/*
 * Lists, a page at a time. A token says what it continues and after which item: it holds a key of the list's order and not a
 * place in it, so that what comes and goes in between moves nothing.
 */
#ifndef BERTH_PAGE_H
#define BERTH_PAGE_H

#include <stdbool.h>

#include "common/model/operations.h"

#define PAGE_KEY_MAX 512 /* bytes of an item's key: the longest is a tag's */

/* A page while it fills. */
struct page {
	const struct operation_context *context;
	struct api_error *error;
	const char *server_id; /* of the list's items, when they have one */
	char kind[160];        /* what is listed, as tokens say it */
	cJSON *list;
	size_t room;
	bool resumed;                 /* the request had a token: go on after `last` */
	char last[PAGE_KEY_MAX + 1];  /* the key of the item added last */
	bool more;                    /* there is a next page */
	bool failed;                  /* *error is set */
};

/* page_begin: reads MaxResults and NextToken; kind names the list, valid judges the token's key. Returns 0, or -1 with
 * *error; then there is nothing to free. */
int page_begin(struct page *page, const struct operation_context *context, const cJSON *request, const char *kind,
    bool (*valid)(const char *), struct api_error *error);

/* page_full: one more item than it holds is asked for; only then there is a next page. Returns whether to stop. */
bool page_full(struct page *page);

/* page_add: takes item over; NULL is one that could not be made, for the reason in *error. Returns not 0 to stop. */
int page_add(struct page *page, const char *key, cJSON *item);

/* page_end: ends what filled the page (walked: 0, or -1 with *error) and makes its response: NextToken, the member that
 * says whose list it is (when its name isn't NULL), and the list. Returns 0, or -1 with *error. */
int page_end(struct page *page, int walked, const char *owner_name, const char *owner, const char *list_name,
    cJSON **response);

#endif
