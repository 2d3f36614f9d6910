"""A stand-in of the vendor in docs/providers.md: a strict HTTP server that misbehaves if told to."""

import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reputation.providers.conformance import UNASKED_NUMBER, Fault

KEY = "acme-test-key"
FIELDS = {"/look-ups": "numbers", "/removals": "requests", "/removals/status": "ids", "/removals/withdraw": "ids"}


class AcmeStandIn:
    """The vendor's state. `labels` holds the label of each labelled number; the poll after a request removes it."""

    def __init__(self):
        self.labels = {}
        self.removals = {}  # by key: the fields of the answer
        self.fault = self.bad_number = None
        self.released = threading.Event()
        self.address = ""

    def misbehave(self, fault, number):
        self.fault, self.bad_number = fault, number

    def answer(self, path, items):
        """Return the status, the body and the headers of the answer."""
        numbers = [item["number"] if isinstance(item, dict) else item for item in items]
        if self.fault is Fault.TIME_OUT:
            self.released.wait(30)
        if self.fault is Fault.RATE_LIMIT:
            return 429, "Too many requests.", {"Retry-After": "60"}
        if self.fault is Fault.BAD_NUMBER and self.bad_number in numbers:
            return 422, f"{self.bad_number} is not yours.", {}
        if path == "/look-ups":
            return 200, self._look_up(numbers), {}
        if path == "/removals":
            return 200, self._remove(items), {}
        return 200, self._change(items, "removed" if path.endswith("status") else "withdrawn"), {}

    def _look_up(self, numbers):
        asked = [*numbers, UNASKED_NUMBER] if self.fault is Fault.UNASKED else numbers
        results = []
        for number in asked:
            label = self.labels.get(number, "")
            result = {"number": number, "status": "spam" if label else "none"} | ({"label": label} if label else {})
            of_number = [result]
            if number == self.bad_number:
                of_number = {
                    Fault.PARTIAL: [],
                    Fault.LATE: [result | {"seen_at": "2026-11-01T09:00:00+00:00"}],
                    Fault.REPEATED: [result, result],
                    Fault.CONTRADICTORY: [result | {"status": "spam", "label": "Spam Likely"}, result],
                    Fault.MISSING_FIELDS: [{"number": number}],
                }.get(self.fault, of_number)
            results += of_number
        return results

    def _remove(self, requests):
        for request in requests:
            new = {"id": f"acme-{len(self.removals)}", "key": request["key"], "number": request["number"]}
            self.removals.setdefault(request["key"], new | {"status": "received"})
        answers = [self.removals[request["key"]] for request in requests]
        if self.fault is Fault.PARTIAL:
            answers = answers[1:]
        if self.fault is Fault.REPEATED:
            answers = [answers[0], *answers]
        if self.fault is Fault.UNASKED:
            answers = [*answers, answers[0] | {"key": "another", "number": UNASKED_NUMBER}]
        return answers

    def _change(self, ids, status):
        changed = [removal for removal in self.removals.values() if removal["id"] in ids]
        for removal in changed:
            removal["status"] = status
            self.labels.pop(removal["number"], None)
        return changed


@contextmanager
def run_stand_in():
    """Run the stand-in on a free port, and yield its state."""
    state = AcmeStandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["Authorization"] != f"Bearer {KEY}":
                status, answer, headers = 401, "Wrong key.", {}
            elif list(body) != [FIELDS.get(self.path)]:
                status, answer, headers = 422, "Unknown fields.", {}
            else:
                status, answer, headers = state.answer(self.path, body[FIELDS[self.path]])
            content = (json.dumps({"results": answer}) if status == 200 else answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

        def handle(self):
            with suppress(BrokenPipeError, ConnectionResetError):  # the client did not wait
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
