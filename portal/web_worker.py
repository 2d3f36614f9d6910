"""The worker class of gunicorn: a thread gets a request once all of it is here, so slow clients occupy no thread.

gunicorn's own class with threads, `gthread`, gives each connection to a thread at once. The thread then waits for the
head and the body for as long as the client takes, and the main loop waits for clients that do not close a connection.
Here the main loop reads requests, of all connections at once, and waits for nobody. Behind a proxy that buffers, this
hardly matters. Without one, as in the demo, a few slow clients would stop the portal.

The requests of dialers have threads of their own, for portals without processes of their own for dialers.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from gunicorn.workers.gthread import TConn, ThreadWorker

# A request that is not here after this time is given up. A larger one than BODY_BYTES goes to its thread without its
# body: the portal refuses it by its head, or reads it because this person may send files.
ARRIVAL_SECONDS: Final = 20.0
BODY_BYTES: Final = 1024 * 1024 + 64 * 1024
HEAD_BYTES: Final = 64 * 1024
# For each read and write of a thread, of what does not fit into the buffers.
SOCKET_SECONDS: Final = 20.0
# Responses up to this size are taken over by the system; it may allow less.
SEND_BUFFER_BYTES: Final = 512 * 1024
# How long a connection is read after the last response, so that the client gets the response before the reset.
LINGER_SECONDS: Final = 2.0
# How long connections without a request stay open while the process stops.
STOP_SECONDS: Final = 2.0
READ_BYTES: Final = 64 * 1024
DIALER_REQUEST: Final = b"POST /api/v1/match "
DIALER_THREADS: Final = 2
HEAD_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EXPECTS_CONTINUE = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)


@dataclass
class Arrival:
    """The part of a request that is here. `wanted` is its size with its head, -1 as long as that is not known."""

    give_up_at: float
    data: bytearray = field(default_factory=bytearray)
    wanted: int = -1
    is_chunked: bool = False
    expects_continue: bool = False

    def add(self, data: bytes) -> None:
        searched = max(0, len(self.data) - 3)
        self.data += data
        if self.wanted < 0 and (end := self.data.find(b"\r\n\r\n", searched)) >= 0:
            head = bytes(self.data[: end + 4])
            length = _LENGTH.search(head)
            self.is_chunked = bool(_CHUNKED.search(head))
            self.expects_continue = bool(_EXPECTS_CONTINUE.search(head))
            self.wanted = len(head) + (int(length[1]) if length else 0)

    def is_whole(self) -> bool:
        if self.is_chunked:
            return self.data.endswith(b"0\r\n\r\n")
        return 0 <= self.wanted <= len(self.data)

    def has_large_head(self) -> bool:
        return self.wanted < 0 and len(self.data) > HEAD_BYTES

    def has_large_body(self) -> bool:
        return self.wanted >= 0 and max(self.wanted, len(self.data)) > BODY_BYTES


class BufferingWorker(ThreadWorker):
    """Each method is called in the main loop, except for `handle_request`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Both in the order in which their time is over.
        self._arriving: dict[TConn, Arrival] = {}
        self._leaving: dict[TConn, float] = {}
        self._stops_at = 0.0
        self._dialer_threads = ThreadPoolExecutor(DIALER_THREADS)  # begins threads when it needs them

    def run(self) -> None:
        super().run()
        self._dialer_threads.shutdown(wait=False)

    def enqueue_req(self, conn: TConn) -> None:
        """Read the request of the connection, then give it to a thread."""
        arrival = Arrival(time.monotonic() + ARRIVAL_SECONDS)
        if conn.initialized:
            arrival.add(conn.parser.unreader.take_buffered())
        else:
            with suppress(OSError):
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        conn.sock.setblocking(False)
        if not self._read(conn, arrival):
            self._arriving[conn] = arrival
            self._watch(conn, self._on_arriving)

    def _watch(self, conn: TConn, callback: Callable[[TConn, object], None]) -> None:
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(callback, conn))

    def _on_arriving(self, conn: TConn, _socket: object) -> None:
        arrival = self._arriving[conn]
        self.poller.unregister(conn.sock)
        if self._read(conn, arrival):
            del self._arriving[conn]
        else:
            self._watch(conn, self._on_arriving)

    def _read(self, conn: TConn, arrival: Arrival) -> bool:
        """Read what is here. True if the connection is given to a thread, or closed."""
        if not arrival.is_whole():
            try:
                data = conn.sock.recv(READ_BYTES)
            except BlockingIOError:
                return False
            except OSError:
                data = b""
            if not data:
                self._close(conn)
                return True
            arrival.add(data)
        if arrival.is_whole() or arrival.has_large_body():
            self._give_to_thread(conn, arrival)
            return True
        if arrival.has_large_head():
            with suppress(OSError):
                conn.sock.send(HEAD_TOO_LARGE)
            self._leave(conn)
            return True
        if arrival.expects_continue:
            arrival.expects_continue = False
            with suppress(OSError):
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return False

    def _give_to_thread(self, conn: TConn, arrival: Arrival) -> None:
        conn.init()
        conn.parser.unreader.unread(bytes(arrival.data))
        conn.is_whole = arrival.is_whole()
        threads = self._dialer_threads if arrival.data.startswith(DIALER_REQUEST) else self.tpool
        future = threads.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Called in a thread. A client that does not take the response gets no more of it."""
        conn.sock.settimeout(SOCKET_SECONDS)
        if not conn.is_whole:
            req.force_close()  # else gunicorn waits for what the portal did not read
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            self.log.info("A client was too slow: %s", conn.client)
            return False

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Close a connection without waiting for the client, else as gunicorn does."""
        if fs.cancelled() or fs.exception() or fs.result() is not False:
            super().finish_request(conn, fs)
        else:
            self._leave(conn)

    def _leave(self, conn: TConn) -> None:
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self._leaving[conn] = time.monotonic() + LINGER_SECONDS
        self._watch(conn, self._on_leaving)

    def _on_leaving(self, conn: TConn, _socket: object) -> None:
        """Throw away what still comes, until the client closes the connection."""
        try:
            data = conn.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.poller.unregister(conn.sock)
            del self._leaving[conn]
            self._close(conn)

    def murder_pending(self) -> None:
        """Close the connections whose time is over. gunicorn calls it once a second or more often."""
        super().murder_pending()
        now = time.monotonic()
        if not self.alive:
            self._stops_at = self._stops_at or now + STOP_SECONDS
        for conn, arrival in list(self._arriving.items()):
            is_idle = not arrival.data and 0 < self._stops_at <= now
            if arrival.give_up_at <= now or is_idle:
                self._drop(self._arriving, conn)
        for conn, close_at in list(self._leaving.items()):
            if close_at <= now:
                self._drop(self._leaving, conn)

    def _drop(self, conns: dict[TConn, Any], conn: TConn) -> None:
        del conns[conn]
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()
