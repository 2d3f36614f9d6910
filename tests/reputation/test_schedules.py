"""Schedules: one row for each, however many processes start, and the tasks that they run."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule

from portal.audit import Actor, Context
from portal.jobs.leases import acquire_lease
from portal.models import AuditEvent, Heartbeat
from reputation import schedules
from reputation.models import BulkAction, PhoneNumber
from reputation.monitoring import capability
from reputation.tasks import cases, demo_loop, maintenance
from tests.factories import CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory
from tests.support import processes as child_processes

# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", [*schedules.SCHEDULES, schedules.DEMO_LOOP], ids=lambda entry: entry.name)
def test_each_schedule_names_a_task_without_arguments(entry):
    """A schedule whose function cannot be imported would fail silently, again and again."""
    function = import_string(entry.func)
    assert function.__wrapped__.__code__.co_argcount == 0, f"{entry.func} is no portal.sweeping.task without arguments"


@pytest.mark.django_db
def test_migrations_create_the_schedules():
    rows = {row.name: row for row in Schedule.objects.all()}
    for entry in schedules.SCHEDULES:
        row = rows[f"portal: {entry.name}"]
        assert (row.func, row.minutes, row.repeats, row.args) == (entry.func, entry.minutes, -1, None)
    for words in ("verify", "look up", "advance", "stale imports", "prune"):
        assert any(words in name for name in rows)


@pytest.mark.django_db
def test_second_sync_changes_no_schedule(django_assert_num_queries):
    Schedule.objects.update(next_run=timezone.now() + timedelta(seconds=30))
    before = list(Schedule.objects.order_by("pk").values())
    with django_assert_num_queries(1):
        schedules.sync_schedules()
    assert list(Schedule.objects.order_by("pk").values()) == before


@pytest.mark.django_db
def test_sync_deletes_obsolete_schedules_of_the_portal_only():
    Schedule.objects.create(name="portal: long gone", func="nowhere.task")
    Schedule.objects.create(name="somebody else's", func="elsewhere.task")
    Schedule.objects.filter(name="portal: canary").update(minutes=7)
    schedules.sync_schedules()
    assert not Schedule.objects.filter(name="portal: long gone").exists()
    assert Schedule.objects.filter(name="somebody else's").exists()
    assert Schedule.objects.get(name="portal: canary").minutes == 1


@pytest.mark.django_db
def test_schedule_names_are_unique_in_the_database():
    with pytest.raises(IntegrityError), transaction.atomic():
        Schedule.objects.create(name="portal: canary", func="reputation.tasks.maintenance.record_heartbeat")


@pytest.mark.django_db
def test_demo_loop_is_scheduled_only_with_a_fast_clock(settings):
    assert not Schedule.objects.filter(name="portal: rounds").exists()
    settings.SERVICE_DAY = timedelta(seconds=20)
    schedules.sync_schedules()
    assert Schedule.objects.filter(name="portal: rounds").exists()


@pytest.mark.django_db(transaction=True)
def test_four_processes_create_each_schedule_once():
    Schedule.objects.all().delete()
    make = "import django; django.setup(); from reputation.schedules import sync_schedules; sync_schedules()"
    started = [child_processes.start_python(make) for _ in range(4)]
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]
    names = list(Schedule.objects.values_list("name", flat=True))
    assert sorted(names) == sorted(f"portal: {entry.name}" for entry in schedules.SCHEDULES)


# Tasks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_heartbeat_task_records_the_time(now):
    maintenance.record_heartbeat()
    assert Heartbeat.objects.get(name=maintenance.HEARTBEAT_NAME).at >= now


@pytest.mark.django_db
def test_sweep_logs_what_it_did(provider, account, now, caplog):
    MonitoredNumberFactory(account=account, next_action_at=now)
    with caplog.at_level("INFO"):
        import_string("reputation.tasks.lookups.look_up_numbers")()
    assert "look up: 1 numbers, 2 answers" in caplog.text
    assert "look up numbers: 1 done" in caplog.text


@pytest.mark.django_db
def test_a_task_that_fails_is_logged_and_does_not_raise(provider, account, now, monkeypatch, caplog):
    monkeypatch.setattr("reputation.remediation.sweep.advance_due", lambda now: 1 / 0)
    cases.advance_cases()
    assert "advance_cases failed" in caplog.text


@pytest.mark.django_db
def test_sweeps_change_nothing_when_nothing_is_due(provider, enrolled_account):
    campaign = CampaignFactory(account=enrolled_account)
    MonitoredNumberFactory(
        account=enrolled_account, campaign=campaign, next_action_at=timezone.now() + timedelta(hours=1)
    )
    before = (list(PhoneNumber.objects.values()), AuditEvent.objects.count())
    for entry in schedules.SCHEDULES:
        if entry.func.startswith("reputation.tasks."):
            import_string(entry.func)()
    after = (list(PhoneNumber.objects.values()), AuditEvent.objects.count())
    assert before == after


@pytest.mark.django_db
def test_bulk_action_whose_worker_died_is_continued(provider, enrolled_account, admin, now):
    from reputation.bulk_actions import actions

    numbers = [MonitoredNumberFactory(account=enrolled_account) for _ in range(3)]
    confirmation = actions.create_bulk_action(
        account=enrolled_account,
        context=Context(Actor(admin.user, "web"), now),
        action="disable",
        numbers=PhoneNumber.objects.all(),
    )
    BulkAction.objects.update(state="applying", confirmed_at=now, total_count=3, lease_until=now - timedelta(seconds=1))
    import_string("reputation.tasks.bulk_actions.continue_bulk_actions")()
    confirmation.refresh_from_db()
    assert (confirmation.state, confirmation.applied_count) == ("done", len(numbers))
    assert AuditEvent.objects.filter(code="capability.off", actor=admin.user).count() == len(numbers)


@pytest.mark.django_db
def test_bulk_action_claimed_by_a_worker_is_not_continued(enrolled_account, admin, now):
    confirmation = BulkAction.objects.create(
        account=enrolled_account, user=admin.user, action="disable", created_at=now, state="applying",
        lease_until=timezone.now() + timedelta(seconds=60),
    )  # fmt: skip
    import_string("reputation.tasks.bulk_actions.continue_bulk_actions")()
    confirmation.refresh_from_db()
    assert confirmation.state == "applying"


@pytest.mark.django_db
def test_demo_loop_runs_the_frequent_tasks_and_queues_itself_again(provider, account, now, monkeypatch):
    monkeypatch.setattr(demo_loop, "LOOP_SECONDS", 0.3)
    monkeypatch.setattr(demo_loop, "PAUSE_SECONDS", 0.05)
    number = PhoneNumberFactory(account=account)
    capability.enable([number.pk], context=Context.system(now))
    for _ in range(50):  # a busy machine does one task in the time of a loop
        demo_loop.run_demo_loop()
        number.refresh_from_db()
        if number.spam_status == "clean":
            break
    assert (number.capability, number.spam_status) == ("on", "clean")
    assert "reputation.tasks.demo_loop.run_demo_loop" in [row.func() for row in OrmQ.objects.all()]


@pytest.mark.django_db
def test_second_demo_loop_returns_immediately_and_queues_nothing(provider):
    with acquire_lease("rounds") as mine:
        assert mine
        demo_loop.run_demo_loop()
    assert not OrmQ.objects.exists()
