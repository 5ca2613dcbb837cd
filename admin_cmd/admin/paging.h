/*
 * Lists, page by page.
 */
#ifndef BERTH_PAGING_H
#define BERTH_PAGING_H

#include "admin_cmd/admin/arguments.h"
#include "common/model/operations.h"

struct paging {
	const struct operation_context *context;
	const struct arguments *arguments;
	double have; /* items of the pages so far */
	char *token; /* what the last page goes on from; NULL: it was the last one, or there was none yet */
	bool begun;
};

/* paging_next: the next page that the arguments ask for, which the caller frees. Returns 1, 0 when there is none (token then
 * says where somebody could go on), or -1 with *error. */
int paging_next(struct paging *paging, cJSON **page, struct api_error *error);
void paging_free(struct paging *paging);

#endif
