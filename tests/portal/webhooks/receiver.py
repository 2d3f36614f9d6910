"""A receiver of webhooks: an HTTP server in threads that responds as the test sets it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

Responder = Callable[[BaseHTTPRequestHandler, "ReceivedRequest"], None]


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it was received."""

    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> dict:
        return json.loads(self.body)

    def is_signed_by(self, secret: str) -> bool:
        """Verify the signature with the specification's own library, which raises if it does not match."""
        Webhook(secret).verify(self.body, self.headers)
        return True


def respond(code: int, body: bytes = b"ok", **headers: str) -> Responder:
    def answer(handler: BaseHTTPRequestHandler, request: ReceivedRequest) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@dataclass
class Receiver:
    """A receiver that responds with `answer`. `accepted` are the requests that got a success status."""

    answer: Responder = field(default_factory=lambda: respond(200))
    requests: list[ReceivedRequest] = field(default_factory=list)
    accepted: list[ReceivedRequest] = field(default_factory=list)
    # Set at the end of the test, so that handlers that wait do not outlive it.
    closing: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    def accepted_changes(self) -> list[tuple[int, str]]:
        """Return number and new state of each accepted message, in order and without repetitions."""
        seen: dict[str, tuple[int, str]] = {}
        for request in self.accepted:
            data = request.payload["data"]
            seen.setdefault(request.event_id, (data["number"]["id"], data["after"]))
        return list(seen.values())


@contextmanager
def run_receiver(receiver: Receiver | None = None, *, tls: object = None) -> Iterator[Receiver]:
    receiver = receiver or Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # the sender died while it was sending
                self.close_connection = True
                return
            request = ReceivedRequest({name.lower(): value for name, value in self.headers.items()}, body, self.path)
            self.received = request
            receiver.requests.append(request)
            try:
                receiver.answer(self, request)
            except OSError:
                self.close_connection = True  # the sender closed the connection

        def send_response(self, code: int, message: str | None = None) -> None:
            if 200 <= code < 300:
                receiver.accepted.append(self.received)
            super().send_response(code, message)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", receiver.port), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.scheme = "https"
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
