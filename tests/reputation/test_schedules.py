"""Schedules: one row for each, however many processes start, and tasks that are safe to run concurrently."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from portal.audit import Actor, Context
from portal.jobs.leases import acquire_lease
from portal.jobs.runner import run_until_done
from portal.models import AuditEvent, Heartbeat
from reputation import schedules
from reputation.models import BulkAction, Case, Check, PhoneNumber, Registration, Tag
from reputation.monitoring import capability, lookups, observations, revocation, verification
from reputation.tasks import cases, demo_loop, maintenance
from tests.factories import ApplicationFactory, CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory
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
def test_second_sync_changes_no_schedule():
    Schedule.objects.update(next_run=timezone.now() + timedelta(seconds=30))
    before = list(Schedule.objects.order_by("pk").values())
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
def test_revoked_enrollment_disables_all_numbers_of_the_account(provider, account, actor, now):
    from enrollment.models import Application
    from enrollment.signals import revoked

    application = ApplicationFactory(account=account, state=Application.State.REVOKED)
    other = MonitoredNumberFactory()
    ApplicationFactory(account=other.account)
    numbers = [MonitoredNumberFactory(account=account) for _ in range(3)]
    with transaction.atomic():
        revoked.send(sender=Application, application=application, account=account, context=Context(actor, now))
    assert [row.func() for row in OrmQ.objects.all()] == ["reputation.tasks.revocation.disable_revoked_numbers"]
    import_string("reputation.tasks.revocation.disable_revoked_numbers")()
    assert set(PhoneNumber.objects.filter(account=account).values_list("capability", flat=True)) == {"off"}
    other.refresh_from_db()
    assert other.capability == "on"
    events = AuditEvent.objects.filter(code="capability.off", account=account)
    assert events.count() == len(numbers)
    assert set(events.values_list("reason", flat=True)) == {"The enrollment was revoked."}


@pytest.mark.django_db
def test_query_count_of_revocation_is_the_same_for_5_and_500_numbers(provider, account, now):
    from enrollment.models import Application

    ApplicationFactory(account=account, state=Application.State.REVOKED)
    counts = []
    for count in (5, 500):
        for _ in range(count):
            MonitoredNumberFactory(account=account)
        with CaptureQueriesContext(connection) as queries:
            assert revocation.disable_revoked(now) == count
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db
def test_account_that_was_approved_again_keeps_its_monitored_numbers(provider, account):
    from enrollment.models import Application

    ApplicationFactory(account=account, state=Application.State.REVOKED)
    ApplicationFactory(account=account)
    MonitoredNumberFactory(account=account)
    import_string("reputation.tasks.revocation.disable_revoked_numbers")()
    assert PhoneNumber.objects.get().capability == "on"


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
    demo_loop.run_demo_loop()
    number.refresh_from_db()
    assert (number.capability, number.spam_status) == ("on", "clean")
    assert "reputation.tasks.demo_loop.run_demo_loop" in [row.func() for row in OrmQ.objects.all()]


@pytest.mark.django_db
def test_second_demo_loop_returns_immediately_and_queues_nothing(provider):
    with acquire_lease("rounds", ttl_seconds=60) as mine:
        assert mine
        demo_loop.run_demo_loop()
    assert not OrmQ.objects.exists()


# Concurrent and killed workers ----------------------------------------------------------------------------------------


def run_in_threads(count, work):
    failures = []

    def run():
        try:
            work()
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


@pytest.mark.django_db(transaction=True)
def test_concurrent_look_ups_ask_for_each_number_and_create_each_tag_once(provider, account, now, monkeypatch):
    monkeypatch.setattr(lookups, "CHUNK", 10)
    numbers = [MonitoredNumberFactory(account=account, next_action_at=now) for _ in range(60)]
    provider.labels |= {(number.e164, "alpha"): "Spam Likely" for number in numbers[::3]}

    def work():
        while lookups.look_up_due(now):
            time.sleep(0.005)

    run_in_threads(3, work)
    asked = [number for items in provider.called("look_up") for number in items]
    assert sorted(asked) == sorted(number.e164 for number in numbers)
    assert Tag.objects.count() == Case.objects.count() == AuditEvent.objects.filter(code="tag.detected").count() == 20
    assert set(Check.objects.values_list("looks", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_verify_and_advance_each_row_once(provider, account, now, monkeypatch):
    monkeypatch.setattr(verification, "CHUNK", 10)
    numbers = [PhoneNumberFactory(account=account) for _ in range(30)]
    capability.enable([number.pk for number in numbers], context=Context.system(now))

    def work():
        while verification.verify_due(now):
            time.sleep(0.005)

    run_in_threads(3, work)
    assert set(PhoneNumber.objects.values_list("capability", flat=True)) == {"on"}
    assert AuditEvent.objects.filter(code="capability.on").count() == 30
    provider.labels |= {(number.e164, "alpha"): "Spam Likely" for number in numbers}
    lookups.look_up_due(timezone.now())
    run_in_threads(3, lambda: import_string("reputation.remediation.sweep.advance_due")(timezone.now()))
    keys = [request.idempotency_key for items in provider.called("submit") for request in items]
    assert len(keys) == len(set(keys)) == 30
    assert AuditEvent.objects.filter(code="case.submitted").count() == 30


@pytest.mark.django_db(transaction=True)
def test_same_observations_applied_concurrently_create_each_tag_once(provider, account, now):
    numbers = [MonitoredNumberFactory(account=account) for _ in range(20)]
    provider.labels |= {(number.e164, "alpha"): "Spam Likely" for number in numbers}
    said = provider.look_up([number.e164 for number in numbers])
    run_in_threads(3, lambda: observations.apply_observations(said, now=now))
    assert Tag.objects.count() == Case.objects.count() == AuditEvent.objects.filter(code="case.opened").count() == 20


@pytest.mark.django_db(transaction=True)
def test_one_process_at_a_time_runs_a_sweep():
    ran = []

    def step():
        ran.append(1)
        time.sleep(0.2)
        return 0

    run_in_threads(3, lambda: run_until_done("one at a time", step))
    assert len(ran) == 1


KILLED_WORKER_SCRIPT = """
import django; django.setup()
import os, signal
from django.utils import timezone
from reputation.monitoring import lookups
from reputation.providers.simulated import SimulatedProvider
really = SimulatedProvider.look_up
def die(self, numbers):
    really(self, numbers)
    os.kill(os.getpid(), signal.SIGKILL)
