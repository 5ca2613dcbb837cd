/* Text from outside: UTF-8 and its characters. */
#ifndef BERTH_TEXT_H
#define BERTH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most bytes that a character takes in UTF-8. */
#define TEXT_CHARACTER_MAX 4

/* text_next: reads the character at *at, which must be before end, and moves *at past it. Returns its code point, or -1 (and
 * *at stays) where the bytes aren't UTF-8: overlong forms, surrogates and what lies above U+10FFFF are not. */
int32_t text_next(const char **at, const char *end);

/* text_is_utf8: whether all of it is UTF-8. *characters (may be NULL) then says how many code points. */
bool text_is_utf8(const char *text, size_t length, size_t *characters);

/* text_has_control: whether valid UTF-8 holds a control character: U+0000–U+001F, U+007F–U+009F. */
bool text_has_control(const char *text);

/* text_is_unsafe: whether a code point, or the -1 of text_next(), would act on a terminal, or on the order in which a line is
 * shown, instead of being seen. */
bool text_is_unsafe(int32_t point);

/* text_make_safe: each byte of a character that is unsafe, and of what isn't UTF-8, becomes '?'. */
void text_make_safe(char *text);

#endif
