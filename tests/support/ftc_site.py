"""A strict stand-in for the FTC's site, as a process of its own: a page with links, and complaint files with faults.

    python -m tests.support.ftc_site PORT FOLDER

The folder holds the site. `site.json`, which FtcSite writes, has the links of the page, the shortest pause that is
tolerated, and the faults of addresses. `files/` has the files. The process appends each request to `requests.jsonl`.

It refuses what the real site may refuse: other methods than GET, a User-Agent that does not say which product asks and
where to find its operator, and requests that follow each other too fast.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.processes import ROOT
from tests.support.servers import free_port, wait_for_port

PAGE = "/policy-notices/open-government/data-sets/do-not-call-data"
FOLDER = "/sites/default/files/"
HTML = "<!DOCTYPE html><html><body><h1>Page not found</h1></body></html>\n"
HONEST = re.compile(r"[A-Z][\w-]+/\d+(\.\d+)* \(\+https?://[^\s()]+\)")


@dataclass
class FtcSite:
    """The test's side: what the site has, and which requests it got."""

    folder: Path
    port: int
    links: list[str] = field(default_factory=list)
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)
    min_pause: float = 0.0
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PAGE}"

    def publish(self, name: str, content: bytes, *, is_listed: bool = True) -> None:
        (self.folder / "files" / name).write_bytes(content)
        self.links += [f"{FOLDER}{name}"] * (is_listed and f"{FOLDER}{name}" not in self.links)
        self.save()

    def set_fault(self, path: str, kind: str, **details: Any) -> None:
        """Kinds: html, status (with `status` and `headers`), cut, garbage, redirect (`to`), endless, hang."""
        self.faults[path if path.startswith("/") else FOLDER + path] = {"kind": kind, **details}
        self.save()

    def mend(self, path: str) -> None:
        del self.faults[path if path.startswith("/") else FOLDER + path]
        self.save()

    def save(self) -> None:
        """The file is replaced, so that the process never reads half of it."""
        text = json.dumps({"links": self.links, "faults": self.faults, "min_pause": self.min_pause})
        (self.folder / "new.json").write_text(text)
        (self.folder / "new.json").replace(self.folder / "site.json")

    @property
    def requests(self) -> list[dict[str, Any]]:
        log = self.folder / "requests.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def get_answers(self, name: str = "") -> list[int]:
        """The statuses that the page, or the file of this name, was answered with."""
        path = FOLDER + name if name else PAGE
        return [request["status"] for request in self.requests if request["path"] == path]


@contextmanager
def run_ftc_site(folder: Path) -> Iterator[FtcSite]:
    (folder / "files").mkdir(parents=True)
    site = FtcSite(folder, free_port())
    site.save()
    command = [sys.executable, "-m", "tests.support.ftc_site", str(site.port), str(folder)]
    site.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(site.port, "The stand-in for the FTC's site")
        yield site
    finally:
        site.process.terminate()
        site.process.wait()


# The process ----------------------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    lock = threading.Lock()
    last_request = -3600.0

    def do_GET(self) -> None:
        site = json.loads((self.folder / "site.json").read_text())
        with self.lock:
            gap, Handler.last_request = time.monotonic() - self.last_request, time.monotonic()
        if not HONEST.fullmatch(self.headers.get("User-Agent", "")):
            self.answer(403, b"Say who you are.")
        elif gap < site["min_pause"]:
            self.answer(429, b"Too fast.", {"Retry-After": "3600"})
        elif fault := site["faults"].get(self.path):
            self.answer_with_fault(fault)
        elif self.path == PAGE:
            links = "".join(f'<li><a href="{link}">CSV</a></li>' for link in site["links"])
            self.answer_if_changed(f"<html><body><ul>{links}</ul></body></html>".encode(), "text/html; charset=UTF-8")
        else:
            self.answer_with_file()

    def answer_with_file(self) -> None:
        file = self.folder / "files" / Path(self.path).name
        if not self.path.startswith(FOLDER) or not file.is_file():
            self.answer(404, HTML.encode(), {"Content-Type": "text/html"})
            return
        self.answer_if_changed(file.read_bytes(), "text/csv", file.stat().st_mtime)

    def answer_if_changed(self, body: bytes, content_type: str, modified: float | None = None) -> None:
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        headers = {"ETag": etag, "Content-Type": content_type}
        if modified is not None:
            headers["Last-Modified"] = format_datetime(datetime.fromtimestamp(int(modified), UTC), usegmt=True)
        is_same = self.headers.get("If-None-Match") == etag
        if "If-None-Match" not in self.headers and modified is not None and "If-Modified-Since" in self.headers:
            is_same = parsedate_to_datetime(self.headers["If-Modified-Since"]).timestamp() >= int(modified)
        self.answer(304 if is_same else 200, b"" if is_same else body, headers)

    def answer_with_fault(self, fault: dict[str, Any]) -> None:
        match fault["kind"]:
            case "html":
                self.answer_if_changed(HTML.encode(), "text/html; charset=UTF-8")
            case "status":
                self.answer(fault["status"], HTML.encode(), fault.get("headers", {}))
            case "redirect":
                Handler.last_request = -3600.0  # what it leads to is asked for at once
                self.answer(302, b"", {"Location": fault["to"]})
            case "cut":
                body = (self.folder / "files" / self.path.removeprefix(FOLDER)).read_bytes()
                self.answer(200, body[: len(body) // 2], {"Content-Length": str(len(body)), "ETag": '"whole"'})
                self.close_connection = True
            case "garbage":
                self.log_answer(0)
                self.wfile.write(b"\x00\x01 this is not HTTP\r\n\r\n")
                self.close_connection = True
            case "endless":
                self.answer(200, b"", {"Transfer-Encoding": "chunked"})
                part = b"x" * 65_536
                while True:
                    self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            case "hang":
                self.log_answer(0)
                while self.rfile.read(1):  # until the client gives up
                    pass
                self.close_connection = True

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        headers = headers or {}
        self.log_answer(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not {"Content-Length", "Transfer-Encoding"} & set(headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_answer(self, status: int) -> None:
        request = {"path": self.path, "status": status, "headers": {k.lower(): v for k, v in self.headers.items()}}
        with self.lock, (self.folder / "requests.jsonl").open("a") as log:
            log.write(json.dumps(request) + "\n")

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        pass  # the client has closed the connection


def main() -> None:
    Handler.folder = Path(sys.argv[2])
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
