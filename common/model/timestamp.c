#include "common/model/timestamp.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define SECONDS_MAX 253402300799.0 /* the end of the year 9999 */

double
timestamp_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (double)time.tv_sec + (double)(time.tv_nsec / 1000000) / 1000;
}

bool
timestamp_same(double one, double other)
{
	return fabs(one - other) < 0.0005;
}

/* `count` digits at *text into *number; moves *text past them. */
static bool
take_digits(const char **text, int count, int *number)
{
	*number = 0;
	for (; count > 0; count--, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		*number = *number * 10 + (**text - '0');
	}
	return true;
}

static bool
take(const char **text, char character)
{
	if (**text != character)
		return false;
	(*text)++;
	return true;
}

static bool
take_date(const char **text, struct tm *date)
{
	if (!take_digits(text, 4, &date->tm_year) || !take(text, '-') || !take_digits(text, 2, &date->tm_mon) ||
	    !take(text, '-') || !take_digits(text, 2, &date->tm_mday) || !take(text, 'T') ||
	    !take_digits(text, 2, &date->tm_hour) || !take(text, ':') || !take_digits(text, 2, &date->tm_min) ||
	    !take(text, ':') || !take_digits(text, 2, &date->tm_sec))
		return false;
	date->tm_year -= 1900;
	date->tm_mon -= 1;
	return date->tm_mon >= 0 && date->tm_mon < 12 && date->tm_mday >= 1 && date->tm_mday <= 31 && date->tm_hour < 24 &&
	    date->tm_min < 60 && date->tm_sec <= 60;
}

static bool
take_fraction(const char **text, double *fraction)
{
	double scale = 0.1;

	*fraction = 0;
	if (!take(text, '.'))
		return true;
	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++, scale /= 10)
		*fraction += (**text - '0') * scale;
	return true;
}

/* "Z", "+HH:MM" or "-HH:MM", in seconds east of Greenwich. */
static bool
take_zone(const char **text, int *east)
{
	int hours, minutes, sign = **text == '-' ? -1 : 1;

	*east = 0;
	if (take(text, 'Z'))
		return true;
	if (!take(text, '+') && !take(text, '-'))
		return false;
	if (!take_digits(text, 2, &hours) || !take(text, ':') || !take_digits(text, 2, &minutes) || hours > 23 ||
	    minutes > 59)
		return false;
	*east = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool
read_text(const char *text, double *seconds)
{
	struct tm date = { 0 }, normal;
	double fraction;
	int east;

	if (!take_date(&text, &date) || !take_fraction(&text, &fraction) || !take_zone(&text, &east) || *text != '\0')
		return false;
	normal = date;
	*seconds = (double)timegm(&normal) - east + fraction;
	/* What timegm() had to carry over, the 31st of June, was no date. */
	return normal.tm_mday == date.tm_mday || date.tm_sec == 60;
}

bool
timestamp_read(const cJSON *value, double *seconds)
{
	if (cJSON_IsString(value) && !read_text(value->valuestring, seconds))
		return false;
	if (cJSON_IsNumber(value))
		*seconds = value->valuedouble;
	else if (!cJSON_IsString(value))
		return false;
	return *seconds >= 0 && *seconds <= SECONDS_MAX;
}
