"""A stand-in for the FCC's data service (Socrata SODA 2), as a process of its own.

It is strict: it refuses unknown parameters, values without quotes, other forms of numbers, addresses over 8 kB, limits
over 50,000, unknown tokens and requests that do not say who asks. Rows are complaints as the FCC publishes them. Faults
are queued: each is used for one request.

    python -m tests.support.fcc_stand_in        prints its port
    PUT /state                                  sets `version`, `rows`, `tokens`, `faults`; forgets former requests
    GET /requests                               the requests that it got
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[2]
DATASET = "vakf-fz8e"
MAX_URL = 8_192
DEFAULT_LIMIT, MAX_LIMIT = 1_000, 50_000
COLUMNS = {
    "id", "issue_date", "issue_time", "issue_type", "method", "issue", "caller_id_number", "type_of_call_or_messge",
    "advertiser_business_phone_number", "state", "zip", "location_1",
}  # fmt: skip
PARAMETERS = {"$select", "$where", "$group", "$order", "$limit", "$offset"}
AGGREGATE = re.compile(r"(count\(\*\)|(min|max)\((\w+)\)) as (\w+)")
IN_LIST = re.compile(r"caller_id_number in\(('\d{3}-\d{3}-\d{4}'(?:,'\d{3}-\d{3}-\d{4}')*)\)")
AFTER = re.compile(r"issue_date > '(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)'")
Row = dict[str, Any]


class Refused(Exception):
    """An error as the service writes it: JSON with `code` or `errorCode`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def bad_query(message: str) -> Refused:
    return Refused(400, "query.compiler.malformed", message)


# The query language ---------------------------------------------------------------------------------------------------


def run_query(rows: list[Row], parameters: list[tuple[str, str]]) -> list[Row]:
    query = dict(parameters)
    if len(query) != len(parameters) or not PARAMETERS.issuperset(query):
        raise bad_query(f"Unrecognized arguments [{', '.join(query)}]")
    limit, offset = read_number(query, "$limit", DEFAULT_LIMIT), read_number(query, "$offset", 0)
    if limit > MAX_LIMIT:
        raise bad_query(f"Cannot have $limit over {MAX_LIMIT}")
    matches = read_where(query.get("$where", ""))
    found = [row for row in rows if matches(row)]
    groups = read_columns(query.get("$group", ""))
    found = select(found, query.get("$select", ""), groups)
    for column in reversed(read_columns(query.get("$order", ""))):
        found.sort(key=lambda row: (column not in row, row.get(column, "")))
    return found[offset : offset + limit]


def read_number(query: dict[str, str], name: str, default: int) -> int:
    if not (text := query.get(name, str(default))).isdecimal():
        raise bad_query(f"{name} is no number: {text}")
    return int(text)


def read_columns(text: str) -> list[str]:
    columns = text.split(",") if text else []
    if unknown := [column for column in columns if column not in COLUMNS]:
        raise Refused(400, "query.soql.no-such-column", f"No such column: {unknown[0]}")
    return columns


def read_where(text: str) -> Callable[[Row], bool]:
    """Conditions joined by `and`: a list of numbers, and a time after which complaints were made."""
    conditions: list[Callable[[Row], bool]] = []
    for part in text.split(" and ") if text else []:
        if match := IN_LIST.fullmatch(part):
            numbers = set(match[1].replace("'", "").split(","))
            conditions.append(lambda row, numbers=numbers: row.get("caller_id_number") in numbers)
        elif match := AFTER.fullmatch(part):
            conditions.append(lambda row, after=match[1]: row.get("issue_date", "") > after)
        else:
            raise bad_query(f"Could not parse SoQL query at {part!r}")
    return lambda row: all(condition(row) for condition in conditions)


def select(rows: list[Row], text: str, groups: list[str]) -> list[Row]:
    """The groups with their aggregates. Absent values are absent keys, and counts are text, as in the real service."""
    parts = text.split(",")
    plain = [part for part in parts if not AGGREGATE.fullmatch(part)]
    read_columns(",".join(plain))
    if not groups or set(plain) != set(groups):
        raise bad_query("Non-grouped columns in $select")
    grouped: dict[tuple, list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(row.get(column) for column in groups), []).append(row)
    found = []
    for members in grouped.values():
        row = {column: members[0][column] for column in plain if column in members[0]}
        for part in set(parts) - set(plain):
            function, kind, column, alias = AGGREGATE.fullmatch(part).groups()
            values = [member[column] for member in members if column in member] if kind else []
            if function == "count(*)":
                row[alias] = str(len(members))
            elif values:
                row[alias] = min(values) if kind == "min" else max(values)
        found.append(row)
    return found


