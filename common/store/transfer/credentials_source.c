#include "common/store/transfer/credentials_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "common/host/whole_io.h"
#include "common/model/text.h"
#include "common/model/timestamp.h"

#define SPACE " \t\r\n\v\f"

enum source_result
source_say(struct source_search *search, enum source_result result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(search->why, sizeof(search->why), format, arguments);
	va_end(arguments);
	text_make_safe(search->why);
	return result;
}

const char *
source_variable(const char *name)
{
	const char *value = secure_getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

/* All of them go into headers of a request. */
static bool
copy_visible(char *to, size_t size, const char *from)
{
	size_t length = strlen(from);

	for (const char *at = from; *at != '\0'; at++)
		if (*at <= ' ' || *at > '~')
			return false;
	if (length >= size)
		return false;
	memcpy(to, from, length + 1);
	return true;
}

const char *
source_take(struct credentials *credentials, const char *id, const char *secret, const char *token, int64_t expires)
{
	memset(credentials, 0, sizeof(*credentials));
	credentials->expires = expires;
	/* The id stands between commas and slashes of the Authorization header. */
	if (!copy_visible(credentials->access_key_id, sizeof(credentials->access_key_id), id) || strpbrk(id, ",/=:") != NULL)
		return "the access key id isn't one";
	if (secret == NULL || secret[0] == '\0')
		return "the secret access key isn't there";
	if (!copy_visible(credentials->secret_access_key, sizeof(credentials->secret_access_key), secret))
		return "the secret access key isn't one";
	if (token != NULL && !copy_visible(credentials->session_token, sizeof(credentials->session_token), token))
		return "the session token isn't one";
	return NULL;
}

/* ---- JSON ---- */

static const char *
json_text(const cJSON *object, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(value) && value->valuestring[0] != '\0' ? value->valuestring : NULL;
}

static const char *
take_object(struct credentials *credentials, const cJSON *object, const char *token_name, bool version)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, "Version");
	const cJSON *expiration = cJSON_GetObjectItemCaseSensitive(object, "Expiration");
	const char *id = json_text(object, "AccessKeyId");
	double expires = 0;

	if (version && !(cJSON_IsNumber(number) && number->valuedouble == 1))
		return "its \"Version\" isn't 1";
	if (id == NULL)
		return "it has no \"AccessKeyId\"";
	if (json_text(object, "SecretAccessKey") == NULL)
		return "it has no \"SecretAccessKey\"";
	if (expiration != NULL && !cJSON_IsNull(expiration) &&
	    (!cJSON_IsString(expiration) || !timestamp_read(expiration, &expires) || expires < 1))
		return "its \"Expiration\" isn't a time";
	return source_take(credentials, id, json_text(object, "SecretAccessKey"), json_text(object, token_name),
	    (int64_t)expires);
}

/* Neither deep nor large: what the text may be is bounded by who read it, and how deep by cJSON. */
static void
forget(cJSON *value)
{
	for (cJSON *child = value == NULL ? NULL : value->child; child != NULL; child = child->next)
		forget(child);
	if (value != NULL && value->valuestring != NULL)
		explicit_bzero(value->valuestring, strlen(value->valuestring));
}

const char *
source_take_json(struct credentials *credentials, const char *text, size_t length, const char *token_name, bool version)
{
	cJSON *object = cJSON_ParseWithLength(text, length);
	const char *wrong = "it isn't a JSON object";

	if (cJSON_IsObject(object))
		wrong = take_object(credentials, object, token_name, version);
	forget(object);
	cJSON_Delete(object);
	return wrong;
}

/* ---- files ---- */

static const char *
read_open(int file, size_t max, struct source_text *text)
{
	ssize_t length;

	if (fstat(file, &text->status) == -1)
		return strerror(errno);
	errno = 0;
	if (!S_ISREG(text->status.st_mode))
		return "it isn't a regular file";
	if (text->status.st_size > (off_t)max)
		return "it is too long";
	if ((text->bytes = calloc(1, max + 1)) == NULL)
		return "out of memory";
	if ((length = whole_read(file, text->bytes, max, 0)) == -1)
		return strerror(errno);
	text->length = (size_t)length;
	return NULL;
}

const char *
source_read(const char *path, size_t max, struct source_text *text)
{
	const char *wrong;
	int file, saved;

	memset(text, 0, sizeof(*text));
	/* O_NONBLOCK: of a FIFO, nobody waits for the writer. */
	if ((file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) == -1)
		return strerror(errno);
	wrong = read_open(file, max, text);
	saved = errno;
	close(file);
	if (wrong != NULL)
		source_text_free(text);
	errno = saved;
	return wrong;
}

void
source_text_free(struct source_text *text)
{
	if (text->bytes != NULL)
		explicit_bzero(text->bytes, text->length);
	free(text->bytes);
	text->bytes = NULL;
}

const char *
source_read_token(const char *path, char *token, size_t size)
{
	struct source_text text;
	const char *wrong = source_read(path, size, &text), *start;
	size_t length;

	if (wrong != NULL)
		return wrong;
	start = text.bytes + strspn(text.bytes, SPACE);
	length = strcspn(start, SPACE);
	if (length == 0)
		wrong = "it is empty";
	else if (start[length + strspn(start + length, SPACE)] != '\0' || strlen(text.bytes) != text.length)
		wrong = "it isn't one token";
	text.bytes[start - text.bytes + (ptrdiff_t)length] = '\0';
	if (wrong == NULL && !copy_visible(token, size, start))
		wrong = "it isn't a token";
	source_text_free(&text);
	return wrong;
}
