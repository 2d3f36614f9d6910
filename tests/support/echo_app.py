"""A WSGI application for tests of the web server: answers with the size of the body, or as the path says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable


def application(environ: dict, start_response: Callable) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/unread":
        start_response("413 Content Too Large", [("Content-Length", "8")])
        return [b"not read"]
    if environ["PATH_INFO"] == "/busy":
        time.sleep(20)  # longer than the tests wait
    count = 0
    while data := environ["wsgi.input"].read(65_536):
        count += len(data)
    body = b"x" * 300_000 if environ["PATH_INFO"] == "/page" else str(count).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
