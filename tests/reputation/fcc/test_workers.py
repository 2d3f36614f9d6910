"""Several workers ask the FCC at once, and one of them is killed."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from reputation.fcc import asking, dataset
from reputation.models import FccDataset, FccNumber
from tests.factories import MonitoredNumberFactory
from tests.support.processes import start_python
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ASK = """
import django; django.setup()
from django.utils import timezone
from portal.jobs import runner
from reputation.fcc import asking
while asking.ask_batch(timezone.now()):
    runner.pause()
"""
RUN_TASK = "import django; django.setup(); from reputation.tasks.fcc import ask_fcc; ask_fcc()"


@pytest.fixture
def numbers(account) -> list[str]:
    return [MonitoredNumberFactory(account=account).e164 for _ in range(30)]


def start_worker(fcc, code: str, **environment: str):
    return start_python(code, FCC_FETCH="1", FCC_URL=fcc.url, FCC_BATCH_SIZE="2", **environment)


def test_workers_share_the_numbers_and_the_throttle(fcc, numbers):
    dataset.check_version(timezone.now())
    asking.add_numbers(after="")
    workers = [start_worker(fcc, ASK, FCC_REQUESTS_PER_HOUR="12") for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert len(fcc.requests()) == 12, "the question for the version counts as well"
    asked = Counter(
        number for request in fcc.requests("rows") for number in request["query"]["$where"].split("'")[1::2]
    )
    assert set(asked.values()) == {1}
    assert len(asked) == 22
    assert FccNumber.objects.asked().count() == 22


def test_numbers_of_a_killed_worker_are_asked_about_after_its_claim_expires(fcc, settings, numbers):
    settings.FCC = replace(settings.FCC, batch_size=100)
    fcc.set(faults=[{"on": "rows", "drips": True}])
    worker = start_worker(fcc, RUN_TASK)
    wait_until(lambda: fcc.requests("rows"))
    worker.kill()
    worker.wait(30)
    held = FccNumber.objects.exclude(lease_token="")
    assert held.count() == 2
    assert asking.ask_batch(timezone.now()) == 28
    assert asking.ask_batch(timezone.now()) == 0
    FccNumber.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert asking.ask_batch(timezone.now()) == 2
    assert FccNumber.objects.asked().count() == 30
    assert FccDataset.objects.get().failures == 0


def test_worker_that_outlives_its_claim_stores_nothing(fcc, settings, account, monkeypatch):
    number = MonitoredNumberFactory(account=account)
    now = timezone.now()
    dataset.check_version(now)
    asking.add_numbers(after="")
    fetch = asking.client.fetch_kinds

    def fetch_slowly(config, numbers):
        kinds = fetch(config, numbers)
        FccNumber.objects.update(lease_token="another worker's")
        return kinds

    monkeypatch.setattr(asking.client, "fetch_kinds", fetch_slowly)
    asking.ask_batch(now)
    stored = FccNumber.objects.get(e164=number.e164)
    assert (stored.asked_at, stored.lease_token) == (None, "another worker's")


def test_question_is_sent_outside_a_transaction(fcc, settings, account, monkeypatch):
    from django.db import connection

    MonitoredNumberFactory(account=account)
    in_transaction = []
    request = asking.client._request

    def watch(*arguments):
        in_transaction.append(connection.in_atomic_block)
        return request(*arguments)

    monkeypatch.setattr(asking.client, "_request", watch)
    dataset.check_version(timezone.now())
    asking.add_numbers(after="")
    asking.ask_batch(timezone.now())
    assert in_transaction == [False, False]
