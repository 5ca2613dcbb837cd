#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_cmd/why/why.h"

/* For people: to the second, without the zone, which is theirs. */
static void
time_text(double seconds, char *text, size_t size)
{
	char *at;

	output_time(floor(seconds), text, size);
	at = strchr(text, 'T');
	if (at != NULL && strlen(at) >= strlen("T10:30:00")) {
		*at = ' ';
		at[strlen("T10:30:00")] = '\0';
	}
}

static int
client_width(const struct why *why)
{
	size_t width = strlen("CLIENT");

	for (size_t i = 0; i < why->count; i++)
		if (strlen(why->events[i].client) > width)
			width = strlen(why->events[i].client);
	return (int)width;
}

/* cure_text: with the user's name for each USER; the caller frees it. NULL: there is no cure, or no memory. */
static char *
cure_text(const struct why *why, const struct why_event *event)
{
	static const char user[] = "USER";
	const char *at = event->cure, *next;
	char *text = NULL, *safe = NULL;
	size_t size;
	FILE *stream = at != NULL ? open_memstream(&text, &size) : NULL;

	if (stream == NULL)
		return NULL;
	for (; (next = strstr(at, user)) != NULL; at = next + strlen(user))
		fprintf(stream, "%.*s%s", (int)(next - at), at, why->user);
	fputs(at, stream);
	if (fclose(stream) == 0)
		safe = output_safe(text);
	free(text);
	return safe;
}

/* What an event holds of others' choosing, without control characters. */
struct shown {
	char *client, *reason, *cure; /* cure: NULL: there is none */
};

static bool
show(const struct why *why, const struct why_event *event, struct shown *shown)
{
	shown->client = output_safe(event->client[0] != '\0' ? event->client : "-");
	shown->reason = output_safe(event->reason);
	shown->cure = cure_text(why, event);
	return shown->client != NULL && shown->reason != NULL && (shown->cure != NULL || event->cure == NULL);
}

static void
hide(struct shown *shown)
{
	free(shown->client);
	free(shown->reason);
	free(shown->cure);
}

static bool
print_event(const struct why *why, const struct why_event *event, int width, bool text)
{
	struct shown shown;
	char time[64];
	bool well = show(why, event, &shown);

	time_text(event->time, time, sizeof(time));
	if (well && text)
		printf("%s\t%s\t%s\t%s\t%s\n", time, shown.client, why_who_name(event->who), shown.reason,
		    shown.cure != NULL ? shown.cure : "");
	else if (well)
		printf("%-19s  %-*s  %-10s  %s\n", time, width, shown.client, why_who_name(event->who), shown.reason);
	if (well && !text && event->cure != NULL)
		printf("%-19s  -> %s\n", "", shown.cure);
	hide(&shown);
	return well;
}

static bool
print_list(const struct why *why, bool text)
{
	int width = client_width(why);

	if (!text)
		printf("%-19s  %-*s  %-10s  %s\n", "TIME", width, "CLIENT", "BY", "REASON");
	for (size_t i = 0; i < why->count; i++)
		if (!print_event(why, &why->events[i], width, text))
			return false;
	if (!text)
		printf("\n`berth doctor %s` walks the login as it would be now.\n", why->user);
	return true;
}

static bool
add_event(cJSON *list, const struct why *why, const struct why_event *event)
{
	cJSON *item = cJSON_CreateObject();
	char time[64], *cure = cure_text(why, event);
	bool well;

	output_time(event->time, time, sizeof(time));
	if (!cJSON_AddItemToArray(list, item)) {
		cJSON_Delete(item);
		free(cure);
		return false;
	}
	well = cJSON_AddStringToObject(item, "Time", time) != NULL &&
	    (event->client[0] == '\0' || cJSON_AddStringToObject(item, "Client", event->client) != NULL) &&
	    cJSON_AddStringToObject(item, "By", why_who_name(event->who)) != NULL &&
	    cJSON_AddStringToObject(item, "Reason", event->reason) != NULL &&
	    (event->cure == NULL || cJSON_AddStringToObject(item, "Cure", cure) != NULL);
	free(cure);
	return well;
}

static bool
print_json(const struct why *why)
{
	cJSON *response = cJSON_CreateObject(), *list, *looked;
	bool well = cJSON_AddStringToObject(response, "UserName", why->user) != NULL;

	list = cJSON_AddArrayToObject(response, "Refusals");
	looked = cJSON_AddArrayToObject(response, "LookedAt");
	well = well && list != NULL && looked != NULL;
	for (size_t i = 0; well && i < why->count; i++)
		well = add_event(list, why, &why->events[i]);
	for (size_t i = 0; well && i < why->looked_count; i++)
		well = cJSON_AddItemToArray(looked, cJSON_CreateString(why->looked[i]));
	well = well && output_json(stdout, response) == 0;
	cJSON_Delete(response);
	return well;
}

static void
print_nothing(const struct why *why)
{
	fprintf(stderr, WHY_COMMAND ": no refusal of this user is known; looked at: ");
	for (size_t i = 0; i < why->looked_count; i++)
		fprintf(stderr, "%s%s", i > 0 ? ", " : "", why->looked[i]);
	fprintf(stderr, "\n`berth doctor %s` walks the login as it would be now.\n", why->user);
}

int
why_print(const struct why *why, enum output_format format)
{
	bool well = true;

	if (format == OUTPUT_JSON)
		well = print_json(why);
	else if (why->count == 0)
		print_nothing(why);
	else
		well = print_list(why, format == OUTPUT_TEXT);
	if (!well) {
		fputs(WHY_COMMAND ": no memory\n", stderr);
		return -1;
	}
	return output_flush();
}
