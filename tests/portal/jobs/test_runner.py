"""Tasks take turns: one with much work is queued again behind the others, even with a single worker."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from portal.audit import Actor, Context
from portal.jobs import runner
from portal.models import Lease
from reputation.bulk_actions import actions, snapshot
from reputation.imports import pipeline, progress
from reputation.models import BulkAction, NumberImport, PhoneNumber
from reputation.monitoring import lookups, verification
from reputation.tasks.bulk_actions import continue_bulk_actions
from reputation.tasks.lookups import look_up_numbers
from reputation.tasks.verification import verify_numbers
from tests.factories import AccountFactory, CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_chunk_per_turn(monkeypatch) -> None:
    """The time is up after the first chunk."""
    monkeypatch.setattr(runner, "BUDGET_SECONDS", -1)
    for module in (actions, snapshot):
        monkeypatch.setattr(module, "BUDGET_SECONDS", -1)
    monkeypatch.setitem(pipeline.advance.__kwdefaults__, "budget_seconds", -1)


def queued() -> list[str]:
    return [row.func().rpartition(".")[2] for row in OrmQ.objects.order_by("pk")]


def run_next() -> str:
    """Run the task at the head of the queue, as the only worker does."""
    row = OrmQ.objects.order_by("pk").first()
    task = row.task
    row.delete()
    import_string(task["func"])(*task["args"], **task["kwargs"])
    return task["func"].rpartition(".")[2]


@pytest.fixture
def context(admin, now) -> Context:
    return Context(Actor(user=admin.user, via="web"), now)


def test_a_sweep_with_much_work_lets_the_others_have_their_turn(provider, enrolled_account, context, now, monkeypatch):
    """An account enables many numbers; another account's number is looked up before they are all verified."""
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 0)
    monkeypatch.setattr(actions, "CHUNK", 20)
    monkeypatch.setattr(verification, "CHUNK", 10)
    campaign = CampaignFactory(account=enrolled_account)
    for _ in range(40):
        PhoneNumberFactory(account=enrolled_account, campaign=campaign)
    other = MonitoredNumberFactory(account=AccountFactory(), next_action_at=now)
    bulk_action = actions.create_bulk_action(
        account=enrolled_account, context=context, action="enable", numbers=PhoneNumber.objects.in_campaign(campaign)
    )
    actions.confirm(bulk_action, context=context)
    runner.enqueue("reputation.tasks.verification.verify_numbers")
    runner.enqueue("reputation.tasks.lookups.look_up_numbers")
    assert queued() == ["apply_bulk_action", "verify_numbers", "look_up_numbers"]
    assert [run_next(), run_next(), run_next()] == ["apply_bulk_action", "verify_numbers", "look_up_numbers"]
    other.refresh_from_db()
    assert other.spam_status == "clean"
    capability = PhoneNumber.objects.in_campaign(campaign).values_list("capability", flat=True)
    assert "off" in capability, "the bulk action waits for its next turn"
    while "off" in capability.all() or "verifying" in capability.all():
        run_next()
    assert set(capability.all()) == {"on"}
    bulk_action.refresh_from_db()
    assert (bulk_action.state, bulk_action.applied_count) == ("done", 40)


def test_a_snapshot_and_an_import_are_continued_turn_by_turn(enrolled_account, context, monkeypatch):
    monkeypatch.setattr(snapshot, "CHUNK", 4)
    monkeypatch.setattr(progress, "CHUNK", 4)
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_BYTES", 0)
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_ROWS", 0)
    for _ in range(10):
        PhoneNumberFactory(account=enrolled_account)
    bulk_action = actions.create_bulk_action(
        account=enrolled_account,
        context=context,
        action="disable",
        numbers=PhoneNumber.objects.for_account(enrolled_account),
        selects_all_matching=True,
        expected_count=10,
    )
    lines = "".join(f"+1206266{number:04}\n" for number in range(10))
    upload = SimpleUploadedFile("numbers.csv", f"number\n{lines}".encode())
    batch = pipeline.receive(account=enrolled_account, upload=upload, context=context)
    ran = []
    while queued():
        assert len(queued()) <= 2, "no task is queued twice"
        ran.append(run_next())
    assert ran[:3] == ["prepare_bulk_action", "advance_import", "prepare_bulk_action"], "they take turns"
    assert min(ran.count("prepare_bulk_action"), ran.count("advance_import")) > 1
    bulk_action.refresh_from_db()
    assert (bulk_action.state, bulk_action.selected_count) == (BulkAction.State.READY, 10)
    batch.refresh_from_db()
    assert (batch.state, batch.will_add) == (NumberImport.State.READY, 10)
    pipeline.confirm(batch, context=context)
    turns = 0
    while queued():
        turns += 1
        run_next()
    batch.refresh_from_db()
    assert (batch.state, batch.added) == (NumberImport.State.DONE, 10)
    assert turns > 1


def test_runs_that_the_schedule_starts_add_no_second_continuation(provider, account, now, monkeypatch):
    monkeypatch.setattr(lookups, "CHUNK", 1)
    for _ in range(5):
        MonitoredNumberFactory(account=account, next_action_at=now)
    for _ in range(3):
        look_up_numbers()
    assert queued() == ["look_up_numbers"]
    run_next()
    assert queued() == ["look_up_numbers"]
    while queued():
        run_next()
    assert set(PhoneNumber.objects.values_list("spam_status", flat=True)) == {"clean"}
    assert not Lease.objects.filter(name__startswith="waits:").exists()


def test_a_continuation_that_the_queue_lost_is_queued_again_later(provider, account, now, monkeypatch):
    monkeypatch.setattr(lookups, "CHUNK", 1)
    for _ in range(3):
        MonitoredNumberFactory(account=account, next_action_at=now)
    look_up_numbers()
    OrmQ.objects.all().delete()
    look_up_numbers()
    assert queued() == []
    Lease.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    MonitoredNumberFactory(account=account, next_action_at=now)
    look_up_numbers()
    assert queued() == ["look_up_numbers"]


def test_a_sweep_that_is_done_is_not_continued(provider, account, now):
    MonitoredNumberFactory(account=account, next_action_at=timezone.now() + timedelta(hours=1))
    look_up_numbers()
    verify_numbers()
    assert queued() == []


def test_the_sweep_of_bulk_actions_queues_those_for_which_it_has_no_time(enrolled_account, context, now, monkeypatch):
    for _ in range(2):
        number = MonitoredNumberFactory(account=enrolled_account)
        actions.create_bulk_action(
            account=enrolled_account,
            context=context,
            action="disable",
            numbers=PhoneNumber.objects.filter(pk=number.pk),
        )
    BulkAction.objects.update(state="applying", confirmed_at=now, total_count=1)
    monkeypatch.setattr("reputation.tasks.bulk_actions.BUDGET_SECONDS", -1)
    continue_bulk_actions()
    continue_bulk_actions()
    assert queued() == ["apply_bulk_action"] * 2
    while queued():
        run_next()
    assert set(BulkAction.objects.values_list("state", flat=True)) == {"done"}
