"""Load on the portal, and a ledger of everything that it acknowledged."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field

from django.db import connection
from django.db.utils import DatabaseError

from portal.models import WebhookDelivery
from tests.torture.accounts import LOADED_NUMBERS, ApiAccount, list_e164
from tests.torture.client import ApiClient, Stopped

ROWS_OF_IMPORT = 4_000  # more than 64 KB, so that workers read it
FIRST_IMPORTED = 1_000_000
# Files are imported again and again, with other labels, so that the portal does not grow for as long as the load runs.
FILES = 3
# So many webhooks may wait when numbers are enabled or disabled.
MOST_WAITING = 200


@dataclass
class Ledger:
    """What the portal said is done, or will be. Threads append."""

    numbers: list[str] = field(default_factory=list)
    imports: list[tuple[int, list[str]]] = field(default_factory=list)
    bulk_actions: list[int] = field(default_factory=list)
    reports: list[int] = field(default_factory=list)
    # Answers and failures of match requests.
    matched: int = 0
    unmatched: int = 0

    def copy(self) -> Ledger:
        """As it is now, while threads go on."""
        return deepcopy(self)


def has_backlog(account: ApiAccount) -> bool:
    """Whether webhooks wait, or the database cannot be asked. For threads that need no connection afterwards."""
    try:
        return WebhookDelivery.objects.for_account(account.account).pending().count() > MOST_WAITING
    except DatabaseError:
        return True
    finally:
        connection.close()


class Load:
    """Threads that add numbers, import files, enable and disable numbers, report labels and ask for caller IDs."""

    def __init__(self, url: str, account: ApiAccount, ledger: Ledger, seed: int) -> None:
        self.url, self.account, self.ledger = url, account, ledger
        self.random = random.Random(seed)
        self.stopping = threading.Event()
        self.places = itertools.count(LOADED_NUMBERS)
        self.files = itertools.count()
        self.threads = [
            threading.Thread(target=self._repeat, args=(step, pause))
            for step, pause in (
                (self.add_number, 0.3),
                (self.import_file, 1.0),
                (self.switch_numbers, 4.0),
                (self.report_label, 1.0),
                (self.match, 0.1),
            )
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _repeat(self, step: Callable[[ApiClient], None], pause: float) -> None:
        client = ApiClient(self.url, self.account.token, self.stopping)
        try:
            while not self.stopping.is_set():
                step(client)
                self.stopping.wait(pause)
        except Stopped:
            pass
        finally:
            client.close()

    def add_number(self, client: ApiClient) -> None:
        (number,) = list_e164(next(self.places), 1)
        body = {"number": number, "campaign_id": self.account.campaign_id}
        answer = client.request("POST", "numbers", json=body)
        # 409: it was added, and the answer was lost after the key's record was.
        if answer.status_code in (201, 409):
            self.ledger.numbers.append(number)

    def import_file(self, client: ApiClient) -> None:
        file = next(self.files)
        numbers = list_e164(FIRST_IMPORTED + ROWS_OF_IMPORT * (file % FILES), ROWS_OF_IMPORT)
        text = "Number,Label\n" + "".join(f"{number},File {file}\n" for number in numbers)
        answer = client.request("POST", "imports", files={"file": ("numbers.csv", text.encode(), "text/csv")})
        if answer.status_code != 201:
            return
        pk = answer.json()["id"]
        if client.wait_for_state(f"imports/{pk}", {"ready", "failed", "stopped"}) != "ready":
            return
        if client.request("POST", f"imports/{pk}/confirm").status_code < 300:
            self.ledger.imports.append((pk, numbers))
            client.wait_for_state(f"imports/{pk}", {"done", "failed", "stopped"})

    def switch_numbers(self, client: ApiClient) -> None:
        # Each makes hundreds of events. On a slow machine they would pile up, and the longest wait would be no fault's.
        while has_backlog(self.account):
            if self.stopping.wait(1):
                return
        action = self.random.choice(("enable", "enable", "disable"))
        body = {"filter": {"campaign": str(self.account.campaign_id)}}
        answer = client.request("POST", f"numbers/{action}", json=body)
        if answer.status_code < 300:
            self.ledger.bulk_actions.append(answer.json()["id"])
            client.wait_for_state(f"bulk-actions/{answer.json()['id']}", {"done"})

    def report_label(self, client: ApiClient) -> None:
        (number,) = list_e164(self.random.randrange(LOADED_NUMBERS), 1)
        answer = client.request("POST", "label-reports", json={"number": number, "label": "Scam Likely"})
        if answer.status_code == 201:
            self.ledger.reports.append(answer.json()["id"])

    def match(self, client: ApiClient) -> None:
        body = {"campaign_id": self.account.campaign_id, "called": "+12062129911"}
        answer = client.try_once("POST", "match", json=body)
        if answer is not None and answer.status_code == 200:
            self.ledger.matched += 1
        else:
            self.ledger.unmatched += 1


@contextmanager
def under_load(url: str, account: ApiAccount, ledger: Ledger, seed: int) -> Iterator[Load]:
    load = Load(url, account, ledger, seed)
    load.start()
    try:
        yield load
    finally:
        load.stop()
