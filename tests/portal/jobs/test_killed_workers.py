"""Work goes on within seconds after the workers that did it were killed, without the schedules' help."""

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from portal.audit import Actor, Context
from portal.jobs.runner import enqueue
from reputation.bulk_actions import actions
from reputation.imports import pipeline
from reputation.models import BulkAction, NumberImport, PhoneNumber
from reputation.monitoring import engines
from tests.factories import CampaignFactory
from tests.support.waiting import wait_until
from tests.support.workers import Workers, kill, run_workers

pytestmark = pytest.mark.django_db(transaction=True)

# Leases of 90 seconds and more, or a queue that waits for ten minutes, are far above it, and a busy machine far below.
BOUND = 60
COUNT = 40_000


@pytest.fixture(autouse=True)
def without_schedules() -> None:
    """Nothing but the supervisor looks for work."""
    Schedule.objects.all().delete()
    OrmQ.objects.all().delete()


@pytest.fixture
def context(admin) -> Context:
    return Context(Actor(admin.user, "web"), timezone.now())


def add_numbers(account, count: int = COUNT, **fields) -> None:
    """Numbers as the factory makes them, many at a time."""
    values = {"account": account, "region": "US", "kind": "geographic", "area_code": "206"} | fields
    PhoneNumber.objects.bulk_create(
        (PhoneNumber(e164=f"+1206{2_000_000 + n}", **values) for n in range(count)), batch_size=2_000
    )


def kill_while_under_way(workers: Workers, count_done: Callable[[], int]) -> None:
    """Kill the workers after the first chunk, and assert that the next one follows in time."""
    processes = workers.get_processes("worker")
    wait_until(count_done, seconds=BOUND)
    kill(processes)
    done = count_done()
    assert done < COUNT, "the work was done before the workers were killed"
    wait_until(lambda: count_done() > done, seconds=BOUND)


def test_an_import_is_applied_to_its_end(enrolled_account, context, tmp_path, settings):
    settings.MEDIA_ROOT = str(tmp_path / "uploads")
    lines = "".join(f"+1206{2_000_000 + n}\n" for n in range(COUNT))
    upload = SimpleUploadedFile("numbers.csv", f"number\n{lines}".encode())
    batch = pipeline.receive(account=enrolled_account, upload=upload, context=context)

    def count_read() -> int:
        return NumberImport.objects.get().will_add

    def count_added() -> int:
        return NumberImport.objects.get().added

    with run_workers(tmp_path) as workers:
        kill_while_under_way(workers, count_read)
        wait_until(lambda: NumberImport.objects.get().state == NumberImport.State.READY, seconds=2 * BOUND)
        batch.refresh_from_db()
        pipeline.confirm(batch, context=context)
        kill_while_under_way(workers, count_added)
        wait_until(lambda: NumberImport.objects.get().state == NumberImport.State.DONE, seconds=2 * BOUND)
    assert (count_read(), count_added(), PhoneNumber.objects.count()) == (COUNT, COUNT, COUNT)


def test_a_bulk_action_is_applied_to_its_end(enrolled_account, context, tmp_path):
    campaign = CampaignFactory(account=enrolled_account)
    add_numbers(enrolled_account)
    bulk_action = actions.create_bulk_action(
        account=enrolled_account,
        context=context,
        action=BulkAction.Action.ASSIGN,
        campaign=campaign,
        numbers=PhoneNumber.objects.all(),
    )

    def count_applied() -> int:
        return BulkAction.objects.get().applied_count

    with run_workers(tmp_path) as workers:
        # Not before: it would be applied while the canary is waited for.
        actions.confirm(bulk_action, context=context)
        kill_while_under_way(workers, count_applied)
        wait_until(lambda: BulkAction.objects.get().state == BulkAction.State.DONE, seconds=2 * BOUND)
    assert (count_applied(), PhoneNumber.objects.in_campaign(campaign).count()) == (COUNT, COUNT)


def test_a_sweep_goes_on(account, tmp_path):
    engines.sync_engines()
    add_numbers(account, capability="on", spam_status="unknown", next_action_at=timezone.now())
    enqueue("reputation.tasks.lookups.look_up_numbers")
    looked_up = PhoneNumber.objects.filter(ever_checked=True)
    with run_workers(tmp_path) as workers:
        kill_while_under_way(workers, looked_up.count)
