"""Requests that two servers could cut in two ways: nobody gets the answer of another's request."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.proxies import PROXIES, Proxy, run_caddy, run_nginx, run_program
from tests.deploy.upstream import Upstream
from tests.support.processes import ROOT
from tests.support.servers import free_port

# What one server would take for the body of the first request, and another for a request of its own.
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: {host}\r\nX-Rest: "
CHUNKED_HIDDEN = b"0\r\n\r\n" + HIDDEN
LENGTH = b"Content-Length: %d\r\n" % len(CHUNKED_HIDDEN)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
# The lines of the head, and the body.
AMBIGUOUS = {
    "a length and chunks": (LENGTH + CHUNKED, CHUNKED_HIDDEN),
    "chunks and a length": (CHUNKED + LENGTH, CHUNKED_HIDDEN),
    "two lengths": (b"Content-Length: 0\r\n" + LENGTH, CHUNKED_HIDDEN),
    "two lengths, the longer first": (LENGTH + b"Content-Length: 0\r\n", CHUNKED_HIDDEN),
    "two lengths in one line": (b"Content-Length: 0, %d\r\n" % len(HIDDEN), HIDDEN),
    "a length with a sign": (b"Content-Length: +0\r\n", HIDDEN),
    "a length that is no number": (b"Content-Length: 0x0\r\n", HIDDEN),
    "a negative length": (b"Content-Length: -1\r\n", HIDDEN),
    "another encoding than chunks": (LENGTH + b"Transfer-Encoding: xchunked\r\n", CHUNKED_HIDDEN),
    "an encoding with a control character": (LENGTH + b"Transfer-Encoding: \x0bchunked\r\n", CHUNKED_HIDDEN),
    "a space before the colon": (LENGTH + b"Transfer-Encoding : chunked\r\n", CHUNKED_HIDDEN),
    "a folded line": (LENGTH + b"Transfer-Encoding:\r\n chunked\r\n", CHUNKED_HIDDEN),
    "chunks named twice": (LENGTH + CHUNKED + b"Transfer-Encoding: identity\r\n", CHUNKED_HIDDEN),
    "a line that ends without a return": (LENGTH + b"X: y\nTransfer-Encoding: chunked\r\n", CHUNKED_HIDDEN),
    "a chunk whose size has a sign": (CHUNKED, b"+5\r\nhello\r\n" + CHUNKED_HIDDEN),
    "a chunk whose size has a prefix": (CHUNKED, b"0x5\r\nhello\r\n" + CHUNKED_HIDDEN),
    "a chunk that is longer than its size": (CHUNKED, b"1\r\nhello\r\n" + CHUNKED_HIDDEN),
    "no length": (b"", HIDDEN),
}


@contextmanager
def run_gunicorn(folder: Path) -> Iterator[Upstream]:
    """The portal's server with its configuration and its own worker class, in front of tests/deploy/echo.py."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--chdir", ROOT, "--config", ROOT / "deploy" / "gunicorn.conf.py"]
    environment = {"BIND": f"127.0.0.1:{port}", "WEB_CONCURRENCY": "1", "PYTHONPATH": str(ROOT)}
    with run_program([*command, "tests.deploy.echo:application"], port, folder, **environment):
        yield Upstream(port)


@pytest.fixture(scope="module")
def gunicorn(tmp_path_factory) -> Iterator[Upstream]:
    with run_gunicorn(tmp_path_factory.mktemp("gunicorn")) as web:
        yield web


@pytest.fixture(params=PROXIES, scope="module")
def proxy(request, gunicorn, tmp_path_factory) -> Iterator[Proxy]:
    """Both of its upstreams are gunicorn."""
    folder = tmp_path_factory.mktemp("boundaries")
    run = run_nginx(gunicorn, gunicorn, folder) if request.param == "nginx.conf" else None
    with run or run_caddy(request.param, gunicorn, gunicorn, folder) as running:
        yield running


def make_request(name: str, host: str) -> bytes:
    lines, body = AMBIGUOUS[name]
    return b"POST /outer HTTP/1.1\r\nHost: %s\r\n%s\r\n%s" % (
        host.encode(),
        lines,
        body.replace(b"{host}", host.encode()),
    )


@pytest.mark.parametrize("name", sorted(AMBIGUOUS.keys() - {"no length"}))
def test_server_answers_no_hidden_request(gunicorn, name):
    """It refuses the request, or waits for the rest of it until the client closes."""
    with socket.create_connection(("127.0.0.1", gunicorn.port), timeout=60) as client:
        client.sendall(make_request(name, "127.0.0.1") + b"y\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received == b"" or received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") <= 1


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_nobody_gets_the_answer_of_a_hidden_request(proxy, name):
    """Proxies send the requests of several clients to gunicorn through one connection."""
    for _ in range(3):
        connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=60)
        with proxy.tls.wrap_socket(connection, server_hostname=proxy.host) if proxy.tls else connection as client:
            client.sendall(make_request(name, proxy.host))
            client.recv(65536)
    with proxy.client() as client:
        answers = [client.get(f"/innocent/{number}").json() for number in range(5)]
    assert answers == [{"method": "GET", "path": f"/innocent/{number}", "body": ""} for number in range(5)]


def test_an_unambiguous_request_has_its_body(proxy):
    """The server is one that answers: otherwise the tests above could not fail."""
    with proxy.client() as client:
        assert client.post("/outer", content=b"hello").json()["body"] == "hello"
        assert client.post("/outer", content=iter([b"hel", b"lo"])).json()["body"] == "hello"
