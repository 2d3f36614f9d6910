"""gunicorn with the portal's worker class and two threads: clients that are slow or do nothing stop nobody."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from django.urls import reverse

from tests.support.processes import ROOT, run_python
from tests.support.servers import free_port, wait_for_port

pytestmark = pytest.mark.no_database

WORKER_CLASS = "portal.web_worker.BufferingWorker"
THREADS = 2
# More than there are threads. gthread of gunicorn needs 2 seconds for each of those that do not close.
SLOW_CLIENTS = 24
# Less than the portal gives slow clients, and than gthread needs.
SECONDS = 15


@contextmanager
def run_server() -> Iterator[tuple[int, subprocess.Popen]]:
    """The port and the process."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--worker-class", WORKER_CLASS, "--threads", str(THREADS)]
    command += ["--bind", f"127.0.0.1:{port}", "--no-control-socket", "tests.support.echo_app"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        wait_for_port(port, "gunicorn")
        httpx.get(f"http://127.0.0.1:{port}/", timeout=60)
        yield port, process
    finally:
        process.send_signal(signal.SIGQUIT)  # at once
        process.wait(60)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, subprocess.Popen]]:
    with run_server() as running:
        yield running


@pytest.fixture
def port(server) -> int:
    return server[0]


@pytest.fixture
def connect(port) -> Iterator[Callable[[str], socket.socket]]:
    """Open a connection and send this text."""
    with ExitStack() as stack:

        def connect(text: str) -> socket.socket:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))
            client.sendall(text.encode())
            return client

        yield connect


def ask(port: int, path: str = "/", **options: object) -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{port}{path}", timeout=SECONDS, trust_env=False, **options)


def read_response(client: socket.socket) -> str:
    """What comes until the connection is closed."""
    found = b""
    while data := client.recv(65_536):
        found += data
    return found.decode()


def test_gunicorn_uses_this_class():
    """In a process of its own, because the file makes its process forget the portal's code."""
    for name in ("gunicorn.conf.py", "gunicorn-dialer.conf.py"):
        code = f"from runpy import run_path; print(run_path('deploy/{name}')['worker_class'])"
        assert run_python("-c", code, environment=dict(os.environ)).strip() == WORKER_CLASS


@pytest.mark.parametrize(
    "beginning",
    [
        "POST / HTTP/1.1\r\nHost: a\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n12345",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 2200000\r\n\r\n12345",
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "",
    ],
    ids=["head", "body", "chunks", "large body", "never closes", "never reads", "nothing"],
)
def test_slow_clients_stop_nobody(port, connect, beginning):
    for _ in range(SLOW_CLIENTS):
        connect(beginning)
    assert ask(port, content=b"12345").text == "5"


def test_dialers_are_answered_while_all_other_threads_are_busy():
    with run_server() as (port, _), ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"GET /busy HTTP/1.1\r\nHost: a\r\n\r\n")
        assert ask(port, reverse("match"), content=b"{}").text == "2"


def test_request_that_comes_in_pieces_is_answered(port, connect):
    client = connect("POST / HTTP/1.1\r\nHost: a\r\nConnection: cl")
    ask(port)
    client.sendall(b"ose\r\nContent-Length: 5\r\n\r\n12")
    ask(port)
    client.sendall(b"345")
    assert read_response(client).endswith("\r\n\r\n5")


def test_connection_is_used_again_also_for_requests_that_come_together(port, connect):
    one = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    last = one.replace("Host: a", "Host: a\r\nConnection: close")
    assert read_response(connect(one + one + last)).count("200 OK") == 3
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS, trust_env=False) as client:
        assert [client.post("/", content=b"x" * size).text for size in (5, 0, 70_000)] == ["5", "0", "70000"]


@pytest.mark.parametrize("size", [200_000, 3_000_000])
def test_bodies_of_each_size_are_read(port, size):
    assert ask(port, content=b"x" * size).text == str(size)
    assert ask(port, content=iter([b"x" * size, b"x"])).text == str(size + 1)  # in chunks


def test_refusal_of_a_large_body_comes_before_the_body_and_ends_the_connection(port, connect):
    client = connect("POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
    response = read_response(client)
    assert response.startswith("HTTP/1.1 413")
    assert response.endswith("not read")
    assert "connection: close" in response.lower()


def test_client_that_sends_all_of_a_large_body_gets_the_refusal(port):
    assert ask(port, "/unread", content=b"x" * 3_000_000).status_code == 413


def test_client_that_asks_first_is_told_to_send_its_body(connect):
    client = connect(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
    assert client.recv(4096).startswith(b"HTTP/1.1 100 Continue")
    client.sendall(b"12345")
    assert read_response(client).endswith("\r\n\r\n5")


def test_head_that_is_too_large_is_refused(connect):
    assert read_response(connect("GET / HTTP/1.1\r\nX: " + "x" * 100_000)).startswith("HTTP/1.1 431")


def test_server_stops_although_clients_keep_connections_open(server, connect):
    """The last test, because it ends the server's process."""
    connect("")
    connect("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    _, process = server
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
