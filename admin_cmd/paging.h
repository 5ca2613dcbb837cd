/*
 * Lists, page by page.
 */
#ifndef BERTH_PAGING_H
#define BERTH_PAGING_H

#include "admin_cmd/arguments.h"
#include "common/model/operations.h"

/* paging_call: operation_call() for all the pages that the arguments ask for, as one response. */
int paging_call(const struct operation_context *context, const struct arguments *arguments, cJSON **response,
    struct api_error *error);

#endif
