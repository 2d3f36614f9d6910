"""A database of vulnerabilities in a thread, which speaks the API of OSV and knows what the test told it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@contextmanager
def run_vulnerability_database(known: dict[str, str], *, status: int = 200) -> Iterator[str]:
    """Yield the address of the database. `known` has the version in which each vulnerable package is fixed."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(_find(asked["package"]["name"], known)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _find(name: str, known: dict[str, str]) -> dict:
    if name not in known:
        return {}
    versions = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": known[name]}]}
    affected = [{"package": {"ecosystem": "PyPI", "name": name}, "ranges": [versions]}]
    return {"vulns": [{"id": f"TEST-{name}", "summary": "For a test.", "affected": affected}]}
