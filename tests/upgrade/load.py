"""People and programs that use a portal all the time. No request is repeated, and none may fail."""

from __future__ import annotations

import itertools
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from tests.support.waiting import wait_until

# A request waits while gunicorn loads a new version. Only a test that fails waits this long.
SECONDS = 240
PAUSE_SECONDS = 0.1
ROWS_OF_IMPORT = 900  # more than 64 KB, so that workers read it
NEED_WORKERS = ("imports", "enable")
PAGES = ("/", "/number-management/number-reputation/", "/number-management/phone-numbers/imports/")


# Each number is added once, whatever load adds it.
_places = itertools.count()


class RequestFailed(Exception):
    """A request got no answer, or an answer that is no success."""


class Load:
    """Threads, each with its own kind of requests. `rounds` counts how often each has done them all."""

    def __init__(self, url: str, seeded: dict, dialer_url: str = "") -> None:
        self.url, self.seeded, self.dialer_url = url, seeded, dialer_url or url
        self.failures: list[str] = []
        self.rounds: Counter[str] = Counter()
        # The numbers that the portal said it has added, or will.
        self.numbers: list[str] = []
        self._stopping = threading.Event()
        steps = {"pages": self.read_pages, "api": self.call_api, "imports": self.import_file, "enable": self.enable}
        self._threads = {
            name: threading.Thread(target=self._repeat, args=(name, step), name=name) for name, step in steps.items()
        }

    def start(self) -> None:
        for thread in self._threads.values():
            thread.start()

    def stop(self) -> None:
        """Each thread ends what it has begun: an import is applied, a bulk action is done."""
        self._stopping.set()
        for thread in self._threads.values():
            thread.join()

    def wait_for_answers(self) -> None:
        """Wait until the web processes have answered each request that needs no workers."""
        self.wait_for_rounds(*(name for name in self._threads if name not in NEED_WORKERS))

    def wait_for_rounds(self, *names: str) -> None:
        """Wait until these threads, or all, have gone on: until each has ended a round that it began from now on.

        Of rounds with work for the workers, the end is enough. Returns at once if a request has failed.
        """
        wanted = {name: self.rounds[name] + (1 if name in NEED_WORKERS else 2) for name in names or self._threads}
        wait_until(
            lambda: self.failures or all(self.rounds[name] >= count for name, count in wanted.items()), seconds=SECONDS
        )

    def _repeat(self, name: str, step: Callable[[httpx.Client], None]) -> None:
        with httpx.Client(base_url=self.url, timeout=SECONDS, trust_env=False) as client:
            try:
                if name == "pages":
                    self._sign_in(client)
                else:
                    # A connection for each request, as nginx does. Requests for pages share one, as with Caddy.
                    client.headers.update({"Authorization": f"Bearer {self.seeded['token']}", "Connection": "close"})
                while not self._stopping.is_set():
                    step(client)
                    self.rounds[name] += 1
                    self._stopping.wait(PAUSE_SECONDS)
            except Exception as error:
                self.failures.append(f"{name}: {error!r}")

    def _ask(self, client: httpx.Client, method: str, path: str, **options: object) -> httpx.Response:
        try:
            answer = client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise RequestFailed(f"{method} {path}: {error!r}")
        if answer.status_code >= 400:
            raise RequestFailed(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def _sign_in(self, client: httpx.Client) -> None:
        page = self._ask(client, "GET", "/sign-in/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        form = {"username": self.seeded["email"], "password": self.seeded["password"], "csrfmiddlewaretoken": token}
        self._ask(client, "POST", "/sign-in/", data=form)

    def read_pages(self, client: httpx.Client) -> None:
        for path in PAGES:
            page = self._ask(client, "GET", path)
            if page.status_code != 200:
                raise RequestFailed(f"{path}: {page.status_code}, not signed in")
            self._ask(client, "GET", re.search(r'href="([^"]+\.css)"', page.text)[1])

    def call_api(self, client: httpx.Client) -> None:
        number = f"+1253{2_000_000 + next(_places)}"
        self._ask(client, "GET", "/api/v1/numbers")
        self._ask(client, "POST", "/api/v1/numbers", json={"number": number})
        self.numbers.append(number)
        match = {"campaign_id": self.seeded["campaign_id"], "called": "+12062129911"}
        self._ask(client, "POST", f"{self.dialer_url}/api/v1/match", json=match)

    def import_file(self, client: httpx.Client) -> None:
        numbers = [f"+1360{2_000_000 + next(_places)}" for _ in range(ROWS_OF_IMPORT)]
        rows = "".join(f"{number},Imported during an upgrade {'x' * 36}\n" for number in numbers)
        file = ("numbers.csv", f"Number,Label\n{rows}".encode(), "text/csv")
        address = f"/api/v1/imports/{self._ask(client, 'POST', '/api/v1/imports', files={'file': file}).json()['id']}"
        self._wait_for_state(client, address, "ready")
        self._ask(client, "POST", f"{address}/confirm")
        self._wait_for_state(client, address, "done")
        self.numbers.extend(numbers)

    def enable(self, client: httpx.Client) -> None:
        for action in ("enable", "disable"):
            selection = {"filter": {"campaign": str(self.seeded["campaign_id"])}}
            bulk_action = self._ask(client, "POST", f"/api/v1/numbers/{action}", json=selection).json()
            self._wait_for_state(client, f"/api/v1/bulk-actions/{bulk_action['id']}", "done")

    def _wait_for_state(self, client: httpx.Client, address: str, state: str) -> None:
        def ask() -> bool:
            found = self._ask(client, "GET", address).json()["state"]
            if found in ("failed", "stopped", "cancelled"):
                raise RequestFailed(f"{address} is {found}")
            return found == state

        try:
            wait_until(ask, seconds=SECONDS)
        except AssertionError:
            raise RequestFailed(f"{address} is not {state} after {SECONDS} seconds")


@contextmanager
def under_load(url: str, seeded: dict, dialer_url: str = "") -> Iterator[Load]:
    load = Load(url, seeded, dialer_url)
    load.start()
    try:
        yield load
    finally:
        load.stop()
