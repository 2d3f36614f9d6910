"""The vendor of a provider and the receiver of webhooks, as one process, which behave as a file says for each request.

    python -m tests.torture.stand_ins PORT FOLDER

FOLDER/behaviour.json holds {"vendor": BEHAVIOUR, "receiver": BEHAVIOUR}. FOLDER/received.txt gets the id of each
webhook that is answered with success, FOLDER/probed.txt those that were sent to /probe, which always behaves well.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# Longer than the portal waits.
HANG_SECONDS = 40
DRIP_SECONDS = 0.5
VENDOR_BEHAVIOURS = ("hang", "refuse", "cut off", "drip", "repeat", "contradict", "answer for other numbers")
RECEIVER_BEHAVIOURS = ("hang", "refuse", "cut off", "drip")
OTHER_NUMBER = "+12065559999"


class StandIns:
    """What the vendor knows: which numbers had their label removed. A fifth of all numbers begins with one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.removed: set[str] = set()
        self.lock = threading.Lock()

    def get_behaviour(self, name: str) -> str:
        try:
            return json.loads((self.folder / "behaviour.json").read_text()).get(name, "")
        except (OSError, ValueError):
            return ""

    def note_received(self, webhook_id: str, file_name: str) -> None:
        with self.lock, (self.folder / file_name).open("a") as file:
            file.write(f"{webhook_id}\n")

    def is_labelled(self, number: str) -> bool:
        return number not in self.removed and sha256(number.encode()).digest()[0] % 5 == 0

    def answer(self, operation: str, items: list[Any]) -> list[dict[str, Any]]:
        if operation == "look_up":
            return [{"number": number, "labelled": self.is_labelled(number)} for number in items]
        if operation == "submit":
            self.removed.update(item["number"] for item in items)
            return [{"key": item["key"], "reference": f"s-{item['key']}", "stage": "received"} for item in items]
        if operation == "verify":
            return [{"number": number, "reference": f"v-{number}", "stage": "done"} for number in items]
        stage = "withdrawn" if operation == "withdraw" else "done"
        return [{"reference": reference, "stage": stage} for reference in items]


def change_answers(behaviour: str, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if behaviour == "repeat":
        return [*results, *reversed(results)]
    if behaviour == "contradict":
        return [*results, *({**result, "labelled": not result.get("labelled")} for result in results)]
    if behaviour == "answer for other numbers":
        return [*results, *({**result, "number": OTHER_NUMBER, "key": "x", "reference": "x"} for result in results)]
    return results


class Handler(BaseHTTPRequestHandler):
    stand_ins: StandIns

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name = {"/hook": "receiver", "/probe": "probe"}.get(self.path, "vendor")
        behaviour = self.stand_ins.get_behaviour(name)
        if behaviour == "hang":
            time.sleep(HANG_SECONDS)
            return
        if behaviour == "refuse":
            self.send_error(503)
            return
        if name != "vendor":
            reply = b"ok"
        else:
            results = self.stand_ins.answer(self.path.rpartition("/")[2], json.loads(body))
            reply = json.dumps(change_answers(behaviour, results)).encode()
        if name != "vendor":
            # The receiver has the body, and says so with the status, whatever becomes of the rest of its answer.
            file_name = "received.txt" if name == "receiver" else "probed.txt"
            self.stand_ins.note_received(self.headers["webhook-id"], file_name)
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        if behaviour == "cut off":
            self.wfile.write(reply[: len(reply) // 2])
            self.connection.close()
        elif behaviour == "drip":
            for byte in reply:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(DRIP_SECONDS)
        else:
            self.wfile.write(reply)

    def log_message(self, *arguments: object) -> None:
        pass


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    Handler.stand_ins = StandIns(folder)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the portal hangs up on slow answers
    server.serve_forever()


if __name__ == "__main__":
    main()
