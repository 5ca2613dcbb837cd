#include "admin_cmd/wiring/text.h"

#include <stdarg.h>
#include <stdbool.h>

int
text_wrong(char *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, WIRING_WHY_MAX, format, arguments);
	va_end(arguments);
	return -1;
}

int
text_end(FILE *out)
{
	bool bad = ferror(out) != 0;

	return fclose(out) != 0 || bad ? -1 : 0;
}
