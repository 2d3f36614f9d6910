"""Several workers, and a worker that is killed while it fetches. Against a stand-in for the FTC's site."""

from datetime import timedelta

import pytest

from reputation.ftc import sweep
from reputation.models import Complaint, FtcFile, FtcIndexPage
from tests.reputation.ftc.conftest import name_of, write_file, write_row
from tests.support.ftc_site import FOLDER, PAGE
from tests.support.processes import start_python
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

FETCH = """
import django; django.setup()
from django.utils import timezone
from reputation.ftc import sweep
sweep.fetch_due(clock=timezone.now, budget_seconds=60)
"""
DAYS = [f"2026-11-{day}" for day in (16, 17, 18, 19, 20, 23, 24, 25)]


def start_worker(site):
    return start_python(FETCH, FTC_INDEX_URL=site.url, FTC_PAUSE_SECONDS="0", NO_PROXY="127.0.0.1")


def test_several_workers_fetch_each_file_once(site):
    for day in DAYS:
        site.publish(name_of(day), write_file(*(write_row("2065550143", day, minute) for minute in range(20))))
    workers = [start_worker(site) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert site.get_answers() == [200]
    assert [site.get_answers(name_of(day)) for day in DAYS] == [[200]] * len(DAYS)
    assert Complaint.objects.count() == 20 * len(DAYS)


@pytest.mark.parametrize("path", [PAGE, FOLDER + name_of(DAYS[0])])
def test_a_killed_worker_is_followed_when_its_claim_ends(site, path):
    site.publish(name_of(DAYS[0]), write_file(write_row("2065550143")))
    site.set_fault(path, "hang")
    worker = start_worker(site)
    wait_until(lambda: path in [request["path"] for request in site.requests])
    worker.kill()
    worker.wait()
    site.mend(path)

    held_until = (FtcIndexPage if path == PAGE else FtcFile).objects.get(lease_until__isnull=False).lease_until
    still_held, later = held_until - timedelta(seconds=1), held_until + timedelta(seconds=1)
    assert sweep.fetch_due(clock=lambda: still_held) == 0, "the claim of the killed worker holds"
    assert sweep.fetch_due(clock=lambda: later) >= 1
    assert FtcFile.objects.get().state == FtcFile.State.LOADED
    assert Complaint.objects.count() == 1
