#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/host/log_format.h"

struct line {
	char *at, *end; /* of the room; a NUL has its place behind it */
	bool quoted;    /* between two quotes of the format */
	va_list arguments;
};

/* One directive of a format: %[0WIDTH][.PRECISION][l|ll|z]CONVERSION */
struct directive {
	int width, precision; /* -1: none */
	int longs;            /* 0, 1, 2: none, l, ll; z is as long as l is */
	char conversion;
};

static void
put(struct line *line, char c)
{
	if (line->at < line->end)
		*line->at++ = (unsigned char)c < ' ' || c == 0x7f ? '?' : c;
}

static void
put_value(struct line *line, const char *value, size_t length)
{
	for (size_t i = 0; i < length; i++)
		put(line, line->quoted && value[i] == '"' ? '\'' : value[i]);
}

static int
read_number(const char **format)
{
	int number = 0;

	while (**format >= '0' && **format <= '9')
		number = 10 * number + (*(*format)++ - '0');
	return number;
}

/* read_directive: `format` stands behind the '%'. Returns where it ends. */
static const char *
read_directive(const char *format, struct line *line, struct directive *directive)
{
	*directive = (struct directive){ .precision = -1 };
	directive->width = read_number(&format);
	if (*format == '.' && format[1] == '*') {
		directive->precision = va_arg(line->arguments, int);
		format += 2;
	} else if (*format == '.') {
		format++;
		directive->precision = read_number(&format);
	}
	_Static_assert(sizeof(size_t) == sizeof(long), "%zu is taken for %lu");
	for (; *format == 'l' || *format == 'z'; format++)
		directive->longs++;
	directive->conversion = *format;
	return *format == '\0' ? format : format + 1;
}

static void
put_string(struct line *line, const struct directive *directive)
{
	const char *value = va_arg(line->arguments, const char *);

	if (value == NULL)
		value = "(null)";
	put_value(line, value, directive->precision < 0 ? strlen(value) : strnlen(value, (size_t)directive->precision));
}

static long long
next_signed(struct line *line, int longs)
{
	if (longs == 0)
		return va_arg(line->arguments, int);
	return longs == 1 ? va_arg(line->arguments, long) : va_arg(line->arguments, long long);
}

static unsigned long long
next_unsigned(struct line *line, int longs)
{
	if (longs == 0)
		return va_arg(line->arguments, unsigned);
	return longs == 1 ? va_arg(line->arguments, unsigned long) : va_arg(line->arguments, unsigned long long);
}

static void
put_directive(struct line *line, const struct directive *directive)
{
	char digits[64];
	int length;

	switch (directive->conversion) {
	case 's':
		put_string(line, directive);
		return;
	case 'd':
		length = snprintf(digits, sizeof(digits), "%0*lld", directive->width, next_signed(line, directive->longs));
		break;
	case 'u':
		length = snprintf(digits, sizeof(digits), "%0*llu", directive->width, next_unsigned(line, directive->longs));
		break;
	case '%':
		put(line, '%');
		return;
	default:
		line->end = line->at; /* not known: nor is what its value is, and where the next one stands */
		return;
	}
	put_value(line, digits, (size_t)length < sizeof(digits) ? (size_t)length : sizeof(digits) - 1);
}

size_t
log_format(char *text, size_t size, const char *format, va_list arguments)
{
	struct line line = { .at = text, .end = text + size - 1 };
	struct directive directive;

	va_copy(line.arguments, arguments);
	while (*format != '\0') {
		if (*format == '%') {
			format = read_directive(format + 1, &line, &directive);
			put_directive(&line, &directive);
			continue;
		}
		if (*format == '"')
			line.quoted = !line.quoted;
		put(&line, *format++);
	}
	va_end(line.arguments);
	*line.at = '\0';
	return (size_t)(line.at - text);
}
