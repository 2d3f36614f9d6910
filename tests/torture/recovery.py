"""How long it takes until new work passes through the whole portal: API, database, queue, worker, webhook."""

from __future__ import annotations

import time

from django.db import close_old_connections

from tests.torture.accounts import ApiAccount
from tests.torture.client import ApiClient
from tests.torture.installation import Installation

# Beyond this, the fault counts as not recovered from.
LIMIT_SECONDS = 180
PAUSE_SECONDS = 0.2


class NotRecovered(Exception):
    """New work did not pass within LIMIT_SECONDS."""


class Probe:
    """Switches one number of an account of its own on and off, and waits for the webhook that tells of it."""

    def __init__(self, portal: Installation, account: ApiAccount, number_id: int) -> None:
        self.portal, self.number_id = portal, number_id
        self.token = account.token
        self.is_on = False

    def measure(self, since: float) -> float:
        """Seconds from `since` (time.monotonic()) until a change that is made from now on has arrived."""
        import threading

        client = ApiClient(self.portal.url, self.token, threading.Event())
        try:
            before = self._count_received()
            action = "disable" if self.is_on else "enable"
            until, may_be_done = since + LIMIT_SECONDS, False
            while True:
                answer = client.try_once("POST", f"numbers/{action}", json={"ids": [self.number_id]})
                if answer is not None and answer.status_code < 300:
                    assert answer.json()["to_do"] == 1 or may_be_done, answer.json()["sentence"]
                    break
                # A request whose answer was lost may have been done.
                may_be_done = True
                self._wait(until, f"{action} was not answered")
            self.is_on = not self.is_on
            while self._count_received() == before:
                self._wait(until, "the webhook did not arrive")
            return time.monotonic() - since
        finally:
            client.close()
            close_old_connections()

    def _count_received(self) -> int:
        return self.portal.probed.read_bytes().count(b"\n")

    def _wait(self, until: float, what: str) -> None:
        if time.monotonic() > until:
            raise NotRecovered(f"{what} within {LIMIT_SECONDS} seconds")
        time.sleep(PAUSE_SECONDS)
