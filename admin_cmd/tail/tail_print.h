/*
 * Events on stdout: as the log's own lines, between tabs, or as a table that grows.
 */
#ifndef BERTH_TAIL_PRINT_H
#define BERTH_TAIL_PRINT_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "admin_cmd/output.h"

/* Of a table; what comes after them, the path, is the last one. */
enum tail_column {
	TAIL_COLUMN_TIME,
	TAIL_COLUMN_USER,
	TAIL_COLUMN_OPERATION,
	TAIL_COLUMN_BYTES,
	TAIL_COLUMN_DURATION,
	TAIL_COLUMN_STATUS,
	TAIL_COLUMNS
};

struct tail_printer {
	enum output_format format;
	bool terminal; /* stdout is one */
	bool has_header;
	size_t widths[TAIL_COLUMNS]; /* they grow, and never shrink */
};

void tail_printer_start(struct tail_printer *printer, enum output_format format);
/* tail_printer_measure: an event that will be printed: the columns are made wide enough for it. */
void tail_printer_measure(struct tail_printer *printer, const cJSON *event);
/* tail_printer_header: above a table, once. */
void tail_printer_header(struct tail_printer *printer);
/* tail_printer_print: the event, which was this line. */
void tail_printer_print(struct tail_printer *printer, const cJSON *event, const char *line, size_t length);

#endif
