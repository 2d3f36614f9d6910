"""Send requests over persistent connections, one at a time on each, and measure how long each takes."""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time


def send_requests(port: int, requests: list[bytes], *, connections: int, seconds: float) -> tuple[list[float], int]:
    """Send the requests in turn to a port of this machine, over `connections` at once, for `seconds`.

    Returns the duration of each in seconds, and how many responses were not 200. A connection that the server closes
    is opened again, and the time for that counts as part of the request.
    """
    waiting = selectors.DefaultSelector()
    took: list[float] = []
    failed = place = 0

    def send(line: socket.socket | None) -> None:
        nonlocal place
        begun = time.perf_counter()
        line = line or socket.create_connection(("127.0.0.1", port), timeout=30)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(requests[place % len(requests)])
        place += 1
        waiting.register(line, selectors.EVENT_READ, begun)

    for _ in range(connections):
        send(None)
    until = time.perf_counter() + seconds
    while waiting.get_map():
        for key, _ in waiting.select(timeout=30):
            answer = key.fileobj.recv(65536)
            while answer and not _is_complete(answer):
                more = key.fileobj.recv(65536)
                answer = answer + more if more else b""
            waiting.unregister(key.fileobj)
            took.append(time.perf_counter() - key.data)
            failed += not answer.startswith(b"HTTP/1.1 200")
            if time.perf_counter() < until:
                closed = not answer or b"connection: close" in answer.lower()
                if closed:
                    key.fileobj.close()
                send(None if closed else key.fileobj)
            else:
                key.fileobj.close()
    return took, failed


def _is_complete(answer: bytes) -> bool:
    """Whether the body has arrived: it may come after the head."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return bool(end) and len(body) >= int(length[1] if length else 0)


def main() -> None:
    """Read {port, requests, connections, seconds} from standard input, and write [durations, failures]."""
    options = json.load(sys.stdin)
    requests = [request.encode() for request in options.pop("requests")]
    json.dump(send_requests(options.pop("port"), requests, **options), sys.stdout)


if __name__ == "__main__":
    main()
