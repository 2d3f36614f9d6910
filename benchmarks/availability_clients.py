"""Anonymous and other clients that load a portal, for benchmarks.availability: one case in one process, until SIGTERM.

    python -m benchmarks.availability_clients CASE PORT < '{"cookie": "...", "paths": {...}}'

It runs at the lowest priority, because real clients are on other machines and take no processor time of the portal.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException

LARGE_FORM = 2_200_000
ALLOWED_FORM = 200_000
UPLOAD_BYTES = 20_000_000
SLOW_PAUSE = 0.5


class Clients:
    """The clients of one portal at `port`. `paths` are addresses by name, `cookie` is of a member who sends files."""

    def __init__(self, port: int, paths: dict[str, str], cookie: str) -> None:
        self.port, self.paths, self.cookie = port, paths, cookie

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def head(self, method: str, path: str, *lines: str) -> bytes:
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *lines, "", ""]).encode()

    def send_slowly(self, number: int) -> None:
        """A form of 2.2 MB, or one of an allowed size, a few bytes at a time."""
        size = (LARGE_FORM, ALLOWED_FORM)[number % 2]
        kind = "Content-Type: application/x-www-form-urlencoded"
        with self.connect() as client:
            client.sendall(self.head("POST", self.paths["sign_in"], kind, f"Content-Length: {size}"))
            for _ in range(size // 100):
                client.sendall(b"x" * 100)
                time.sleep(SLOW_PAUSE)

    def read_slowly(self, number: int) -> None:
        """An export, a script or the sign-in page, a few bytes at a time."""
        path = self.paths[("export", "script", "sign_in")[number % 3]]
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with client:
            client.settimeout(60)
            client.connect(("127.0.0.1", self.port))
            client.sendall(self.head("GET", path, f"Cookie: {self.cookie}"))
            while client.recv(512):
                time.sleep(SLOW_PAUSE)

    def guess_passwords(self, number: int) -> None:
        """As fast as the portal answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", self.paths["sign_in"])
        page = connection.getresponse()
        cookie = (page.getheader("Set-Cookie") or "").partition(";")[0]
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
        form = f"username=victim{number}%40example.com&csrfmiddlewaretoken={found[1] if found else ''}"
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        for attempt in range(100_000):
            connection.request("POST", self.paths["sign_in"], f"{form}&password=guess-number-{attempt}", headers)
            connection.getresponse().read()

    def upload(self, number: int) -> None:
        """20 MB: of visitors, whom the portal refuses, and of a member."""
        kind = {"Content-Type": "multipart/form-data; boundary=part"}
        headers = kind | ({"Cookie": self.cookie} if number == 0 else {})
        begin = b'--part\r\nContent-Disposition: form-data; name="file"; filename="numbers.csv"\r\n\r\nnumber\r\n'
        body = begin + b"2065550143\r\n" * (UPLOAD_BYTES // 12) + b"\r\n--part--\r\n"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", self.paths["upload"], body, headers)
        connection.getresponse().read()

    def export(self, number: int) -> None:
        """All numbers of the large account, one export after the other."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", self.paths["export"], headers={"Cookie": self.cookie})
        response = connection.getresponse()
        while response.read(65_536):
            pass


# The clients of each case, and how many there are.
CASES: dict[str, tuple[Callable[[Clients, int], None], int]] = {
    "slow bodies": (Clients.send_slowly, 48),
    "slow readers": (Clients.read_slowly, 48),
    "password guessing": (Clients.guess_passwords, 12),
    "uploads": (Clients.upload, 12),
    "large exports": (Clients.export, 6),
}


def _repeat(act: Callable[[Clients, int], None], clients: Clients, number: int) -> Iterator[None]:
    while True:
        try:
            act(clients, number)
        except (OSError, HTTPException):
            time.sleep(0.1)  # it was refused, or took too long
        yield


def main() -> None:
    os.nice(19)
    options = json.load(sys.stdin)
    act, count = CASES[sys.argv[1]]
    clients = Clients(int(sys.argv[2]), options["paths"], options["cookie"])
    for number in range(count):
        threading.Thread(
            target=lambda turns: [None for _ in turns], args=(_repeat(act, clients, number),), daemon=True
        ).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
