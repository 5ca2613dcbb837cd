#include "admin_cmd/setup/pam_check.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <security/pam_appl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "admin_cmd/child.h"
#include "common/host/paths.h"

#define SERVICE      "sshd"
#define SERVICES_DIR "/etc/pam.d"
#define NSS_MODULE   "libnss_berth.so.2"
#define DEPTH_MAX    8
#define BLANKS       " \t\r\n"

/* What modules print or ask is nobody's business here. */
static void
be_silent(void)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
}

static int
answer_nothing(int count, const struct pam_message **messages, struct pam_response **responses, void *context)
{
	(void)messages;
	(void)context;
	*responses = calloc((size_t)count, sizeof(**responses));
	return *responses != NULL ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int
ask_account(void *user, FILE *out)
{
	struct pam_conv conversation = { .conv = answer_nothing };
	pam_handle_t *pamh;
	int answer;

	be_silent();
	answer = pam_start(SERVICE, user, &conversation, &pamh);
	if (answer != PAM_SUCCESS)
		return 1;
	/* As sshd does; pam_access and the like look at them. */
	pam_set_item(pamh, PAM_TTY, "ssh");
	pam_set_item(pamh, PAM_RHOST, "127.0.0.1");
	answer = pam_acct_mgmt(pamh, PAM_SILENT);
	fprintf(out, "%d %s", answer, pam_strerror(pamh, answer));
	pam_end(pamh, answer);
	return 0;
}

void
pam_check_account(const char *user, char *answer, size_t size)
{
	if (child_ask(ask_account, (void *)(uintptr_t)user, answer, size) > 0)
		snprintf(answer, size, "PAM can't be started");
}

/* load: NULL, or why not. A name without a slash is one of libpam's own directory, which is beside libpam. */
static const char *
load(const char *module)
{
	char path[PATH_MAX];
	const char *slash;
	Dl_info libpam;

	if (module[0] == '/') {
		snprintf(path, sizeof(path), "%s", module);
	} else {
		if (dladdr((void *)(uintptr_t)pam_start, &libpam) == 0 || (slash = strrchr(libpam.dli_fname, '/')) == NULL)
			return "libpam's directory isn't known";
		snprintf(path, sizeof(path), "%.*s/security/%s", (int)(slash - libpam.dli_fname), libpam.dli_fname, module);
	}
	return dlopen(path, RTLD_NOW | RTLD_LOCAL) != NULL ? NULL : dlerror();
}

static void load_service(const char *service, unsigned depth, FILE *out);

/* load_line: what the line has to be loaded, be it another file. A bracketed control is one word. */
static void
load_line(char *line, unsigned depth, FILE *out)
{
	char *rest = line, *type, *control, *module;
	const char *problem;

	line[strcspn(line, "#")] = '\0';
	type = strtok_r(line, BLANKS, &rest);
	if (type == NULL || rest == NULL)
		return;
	rest += strspn(rest, BLANKS);
	if (strcasecmp(type, "@include") == 0) {
		module = strtok_r(NULL, BLANKS, &rest);
		if (module != NULL)
			load_service(module, depth + 1, out);
		return;
	}
	control = rest[0] == '[' ? strtok_r(NULL, "]", &rest) : strtok_r(NULL, BLANKS, &rest);
	module = strtok_r(NULL, BLANKS, &rest);
	if (control == NULL || module == NULL)
		return;
	if (strcasecmp(control, "include") == 0 || strcasecmp(control, "substack") == 0)
		load_service(module, depth + 1, out);
	else if (type[0] != '-' && (problem = load(module)) != NULL)
		fprintf(out, "%s: %s\n", module, problem);
}

static void
load_service(const char *service, unsigned depth, FILE *out)
{
	char path[PATH_MAX], *line = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", service[0] == '/' ? "" : SERVICES_DIR "/", service);
	file = depth < DEPTH_MAX ? fopen(path, "re") : NULL;
	if (file == NULL) {
		fprintf(out, "%s: it can't be read\n", path);
		return;
	}
	while (getline(&line, &size, file) > 0)
		load_line(line, depth, out);
	free(line);
	fclose(file);
}

static int
load_stack(void *context, FILE *out)
{
	(void)context;
	be_silent();
	load_service(SERVICE, 0, out);
	return 0;
}

void
pam_check_modules(char *answer, size_t size)
{
	(void)child_ask(load_stack, NULL, answer, size);
}

static int
load_one(void *module, FILE *out)
{
	const char *problem;

	be_silent();
	problem = strcmp(module, NSS_MODULE) != 0 ? load(module) : dlopen(NSS_MODULE, RTLD_NOW) != NULL ? NULL : dlerror();
	if (problem == NULL)
		return 0;
	fputs(problem, out);
	return 1;
}

const char *
pam_check_module(const char *module, char *answer, size_t size)
{
	return child_ask(load_one, (void *)(uintptr_t)module, answer, size) == 0 ? NULL : answer;
}

const char *
pam_check_nss(char *answer, size_t size)
{
	return pam_check_module(NSS_MODULE, answer, size);
}
