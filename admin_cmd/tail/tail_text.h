/*
 * Names of files on a terminal. A user may call a file anything: what could move the cursor, turn the direction of writing,
 * end a line or hide is shown as \xNN for each of its bytes, and so is what isn't UTF-8.
 */
#ifndef BERTH_TAIL_TEXT_H
#define BERTH_TAIL_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* tail_text_put: on a stream. */
void tail_text_put(FILE *stream, const char *text, size_t length);
/* tail_text_copy: into memory, as much as there is room for. */
void tail_text_copy(char *to, size_t size, const char *text);
/* tail_text_put_json: a line of JSON, of the same meaning: with \uNNNN. */
void tail_text_put_json(FILE *stream, const char *line, size_t length);

#endif
