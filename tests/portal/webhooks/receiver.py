"""A real receiver on this machine, which answers as a test wants: HTTP by the standard library, in threads."""

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
    """A request as it came in."""

    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict:
        return json.loads(self.body)

    def is_signed_by(self, secret: str) -> bool:
        """By the specification's own library; raises where it is not."""
        Webhook(secret).verify(self.body, self.headers)
        return True


def respond(code: int, body: bytes = b"ok", **headers: str) -> Responder:
    def answer(handler: BaseHTTPRequestHandler, got: ReceivedRequest) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@dataclass
class Receiver:
    """What came in is in `got`, whatever was answered; `taken` is what was answered with success."""

    answer: Responder = field(default_factory=lambda: respond(200))
    got: list[ReceivedRequest] = field(default_factory=list)
    taken: list[ReceivedRequest] = field(default_factory=list)
    # Set at the end, so that handlers that wait do not outlive the test.
    over: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    def took(self) -> list[tuple[int, str]]:
        """Of what was answered with success: the number and what became of it, each message once."""
        seen: dict[str, tuple[int, str]] = {}
        for one in self.taken:
            data = one.message["data"]
            seen.setdefault(one.event_id, (data["number"]["id"], data["after"]))
        return list(seen.values())


@contextmanager
def run_receiver(receiver: Receiver | None = None, *, tls: object = None) -> Iterator[Receiver]:
    receiver = receiver or Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # the sender died before it had said all
                self.close_connection = True
                return
            got = ReceivedRequest({name.lower(): value for name, value in self.headers.items()}, body, self.path)
            self.got = got
            receiver.got.append(got)
            try:
                receiver.answer(self, got)
            except OSError:
                self.close_connection = True  # the sender has hung up

        def send_response(self, code: int, message: str | None = None) -> None:
            if 200 <= code < 300:
                receiver.taken.append(self.got)
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
        receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
