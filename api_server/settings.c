#include "api_server/settings.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api_server/input_file.h"

#define FAULT_MAX 1024
#define TOKEN_MIN 16
#define TOKEN_MAX 256
#define EXPIRY_WARNING_DAYS 7

struct settings_box {
	pthread_mutex_t mutex;
	struct settings *current;
};

static void say(config_report *report, void *context, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
say(config_report *report, void *context, const char *format, ...)
{
	char fault[FAULT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(fault, sizeof(fault), format, arguments);
	va_end(arguments);
	report(context, fault);
}

/* check_rules: what config.c leaves to us, since a login must not fail for it. */
static int
check_rules(const struct config *config, const char *config_file, config_report *report, void *context)
{
	if (config_store_is_remote(config)) {
		say(report, context, "%s: Store %s is kept elsewhere: berth-api serves a store of this host alone; "
		    "clients ask that one itself", config_file, config->store);
		return -1;
	}
	if ((config->api_certificate == NULL) != (config->api_certificate_key == NULL)) {
		say(report, context, "%s: %s stands alone: ApiCertificate and ApiCertificateKey come together", config_file,
		    config->api_certificate != NULL ? "ApiCertificate" : "ApiCertificateKey");
		return -1;
	}
	if (config->api_certificate == NULL && !config_listens_on_loopback(config) && !config->api_insecure) {
		say(report, context, "%s: ApiListen is an address that other hosts reach, and without ApiCertificate "
		    "whoever is on the way reads and changes what is sent: give a certificate, listen on 127.0.0.1 or [::1], or say "
		    "`ApiInsecure yes` where something else protects the network", config_file);
		return -1;
	}
	return 0;
}

struct settings *
settings_read(const char *config_file, config_report *report, void *context)
{
	struct settings *settings = calloc(1, sizeof(*settings));

	if (settings == NULL) {
		report(context, strerror(errno));
		return NULL;
	}
	atomic_init(&settings->references, 1);
	if (config_load(&settings->config, config_file, report, context) != 0 ||
	    check_rules(&settings->config, config_file, report, context) != 0) {
		settings_release(settings);
		return NULL;
	}
	settings->scope = (struct sigv4_scope){ .region = settings->config.region, .service = "transfer" };
	return settings;
}

static int
read_identity(struct settings *settings, config_report *report, void *context)
{
	const struct config *config = &settings->config;
	char problem[INPUT_FILE_PROBLEM];

	if (config->api_certificate == NULL)
		return 0;
	settings->identity = tls_identity_load(config->api_certificate, config->api_certificate_key, problem);
	if (settings->identity != NULL)
		return 0;
	say(report, context, "ApiCertificate, ApiCertificateKey: %s", problem);
	return -1;
}

/* token_length: of the one word that the file holds; 0 when that isn't what it holds. */
static size_t
token_length(const struct input_file *file)
{
	size_t length = 0;

	while (file->text[length] > ' ' && file->text[length] < 0x7f)
		length++;
	if (strspn(file->text + length, "\r\n") != file->length - length)
		return 0;
	return length >= TOKEN_MIN && length <= TOKEN_MAX ? length : 0;
}

static int
read_token(struct settings *settings, config_report *report, void *context)
{
	const char *path = settings->config.api_metrics_token_file;
	char problem[INPUT_FILE_PROBLEM];
	struct input_file file;
	size_t length;

	if (path == NULL)
		return 0;
	if (input_file_read(path, true, &file, problem) != 0) {
		say(report, context, "ApiMetricsTokenFile: %s", problem);
		return -1;
	}
	length = token_length(&file);
	if (length == 0)
		say(report, context, "ApiMetricsTokenFile: %s: it must hold one word of %d to %d visible ASCII characters",
		    path, TOKEN_MIN, TOKEN_MAX);
	else if ((settings->metrics_token = strndup(file.text, length)) == NULL)
		say(report, context, "ApiMetricsTokenFile: %s", strerror(errno));
	input_file_forget(&file);
	return settings->metrics_token != NULL ? 0 : -1;
}

int
settings_read_files(struct settings *settings, config_report *report, void *context)
{
	int identity = read_identity(settings, report, context), token = read_token(settings, report, context);

	return identity == 0 && token == 0 ? 0 : -1;
}

void
settings_warn(const struct settings *settings, config_report *report, void *context)
{
	const struct config *config = &settings->config;
	time_t now = time(NULL), expires;

	if (config->api_insecure && config->api_certificate == NULL)
		say(report, context, "ApiInsecure is on and there is no ApiCertificate: what is sent can be read and "
		    "changed on its way");
	if (settings->identity == NULL)
		return;
	expires = tls_identity_expires(settings->identity);
	if (tls_identity_begins(settings->identity) > now)
		say(report, context, "ApiCertificate: %s isn't valid yet, unless this host's clock is wrong: clients refuse it",
		    config->api_certificate);
	else if (expires <= now)
		say(report, context, "ApiCertificate: %s has expired: clients refuse it", config->api_certificate);
	else if (expires - now < (time_t)EXPIRY_WARNING_DAYS * 24 * 60 * 60)
		say(report, context, "ApiCertificate: %s expires in less than %d days", config->api_certificate,
		    EXPIRY_WARNING_DAYS);
}

struct settings_box *
settings_box_new(struct settings *settings)
{
	struct settings_box *box = calloc(1, sizeof(*box));

	if (box == NULL)
		return NULL;
	if (pthread_mutex_init(&box->mutex, NULL) != 0) {
		free(box);
		return NULL;
	}
	box->current = settings;
	return box;
}

void
settings_box_free(struct settings_box *box)
{
	if (box == NULL)
		return;
	settings_release(box->current);
	pthread_mutex_destroy(&box->mutex);
	free(box);
}

void
settings_replace(struct settings_box *box, struct settings *settings)
{
	struct settings *old;

	pthread_mutex_lock(&box->mutex);
	old = box->current;
	box->current = settings;
	pthread_mutex_unlock(&box->mutex);
	settings_release(old);
}

struct settings *
settings_take(struct settings_box *box)
{
	struct settings *settings;

	pthread_mutex_lock(&box->mutex);
	settings = box->current;
	atomic_fetch_add(&settings->references, 1);
	pthread_mutex_unlock(&box->mutex);
	return settings;
}

void
settings_release(struct settings *settings)
{
	if (settings == NULL || atomic_fetch_sub(&settings->references, 1) != 1)
		return;
	config_free(&settings->config);
	tls_identity_release(settings->identity);
	if (settings->metrics_token != NULL)
		explicit_bzero(settings->metrics_token, strlen(settings->metrics_token));
	free(settings->metrics_token);
	free(settings);
}
