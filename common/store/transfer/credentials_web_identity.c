#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "common/model/timestamp.h"
#include "common/store/transfer/credentials_source.h"

#define NAME       "web identity"
#define TOKEN_MAX  20001 /* the service's limit, and a NUL */
#define ROLE_MAX   2048
#define CONNECT_MS 2000
#define TRY_MS     5000
#define TRIES      2
#define SHOWN_MAX  200

/* The form: a text that grows up to what it was made for. */
struct form {
	char *text;
	size_t length, room;
};

static void
add_plain(struct form *form, const char *text)
{
	for (; *text != '\0' && form->length + 1 < form->room; text++)
		form->text[form->length++] = *text;
	form->text[form->length] = '\0';
}

static void
add_value(struct form *form, const char *name, const char *value)
{
	static const char DIGITS[] = "0123456789ABCDEF";
	static const char PLAIN[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
	char escaped[4] = { '%' }, plain[2] = { 0 };

	add_plain(form, name);
	for (; *value != '\0'; value++) {
		plain[0] = *value;
		escaped[1] = DIGITS[(unsigned char)*value >> 4];
		escaped[2] = DIGITS[*value & 0xf];
		add_plain(form, strchr(PLAIN, *value) != NULL ? plain : escaped);
	}
}

/* ---- the answer ---- */

/* What stands between two marks, the first time; NULL: they aren't both there. */
static const char *
between(const char *text, const char *end, const char *open, const char *close, size_t *length)
{
	const char *start = memmem(text, (size_t)(end - text), open, strlen(open)), *stop;

	if (start == NULL)
		return NULL;
	start += strlen(open);
	if ((stop = memmem(start, (size_t)(end - start), close, strlen(close))) == NULL)
		return NULL;
	*length = (size_t)(stop - start);
	return start;
}

/* An element's text. Neither what it holds nor its name ever needs an entity, a comment or an attribute; what has one isn't
 * taken. */
static bool
take_element(char *to, size_t size, const char *text, size_t length, const char *name)
{
	char open[32], close[32];
	const char *found;

	snprintf(open, sizeof(open), "<%s>", name);
	snprintf(close, sizeof(close), "</%s>", name);
	found = between(text, text + length, open, close, &length);
	if (found == NULL || length == 0 || length >= size || memchr(found, '\0', length) != NULL)
		return false;
	memcpy(to, found, length);
	to[length] = '\0';
	return strpbrk(to, "<&") == NULL;
}

/* Where a secret was put together. */
struct assumed {
	char id[129], secret[257], token[8000], expiration[64];
};

static const char *
take_elements(struct credentials *credentials, struct assumed *assumed, const char *text, size_t length)
{
	cJSON time = { .type = cJSON_String, .valuestring = assumed->expiration };
	double expires;

	if (!take_element(assumed->id, sizeof(assumed->id), text, length, "AccessKeyId") ||
	    !take_element(assumed->secret, sizeof(assumed->secret), text, length, "SecretAccessKey") ||
	    !take_element(assumed->token, sizeof(assumed->token), text, length, "SessionToken") ||
	    !take_element(assumed->expiration, sizeof(assumed->expiration), text, length, "Expiration"))
		return "it isn't whole";
	if (!timestamp_read(&time, &expires) || expires < 1)
		return "its Expiration isn't a time";
	return source_take(credentials, assumed->id, assumed->secret, assumed->token, (int64_t)expires);
}

/*
 * The service answers in XML, of which these four elements alone are wanted. They stand in one <Credentials>, and their
 * texts are of characters that XML takes as they are, so that they are found by their marks; what doesn't look like that is
 * refused. The peer, whose certificate was verified, could hand out any keys it likes: there is nothing to gain by
 * confusing this.
 */
const char *
source_take_assumed(struct credentials *credentials, const char *text, size_t length)
{
	struct assumed assumed;
	const char *wrong = "it has no <Credentials>";

	text = between(text, text + length, "<Credentials>", "</Credentials>", &length);
	if (text != NULL)
		wrong = take_elements(credentials, &assumed, text, length);
	explicit_bzero(&assumed, sizeof(assumed));
	return wrong;
}

static enum source_result
say_refusal(struct source_search *search, const struct source_request *request, const struct http_answer *answer)
{
	char code[64], message[SHOWN_MAX];

	if (!take_element(code, sizeof(code), answer->body, answer->length, "Code"))
		return source_say_status(search, request, answer);
	if (!take_element(message, sizeof(message), answer->body, answer->length, "Message"))
		message[0] = '\0';
	return source_say(search, SOURCE_FAILED, "%s: %s: %s%s%s", request->name, request->origin, code,
	    message[0] != '\0' ? ": " : "", message);
}

/* ---- the request ---- */

static enum source_result
send_form(struct source_search *search, const char *name, const char *url, const char *origin, const char *form,
    struct credentials *credentials)
{
	static const char *const HEADERS[] = { "Content-Type: application/x-www-form-urlencoded; charset=utf-8", NULL };
	const struct source_request request = { .name = name, .origin = origin, .method = "POST", .url = url,
		.headers = HEADERS, .body = form, .connect_ms = CONNECT_MS, .try_ms = TRY_MS, .tries = TRIES };
	struct http_answer answer;
	enum source_result result;
	const char *wrong;

	if (source_send(search, &request, &answer) != SOURCE_FOUND)
		return SOURCE_FAILED;
	if (answer.status != 200)
		result = say_refusal(search, &request, &answer);
	else if ((wrong = source_take_assumed(credentials, answer.body, answer.length)) == NULL)
		result = SOURCE_FOUND;
	else
		result = source_say(search, SOURCE_FAILED, "%s: %s: the answer: %s", name, origin, wrong);
	source_answer_free(&answer);
	return result;
}

/* The token service of the region, unless the environment names another. Returns NULL, or what is wrong. */
static const char *
endpoint(const struct source_search *search, char *url, size_t size, char *origin)
{
	const char *given = source_variable("AWS_ENDPOINT_URL_STS"), *region = search->region;

	if (given == NULL)
		given = source_variable("AWS_ENDPOINT_URL");
	if (given != NULL)
		return snprintf(url, size, "%s", given) < (int)size ? source_url(url, origin) : "it is too long";
	if (region == NULL || region[0] == '\0' || strlen(region) > 64 ||
	    region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		return "there is no region";
	snprintf(url, size, "https://sts.%s.amazonaws.com%s/", region, strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
	return source_url(url, origin);
}

static bool
make_form(struct form *form, const char *token, const char *role, const char *session)
{
	char made_up[64];

	snprintf(made_up, sizeof(made_up), "berth-%lld", (long long)time(NULL));
	form->room = 3 * (TOKEN_MAX + ROLE_MAX + 64) + 256;
	if ((form->text = calloc(1, form->room)) == NULL)
		return false;
	add_value(form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=", role);
	add_value(form, "&RoleSessionName=", session != NULL ? session : made_up);
	add_value(form, "&WebIdentityToken=", token);
	return true;
}

enum source_result
source_assume_role(struct source_search *search, const char *name, const char *token_file, const char *role,
    const char *session, struct credentials *credentials)
{
	char url[1024], origin[SOURCE_ORIGIN_MAX], token[TOKEN_MAX];
	struct form form = { 0 };
	enum source_result result;
	const char *wrong = endpoint(search, url, sizeof(url), origin);

	if (wrong != NULL)
		return source_say(search, SOURCE_FAILED, "%s: the token service's URL: %s", name, wrong);
	if (strlen(role) > ROLE_MAX || (session != NULL && strlen(session) > 64))
		return source_say(search, SOURCE_FAILED, "%s: the role's ARN or the session's name is too long", name);
	/* Read anew each time: somebody renews it. */
	if ((wrong = source_read_token(token_file, token, sizeof(token))) != NULL)
		return source_say(search, SOURCE_FAILED, "%s: %s: %s", name, token_file, wrong);
	if (make_form(&form, token, role, session)) {
		result = send_form(search, name, url, origin, form.text, credentials);
		explicit_bzero(form.text, form.length);
	} else {
		result = source_say(search, SOURCE_FAILED, "%s: out of memory", name);
	}
	explicit_bzero(token, sizeof(token));
	free(form.text);
	return result;
}

enum source_result
source_web_identity(struct source_search *search, struct credentials *credentials)
{
	const char *file = source_variable("AWS_WEB_IDENTITY_TOKEN_FILE"), *role = source_variable("AWS_ROLE_ARN");

	if (file == NULL)
		return source_say(search, SOURCE_ABSENT, NAME ": AWS_WEB_IDENTITY_TOKEN_FILE isn't set");
	if (role == NULL)
		return source_say(search, SOURCE_FAILED, NAME ": AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN isn't");
	return source_assume_role(search, NAME, file, role, source_variable("AWS_ROLE_SESSION_NAME"), credentials);
}
