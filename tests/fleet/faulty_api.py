#!/usr/bin/python3
"""A Transfer API that has gone bad, over TLS: faulty_api.py FAULT ADDRESS PORT CERTIFICATE KEY

Prints "ready" once it listens, then a line for each connection or request. FAULT:

    error500   500, with AWS's shape of an error
    throttle   400 ThrottlingException
    garbage    by turns: bytes that are no HTTP, a body that isn't JSON, JSON of every wrong shape, an answer cut off
    huge       200 and a body without end
"""
import contextlib
import http.server
import itertools
import socketserver
import ssl
import sys

JSON = "application/x-amz-json-1.1"
GARBAGE = itertools.cycle([
    b"\x00\xff\x80 220 smtp.example ESMTP\r\n" * 20,
    b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\x00\xff{\"a\"",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"User":[7]',
    b'HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\n{"User":{"UserName":"root"}}    ',
    b'HTTP/1.1 400 Bad\r\nContent-Length: 34\r\n\r\n{"__type":"NoSuchThing\\u0000\\n","x":1}',
    b'HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n{"User":{"UserName":"',
])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        print(self.headers.get("X-Amz-Target", "?"), flush=True)
        getattr(self, self.server.fault)()

    def refuse(self, status, kind):
        body = b'{"__type":"%s","message":"as told"}' % kind.encode()
        self.send_response(status)
        self.send_header("Content-Type", JSON)
        self.send_header("x-amzn-ErrorType", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def error500(self):
        self.refuse(500, "InternalServiceError")

    def throttle(self):
        self.refuse(400, "ThrottlingException")

    def garbage(self):
        self.wfile.write(next(GARBAGE))
        self.close_connection = True

    def huge(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n" % JSON.encode())
        self.wfile.write(b'{"User":{"UserName":"alice","Role":"')
        while True:
            self.wfile.write(b"a" * 65536)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def __init__(self, fault, address, port, certificate, key):
        self.fault = fault
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        super().__init__((address, int(port)), Handler)

    def finish_request(self, request, client_address):
        with contextlib.suppress(OSError), self.tls.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    server = Server(*sys.argv[1:])
    print("ready", flush=True)
    server.serve_forever()
