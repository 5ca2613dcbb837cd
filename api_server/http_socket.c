#include "api_server/http_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/host/daemon_log.h"

#define BACKLOG 1024 /* the kernel cuts it to net.core.somaxconn */

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

/* make_address: of its own family, for a host without IPv6 has 127.0.0.1 all the same. Returns its length. */
static socklen_t
make_address(const struct config_listen *place, union address *address)
{
	memset(address, 0, sizeof(*address));
	if (IN6_IS_ADDR_V4MAPPED(&place->address)) {
		address->four.sin_family = AF_INET;
		address->four.sin_port = htons(place->port);
		memcpy(&address->four.sin_addr, &place->address.s6_addr[12], sizeof(address->four.sin_addr));
		return sizeof(address->four);
	}
	address->six.sin6_family = AF_INET6;
	address->six.sin6_port = htons(place->port);
	address->six.sin6_addr = place->address;
	return sizeof(address->six);
}

void
http_socket_name(const struct config_listen *place, char name[HTTP_SOCKET_NAME_MAX])
{
	char text[INET6_ADDRSTRLEN] = "?";
	bool four = IN6_IS_ADDR_V4MAPPED(&place->address);

	if (four)
		inet_ntop(AF_INET, &place->address.s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &place->address, text, sizeof(text));
	snprintf(name, HTTP_SOCKET_NAME_MAX, four ? "%s:%u" : "[%s]:%u", text, place->port);
}

/* hint_of: where the kernel's own words leave an operator guessing. */
static const char *
hint_of(int problem)
{
	switch (problem) {
	case EADDRINUSE:
		return " hint=\"another program has it: `ss -ltnp` shows which\"";
	case EADDRNOTAVAIL:
		return " hint=\"it is none of this host's addresses: `ip address` shows them\"";
	case EACCES:
		return " hint=\"a port below 1024 is root's: berth-api(8) says how to have it\"";
	}
	return "";
}

static int
fail(const struct config_listen *place, int fd)
{
	int problem = errno;
	char name[HTTP_SOCKET_NAME_MAX];

	http_socket_name(place, name);
	daemon_log(LOG_ERR, "can't listen: listen=%s reason=\"%s\"%s", name, strerror(problem), hint_of(problem));
	if (fd >= 0)
		close(fd);
	return -1;
}

int
http_socket_open(const struct config_listen *place)
{
	union address address;
	socklen_t length = make_address(place, &address);
	int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, off = 0;

	/* [::] takes IPv4 too, whatever net.ipv6.bindv6only says. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (address.any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0) ||
	    bind(fd, &address.any, length) != 0 || listen(fd, BACKLOG) != 0)
		return fail(place, fd);
	return fd;
}
