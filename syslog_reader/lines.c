#include "syslog_reader/lines.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TIME_LENGTH 16 /* "Nov 22 20:10:11 " */

/* skip_priority: "<86>"; returns its length, 0 where there is none. */
static size_t
skip_priority(const char *message, size_t length)
{
	size_t at = 1;

	if (length < 3 || message[0] != '<')
		return 0;
	while (at < length && at < 4 && isdigit((unsigned char)message[at]))
		at++;
	return at > 1 && at < length && message[at] == '>' ? at + 1 : 0;
}

/* skip_time: as libc writes it; returns its length, 0 where there is none. */
static size_t
skip_time(const char *message, size_t length)
{
	static const char form[] = "Aaa d0 00:00:00 ";

	if (length < TIME_LENGTH)
		return 0;
	for (size_t i = 0; i < TIME_LENGTH; i++) {
		unsigned char byte = (unsigned char)message[i];
		bool fits = form[i] == '0' ? isdigit(byte) != 0 : form[i] == 'd' ? isdigit(byte) || byte == ' ' :
		    isalpha((unsigned char)form[i]) ? isalpha(byte) != 0 : byte == (unsigned char)form[i];

		if (!fits)
			return 0;
	}
	return TIME_LENGTH;
}

size_t
line_of_message(const char *message, size_t length, time_t now, const char *host, char *line)
{
	char stamp[32] = "";
	struct tm local;
	size_t at, used;

	at = skip_priority(message, length);
	at += skip_time(message + at, length - at);
	while (length > at && strchr("\n\r", message[length - 1]) != NULL)
		length--; /* also a NUL, which strchr() finds */
	if (at == length)
		return 0;
	if (length - at > MESSAGE_MAX)
		length = at + MESSAGE_MAX;
	if (localtime_r(&now, &local) != NULL)
		strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &local);
	used = (size_t)snprintf(line, LINE_MAX_BYTES - MESSAGE_MAX - 1, "%s %.255s ", stamp, host);
	for (; at < length; at++) {
		unsigned char byte = (unsigned char)message[at];

		line[used++] = byte < ' ' || byte == 0x7f ? '?' : (char)byte;
	}
	line[used++] = '\n';
	return used;
}
