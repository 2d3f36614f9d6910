"""A web server in a thread that stands behind a proxy, and a client that sends a request piece by piece."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

# As the portal sends it.
STRICT_TRANSPORT_SECURITY = "max-age=31536000; includeSubDomains; preload"


@dataclass
class Upstream:
    """`arrived` has the path of each request as soon as its head is there, `headers` those of each path."""

    port: int = 0
    arrived: list[str] = field(default_factory=list)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)


@contextmanager
def run_upstream() -> Iterator[Upstream]:
    """Answer each request with the SHA-256 of its body."""
    upstream = Upstream()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            upstream.arrived.append(self.path)
            upstream.headers[self.path] = {name.lower(): value for name, value in self.headers.items()}
            body = hashlib.sha256(self.read_body()).hexdigest().encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Strict-Transport-Security", STRICT_TRANSPORT_SECURITY)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def read_body(self) -> bytes:
            """A proxy sends a body whose length it was told, or in chunks."""
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    upstream.port = server.server_address[1]
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class SlowRequest:
    """A POST with a body of `size` bytes. `send` sends some bytes of it; `read_status` reads the answer's status."""

    def __init__(self, port: int, path: str, *, host: str, size: int, tls: ssl.SSLContext | None = None) -> None:
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket = tls.wrap_socket(connection, server_hostname=host) if tls else connection
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
        self._socket.sendall(head.encode())

    def send(self, size: int) -> None:
        self._socket.sendall(b"x" * size)

    def read_status(self) -> int:
        with self._socket, self._socket.makefile("rb") as answer:
            return int(answer.readline().split()[1])
