/*
 * api_load: what 16 connections that stay open get out of a Transfer API's server on 127.0.0.1.
 *
 *   api_load BATCH create|describe PORT KEY SERVER-ID COUNT    KEY: a file with an access key's id and secret, a line each
 *
 *   create      CreateUser of users number COUNT, COUNT + 1 …
 *   describe    DescribeUser of users number 1 to COUNT, at random
 *
 * A sample is a batch of calls, each connection asking anew as soon as it is answered: the time of all, divided by their
 * number. Requests are made and signed before the clock starts. Only a whole answer of status 200 counts, and anything else
 * ends the program.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/api_rows.h"
#include "tests/bench/worker.h"

#define CONNECTIONS   16
#define REQUEST_BYTES 2048
#define ANSWER_BYTES  65536
#define SECRET_BYTES  128

#define CONTENT "application/x-amz-json-1.1"
#define SIGNED  "content-type;host;x-amz-date;x-amz-target"
#define REGION  "us-east-1"

struct request {
	size_t length;
	char text[REQUEST_BYTES];
};

struct connection {
	int fd;
	size_t length;
	char answer[ANSWER_BYTES + 1];
};

static struct {
	unsigned long batch, next;
	bool creates;
	char host[32], server[64], id[SECRET_BYTES], secret[SECRET_BYTES];
	struct worker_names names;
	struct request *requests;
	struct connection connections[CONNECTIONS];
	int epoll;
} load;

/* -- requests ---------------------------------------------------------------------------------------------------------- */

static void __attribute__((noreturn))
die_of(const char *what, int problem)
{
	errno = problem;
	worker_die(what);
}

static void
put_hex(const unsigned char hash[SHA256_DIGEST_LENGTH], char text[2 * SHA256_DIGEST_LENGTH + 1])
{
	for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

static void
hash_text(const char *text, char hex[2 * SHA256_DIGEST_LENGTH + 1])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)text, strlen(text), hash);
	put_hex(hash, hex);
}

/* step: key := HMAC(key, text). */
static void
step(unsigned char key[SHA256_DIGEST_LENGTH], size_t *length, const char *text)
{
	unsigned char result[SHA256_DIGEST_LENGTH];

	if (HMAC(EVP_sha256(), key, (int)*length, (const unsigned char *)text, strlen(text), result, NULL) == NULL)
		die_of("HMAC", ENOMEM);
	*length = sizeof(result);
	memcpy(key, result, sizeof(result));
}

static void
sign(const char *operation, const char *body, const char *time, char signature[2 * SHA256_DIGEST_LENGTH + 1])
{
	char canonical[1024], to_sign[512], hash[2 * SHA256_DIGEST_LENGTH + 1], date[9];
	unsigned char key[SECRET_BYTES + 4];
	size_t length;

	memcpy(date, time, 8);
	date[8] = '\0';
	hash_text(body, hash);
	snprintf(canonical, sizeof(canonical), "POST\n/\n\ncontent-type:" CONTENT "\nhost:%s\nx-amz-date:%s\n"
	    "x-amz-target:TransferService.%s\n\n" SIGNED "\n%s", load.host, time, operation, hash);
	hash_text(canonical, hash);
	snprintf(to_sign, sizeof(to_sign), "AWS4-HMAC-SHA256\n%s\n%s/" REGION "/transfer/aws4_request\n%s", time, date, hash);
	length = (size_t)snprintf((char *)key, sizeof(key), "AWS4%s", load.secret);
	step(key, &length, date);
	step(key, &length, REGION);
	step(key, &length, "transfer");
	step(key, &length, "aws4_request");
	step(key, &length, to_sign);
	put_hex(key, signature);
}

static void
write_body(char body[REQUEST_BYTES], size_t size)
{
	char name[WORKER_NAME_MAX];
	unsigned long number;

	if (!load.creates) {
		worker_next_name(&load.names, name);
		snprintf(body, size, "{\"ServerId\":\"%s\",\"UserName\":\"%s\"}", load.server, name);
		return;
	}
	number = load.next++;
	snprintf(body, size, "{\"ServerId\":\"%s\",\"UserName\":\"" API_ROWS_USER "\",\"Role\":\"" API_ROWS_ROLE
	    "\",\"HomeDirectoryType\":\"LOGICAL\",\"HomeDirectoryMappings\":" API_ROWS_ENTRY ",\"PosixProfile\":{\"Uid\":%lu,"
	    "\"Gid\":%lu},\"SshPublicKeyBody\":\"" API_ROWS_TYPE " " API_ROWS_BASE64 "\"}", load.server, number, number,
	    API_ROWS_UID + number, API_ROWS_UID + number, number);
}