SimulatedProvider.look_up = die
lookups.look_up_due(timezone.now())
"""


@pytest.mark.django_db(transaction=True)
def test_numbers_of_a_killed_worker_are_looked_up_after_its_claim_expires(account):
    now = timezone.now()
    numbers = [MonitoredNumberFactory(account=account, next_action_at=now) for _ in range(5)]
    assert child_processes.start_python(KILLED_WORKER_SCRIPT).wait(60) == -9
    assert PhoneNumber.objects.exclude(lease_token="").count() == len(numbers)
    assert lookups.look_up_due(timezone.now()) == 0
    PhoneNumber.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert lookups.look_up_due(timezone.now()) == len(numbers)
    assert set(PhoneNumber.objects.values_list("spam_status", flat=True)) == {"clean"}


@pytest.mark.django_db(transaction=True)
def test_cluster_runs_queued_sweeps(account, tmp_path):
    """Tasks are queued as by a schedule, and run by a cluster in a subprocess."""
    Schedule.objects.all().delete()
    numbers = [PhoneNumberFactory(account=account) for _ in range(3)]
    capability.enable([number.pk for number in numbers], context=Context.system(timezone.now()))
    async_task("reputation.tasks.maintenance.record_heartbeat")
    async_task("reputation.tasks.verification.verify_numbers")
    run = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'qcluster'])"
    cluster = child_processes.start_python(run, DATA_DIR=str(tmp_path), WORKERS="1", TMPDIR=str(tmp_path))
    try:
        until = time.monotonic() + 40
        while time.monotonic() < until and not (
            Heartbeat.objects.exists() and Registration.objects.filter(state="pending").count() >= 3 * len(numbers)
        ):
            time.sleep(0.2)
    finally:
        cluster.terminate()
        cluster.wait(30)
    assert Heartbeat.objects.get(name="tasks").at
    assert Registration.objects.filter(engine__provider="simulated", state="pending").count() == 3 * len(numbers)
    assert not OrmQ.objects.exists()
