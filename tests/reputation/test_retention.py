"""Old rows are deleted in chunks. The audit trail, tags and cases are kept."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_q.models import Task

from portal.models import AttemptCount, AuditEvent, CacheEntry, TaskFailure, WebhookDelivery, WebhookMessage
from portal.webhooks import outbox
from reputation import retention
from reputation.models import BulkAction, BulkActionNumber, CampaignCalls, Case, Check, Complaint, NumberCalls
from reputation.remediation import cases
from reputation.service_clock import days
from tests.factories import (
    CampaignFactory,
    CaseFactory,
    CheckFactory,
    ComplaintFactory,
    PhoneNumberFactory,
    WebhookEndpointFactory,
)

pytestmark = pytest.mark.django_db


def test_old_checks_are_deleted_and_current_ones_are_kept(settings, now):
    settings.CHECKS_KEPT_DAYS = 400
    old = now - days(401)
    CheckFactory(first_at=old, is_current=False)
    current = CheckFactory(first_at=old)
    recent = CheckFactory(first_at=now - days(399), is_current=False)
    assert retention.delete_old_checks(now) == 1
    assert set(Check.objects.all()) == {current, recent}


def test_old_complaints_outside_the_window_are_deleted(settings, now):
    settings.CHECKS_KEPT_DAYS, settings.COMPLAINTS_WINDOW_DAYS = 100, 200
    ComplaintFactory(created_at=now - days(201))
    kept = ComplaintFactory(created_at=now - days(199))
    assert retention.delete_old_complaints(now) == 1
    assert Complaint.objects.get() == kept


@pytest.mark.parametrize("kept", [400, 5])
def test_old_calls_are_deleted_and_those_that_pages_show_are_kept(settings, account, now, kept):
    settings.CHECKS_KEPT_DAYS = kept
    number, campaign = PhoneNumberFactory(account=account), CampaignFactory(account=account)
    days_ago = [now.date() - timedelta(days=before) for before in (0, 30, 31, 32, 400, 401)]
    of = {"account": account, "calls": 5}
    NumberCalls.objects.bulk_create(NumberCalls(number=number, day=day, **of) for day in days_ago)
    CampaignCalls.objects.bulk_create(
        CampaignCalls(campaign=campaign, day=day, basis="state", skipped_tagged=False, **of) for day in days_ago
    )
    for step in (retention.delete_old_number_calls, retention.delete_old_campaign_calls):
        while step(now):
            pass
    left = days_ago[:5] if kept == 400 else days_ago[:3]
    assert sorted(NumberCalls.objects.values_list("day", flat=True), reverse=True) == left
    assert sorted(CampaignCalls.objects.values_list("day", flat=True), reverse=True) == left


def test_old_calls_are_deleted_in_chunks(settings, account, now, monkeypatch):
    monkeypatch.setattr(retention, "CHUNK", 2)
    number = PhoneNumberFactory(account=account)
    NumberCalls.objects.bulk_create(
        NumberCalls(account=account, number=number, day=now.date() - timedelta(days=500 + before), calls=1)
        for before in range(5)
    )
    assert [retention.delete_old_number_calls(now) for _ in range(4)] == [2, 2, 1, 0]


def test_old_bulk_actions_are_deleted_unless_they_are_being_applied(account, admin, now):
    number = PhoneNumberFactory(account=account)
    shown = {"account": account, "user": admin.user, "action": "disable"}
    for state, age in (("done", 31), ("shown", 31), ("applying", 31), ("done", 29)):
        window = BulkAction.objects.create(created_at=now - timedelta(days=age), state=state, **shown)
        BulkActionNumber.objects.create(bulk_action=window, number=number)
    for step in (retention.delete_old_bulk_action_numbers, retention.delete_old_bulk_actions):
        while step(now):
            pass
    assert sorted(BulkAction.objects.values_list("state", flat=True)) == ["applying", "done"]
    assert BulkActionNumber.objects.count() == 2


def test_failures_of_tasks_are_kept_for_30_days(now):
    for task, age in (("old", 31), ("recent", 29)):
        at = now - timedelta(days=age)
        TaskFailure.objects.create(fingerprint=task, task=task, first_at=now - timedelta(days=90), last_at=at)
    assert retention.delete_old_failed_tasks(now) == 1
    assert TaskFailure.objects.get().task == "recent"


def test_tasks_that_the_queue_could_not_run_are_kept_for_30_days(now):
    for n, age in enumerate((31, 29)):
        moment = now - timedelta(days=age)
        Task.objects.create(id=f"{n:032}", name=f"t{n}", func="f", started=moment, stopped=moment, success=False)
    assert retention.delete_old_tasks_of_the_queue(now) == 1
    assert Task.objects.get().name == "t1"


def test_ended_webhook_deliveries_are_kept_for_30_days_and_pending_ones_until_they_end(account, now):
    endpoint = WebhookEndpointFactory(account=account)
    ages = {"old": 31, "pending": 400, "recent": 29}
    made = {}
    for name, age in ages.items():
        moment = now - timedelta(days=age)
        made[name] = outbox.create_test_delivery(endpoint, requested_by=None, now=moment)
        if name != "pending":
            WebhookDelivery.objects.filter(pk=made[name].pk).update(state="delivered", ended_at=moment)
    assert retention.delete_old_webhook_deliveries(now) == 1
    assert retention.delete_old_webhook_messages(now) == 1
    assert retention.delete_old_webhook_messages(now) == 0
    assert set(WebhookDelivery.objects.all()) == {made["pending"], made["recent"]}
    assert WebhookMessage.objects.count() == 2


def test_sessions_that_ended_are_deleted_in_chunks(now, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(retention, "CHUNK", 5)
    for number in range(7):
        Session.objects.create(session_key=f"ended-{number}", expire_date=now - timedelta(seconds=1))
    Session.objects.create(session_key="current", expire_date=now + timedelta(seconds=1))
    with django_assert_num_queries(2):
        assert retention.delete_expired_sessions(now) == 5
    assert retention.delete_expired_sessions(now) == 2
    assert Session.objects.get().session_key == "current"


def test_entries_of_sessions_that_ended_are_deleted(viewer, now):
    client = Client()
    client.force_login(viewer.user)
    for key in (client.session.session_key, "ended"):
        UserSession.objects.create(user=viewer.user, session_key=key, ip="203.0.113.9")
    assert retention.delete_entries_of_ended_sessions(now) == 1
    assert UserSession.objects.get().session_key == client.session.session_key


def test_counts_of_attempts_are_kept_for_a_day(now):
    for hours in (23, 25):
        AttemptCount.objects.create(key=str(hours), last_at=now - timedelta(hours=hours))
    assert retention.delete_old_attempts(now) == 1
    assert AttemptCount.objects.get().key == "23"


def test_values_of_the_cache_are_deleted_once_they_expired(now):
    cache.set("kept", "x", timeout=3600)
    CacheEntry.objects.create(cache_key="old", value="", expires=now - timedelta(seconds=1))
    assert retention.delete_expired_cache_entries(now) == 1
    assert cache.get("kept") == "x"


def test_audit_trail_and_cases_are_never_deleted(account, now):
    case = CaseFactory(account=account, number__account=account, opened_at=now - days(2_000))
    cases.fail([case.pk], now=now - days(1_990), reason="It stays.")
    for step in retention.STEPS.values():
        while step(now):
            pass
    assert Case.objects.exists()
    assert AuditEvent.objects.filter(code="case.failed").exists()


def test_query_count_of_a_chunk_is_the_same_for_5_and_500_rows(settings, now):
    check = CheckFactory(first_at=now - days(500), is_current=False)
    counts = []
    for count in (5, 500):
        rows = Check.objects.filter(pk=check.pk).values(
            "account_id",
            "number_id",
            "engine_id",
            "provider",
            "verdict",
            "effect",
            "first_at",
            "last_at",
            "valid_until",
        )[0]
        Check.objects.bulk_create([Check(is_current=False, **rows) for _ in range(count)])
        with CaptureQueriesContext(connection) as queries:
            assert retention.delete_old_checks(now) >= count
        counts.append(len(queries))
        check = CheckFactory(first_at=now - days(500), is_current=False)
    assert counts[0] == counts[1]