# The server -----------------------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = Lock()
        self.set_state({})

    def set_state(self, state: dict[str, Any]) -> None:
        with self.lock:
            self.state = {"version": 1_791_003_647, "rows": [], "tokens": [], "faults": []} | state
            self.requests: list[Row] = []

    def record(self, request: Row) -> Row | None:
        """Remember the request, and take the first fault that is for it."""
        with self.lock:
            self.requests.append(request)
            faults = self.state["faults"]
            mine = next((fault for fault in faults if fault.get("on", request["on"]) == request["on"]), None)
            if mine and not mine.get("stays"):
                faults.remove(mine)
            return mine


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Write nothing."""

    def do_PUT(self) -> None:
        self.server.set_state(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(200, b"{}")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/requests":
            self.answer(200, json.dumps(self.server.requests).encode())
            return
        on = {f"/api/views/{DATASET}": "metadata", f"/resource/{DATASET}.json": "rows"}.get(url.path, "nothing")
        parameters = parse_qsl(url.query, keep_blank_values=True)
        if on == "rows" and "issue_date" in dict(parameters).get("$group", ""):
            on = "days"
        request = {"on": on, "path": self.path, "query": dict(parameters), "headers": dict(self.headers)}
        fault = self.server.record(request)
        try:
            self.answer_request(on, parameters, fault or {})
        except Refused as error:
            self.answer_error(error)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer_request(self, on: str, parameters: list[tuple[str, str]], fault: Row) -> None:
        if fault.get("cuts"):
            self.close_connection = True
        if "status" in fault or "body" in fault:
            body = fault.get("body", {"code": "internal_error", "error": True, "message": "Internal error"})
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.answer(fault.get("status", 200), content, **fault.get("headers", {}))
            return
        if fault.get("hangs"):
            self.connection.recv(1)  # returns once the client has hung up
            self.close_connection = True
            return
        if fault.get("drips"):
            self.drip()
            return
        self.check_request()
        if on == "nothing":
            raise Refused(404, "not_found", "Cannot find the page")
        state = self.server.state
        rows = [] if on == "metadata" else run_query(state["rows"], parameters) + fault.get("extra_rows", [])
        if on == "metadata" and parameters:
            raise bad_query("A view has no parameters")
        description = {
            "id": DATASET,
            "name": "Consumer Complaints Data - Unwanted Calls",
            "attribution": "Federal Communications Commission: Consumer Inquiries and Complaints Division",
            "rowsUpdatedAt": state["version"],
        }
        answer = description if on == "metadata" else rows
        self.answer(200, json.dumps(answer).encode())

    def check_request(self) -> None:
        if len(self.path) > MAX_URL:
            self.close_connection = True
            raise Refused(414, "uri_too_long", "Request-URI Too Large")
        if not self.headers.get("User-Agent", "").startswith("Number-Reputation-Portal/"):
            raise Refused(403, "forbidden", "Say who you are")
        token = self.headers.get("X-App-Token")
        if token is not None and token not in self.server.state["tokens"]:
            raise Refused(403, "permission_denied", f"Invalid app_token specified: {token}")

    def answer_error(self, error: Refused) -> None:
        """The service writes `code` in some errors and `errorCode` in others."""
        key = "errorCode" if error.status == 400 else "code"
        body = {key: error.code, "error": True, "message": str(error)}
        self.answer(error.status, json.dumps(body).encode())

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        """A byte from time to time, until the client has had enough."""
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while True:
            self.wfile.write(b" ")
            time.sleep(0.02)


# For the tests --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FccStandIn:
    """The process, from outside."""

    url: str

    def set(self, **state: Any) -> None:
        """Set the state. What is not named gets its default: no rows, no faults, a version of 3 Oct 2026."""
        request = Request(f"{self.url}/state", json.dumps(state, default=str).encode(), method="PUT")
        with urlopen(request, timeout=10):
            pass

    def requests(self, on: str = "") -> list[Row]:
        """The requests it got since `set`: for the `metadata`, the `rows` or the `days`; all by default."""
        with urlopen(f"{self.url}/requests", timeout=10) as response:
            return [request for request in json.load(response) if on in ("", request["on"])]


@contextmanager
def run_fcc_stand_in() -> Iterator[FccStandIn]:
    command = [sys.executable, "-m", "tests.support.fcc_stand_in"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield FccStandIn(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.terminate()


if __name__ == "__main__":
    server = Server()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