static void
write_request(struct request *request, const char *time)
{
	const char *operation = load.creates ? "CreateUser" : "DescribeUser";
	char body[REQUEST_BYTES], signature[2 * SHA256_DIGEST_LENGTH + 1];

	write_body(body, sizeof(body));
	sign(operation, body, time, signature);
	request->length = (size_t)snprintf(request->text, sizeof(request->text), "POST / HTTP/1.1\r\nHost: %s\r\n"
	    "Content-Type: " CONTENT "\r\nX-Amz-Target: TransferService.%s\r\nX-Amz-Date: %s\r\nAuthorization: "
	    "AWS4-HMAC-SHA256 Credential=%s/%.8s/" REGION "/transfer/aws4_request, SignedHeaders=" SIGNED ", Signature=%s\r\n"
	    "Content-Length: %zu\r\n\r\n%s", load.host, operation, time, load.id, time, signature, strlen(body), body);
	if (request->length >= sizeof(request->text))
		die_of("request", EMSGSIZE);
}

static void
write_requests(void)
{
	time_t now = time(NULL);
	char text[32];
	struct tm utc;

	if (gmtime_r(&now, &utc) == NULL || strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &utc) == 0)
		worker_die("time");
	for (unsigned long i = 0; i < load.batch; i++)
		write_request(&load.requests[i], text);
}

/* -- calls ------------------------------------------------------------------------------------------------------------- */

static void
ask(struct connection *connection, const struct request *request)
{
	if (send(connection->fd, request->text, request->length, MSG_NOSIGNAL) != (ssize_t)request->length)
		worker_die("send");
	connection->length = 0;
	connection->answer[0] = '\0';
}

/* answer_bytes: how many bytes the answer has, by its headers; 0 while they aren't there. */
static size_t
answer_bytes(const struct connection *connection)
{
	const char *end = strstr(connection->answer, "\r\n\r\n"), *length = strcasestr(connection->answer, "\r\nContent-Length:");

	if (end == NULL)
		return 0;
	if (strncmp(connection->answer, "HTTP/1.1 200 ", 13) != 0 || length == NULL || length > end) {
		fprintf(stderr, "api_load: answered with\n%s\n", connection->answer);
		exit(1);
	}
	return (size_t)(end + 4 - connection->answer) + strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
}

/* receive: true once the answer is there, whole. */
static bool
receive(struct connection *connection)
{
	ssize_t got = recv(connection->fd, connection->answer + connection->length, ANSWER_BYTES - connection->length, 0);
	size_t bytes;

	if (got <= 0)
		die_of("recv", got == 0 ? ECONNRESET : errno);
	connection->length += (size_t)got;
	connection->answer[connection->length] = '\0';
	bytes = answer_bytes(connection);
	if ((bytes == 0 && connection->length == ANSWER_BYTES) || (bytes > 0 && connection->length > bytes))
		die_of("answer", EMSGSIZE);
	return bytes == connection->length;
}

static double
sample(void *context)
{
	struct epoll_event events[CONNECTIONS];
	unsigned long asked = 0, answered = 0;
	double start;
	int ready;

	(void)context;
	write_requests();
	start = worker_now();
	while (asked < CONNECTIONS && asked < load.batch) {
		ask(&load.connections[asked], &load.requests[asked]);
		asked++;
	}
	while (answered < load.batch) {
		ready = epoll_wait(load.epoll, events, CONNECTIONS, -1);
		if (ready < 0)
			worker_die("epoll_wait");
		for (int i = 0; i < ready; i++) {
			if (!receive(events[i].data.ptr))
				continue;
			answered++;
			if (asked < load.batch)
				ask(events[i].data.ptr, &load.requests[asked++]);
		}
	}
	return (worker_now() - start) / (double)load.batch;
}

/* -- setting up -------------------------------------------------------------------------------------------------------- */

static void
open_connection(struct connection *connection, unsigned long port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
	int on = 1;

	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0 || setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    epoll_ctl(load.epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
		worker_die("connect");
}

static void
read_key(const char *path)
{
	FILE *file = fopen(path, "re");

	if (file == NULL || fscanf(file, "%127s %127s", load.id, load.secret) != 2)
		worker_die(path);
	fclose(file);
}

int
main(int argc, char **argv)
{
	unsigned long port;

	if (argc != 7 || (strcmp(argv[2], "create") != 0 && strcmp(argv[2], "describe") != 0)) {
		fprintf(stderr, "usage: api_load BATCH create|describe PORT KEY SERVER-ID COUNT\n");
		return 2;
	}
	load.batch = worker_number(argv[1]);
	load.creates = strcmp(argv[2], "create") == 0;
	port = worker_number(argv[3]);
	read_key(argv[4]);
	snprintf(load.server, sizeof(load.server), "%s", argv[5]);
	load.next = load.names.count = worker_number(argv[6]);
	load.names.prefix = "u";
	snprintf(load.host, sizeof(load.host), "127.0.0.1:%lu", port);
	load.requests = calloc(load.batch, sizeof(*load.requests));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.requests == NULL || load.epoll < 0)
		worker_die("epoll_create1");
	for (size_t i = 0; i < CONNECTIONS; i++)
		open_connection(&load.connections[i], port);
	return worker_serve(1, sample, NULL);
}
