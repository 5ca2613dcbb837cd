#include "admin_cmd/since.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/timestamp.h"

double
since_read(const char *text)
{
	static const struct {
		const char *letter;
		double seconds;
	} units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	char whole[64], *unit;
	double seconds = -1;
	cJSON *string;

	if (text[0] >= '0' && text[0] <= '9' && strspn(text, "0123456789") <= 9) {
		unsigned long number = strtoul(text, &unit, 10);

		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (strcmp(unit, units[i].letter) == 0)
				return timestamp_now() > (double)number * units[i].seconds ?
				    timestamp_now() - (double)number * units[i].seconds : 0;
		}
	}
	snprintf(whole, sizeof(whole), "%.32s%s", text, strlen(text) == strlen("2026-11-22") ? "T00:00:00Z" : "");
	if ((string = cJSON_CreateString(whole)) == NULL || !timestamp_read(string, &seconds) || strlen(text) > 32)
		seconds = -1;
	cJSON_Delete(string);
	return seconds;
}
