"""The kinds of work: each finds its due row, an idle portal has nothing due, and scheduled tasks belong to them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils.module_loading import import_string

from enrollment.models import Application, Transition
from portal.jobs.work import WorkKind, due_work, get_kind, get_kinds, get_tasks_without_work, late_work
from portal.models import ApiKey, FailedSignIn, OutgoingMail, WebhookDelivery, WebhookEndpoint, WebhookMessage
from reputation import schedules
from reputation.models import (
    BulkAction,
    Connection,
    CoverageLoss,
    DeskRegistration,
    Engine,
    EngineRole,
    FccDataset,
    FtcFile,
    FtcIndexPage,
    NumberImport,
    Registration,
    TestCall,
    TestRound,
)
from tests.factories import (
    ApplicationFactory,
    CaseFactory,
    DeskFactory,
    DeskRequestFactory,
    EngineFactory,
    LicenceFactory,
    MemberFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    SubmissionFactory,
    TagFactory,
    TelephoneFactory,
    WebhookEndpointFactory,
)
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def idle_portal(settings) -> None:
    """A portal without engines, which migrations and other tests leave, and one that asks the FTC and the FCC."""
    Engine.objects.all().delete()
    FtcIndexPage.objects.all().delete()
    FccDataset.objects.all().delete()
    settings.FTC_FETCH = True
    settings.FCC = replace(settings.FCC, fetch=True)


# A due row for each kind ----------------------------------------------------------------------------------------------


def add_import(account, now, state: str, **fields) -> None:
    NumberImport.objects.create(
        account=account, file_name="numbers.csv", size=1, state=state, received_at=now - HOUR, **fields
    )


def add_bulk_action(account, now, state: str, **fields) -> None:
    BulkAction.objects.create(account=account, action="disable", state=state, created_at=now - HOUR, **fields)


def add_registration(account, now, state: str) -> None:
    number = PhoneNumberFactory(account=account)
    due_at = now - HOUR
    Registration.objects.create(
        account=account, number=number, engine=EngineFactory(), state=state, next_action_at=due_at
    )


def add_delivery(account, now) -> None:
    endpoint = WebhookEndpointFactory(account=account)
    message = WebhookMessage.objects.create(account=account, type="number.tagged", at=now, batch="b", payload="{}")
    WebhookDelivery.objects.create(endpoint=endpoint, message=message, created_at=now, next_action_at=now - HOUR)


def add_enrollment_mail(account, now) -> None:
    application = ApplicationFactory(account=account)
    Transition.objects.create(
        application=application, to_state="approved", revision=1, created_at=now, mail_due_at=now - HOUR
    )


def add_revocation(account, now) -> None:
    ApplicationFactory(account=account, state=Application.State.REVOKED, state_since=now - HOUR)
    PhoneNumberFactory(account=account, capability="verifying")


def add_loss(account, now, **fields) -> None:
    times = {"created_at": now - HOUR} | fields
    CoverageLoss.objects.create(account=account, cause="Ended.", is_expiry=True, campaigns_were_included=False, **times)


def add_registration_at_desk(account, now) -> None:
    DeskRegistration.objects.create(
        account=account,
        number=PhoneNumberFactory(account=account),
        engine=EngineFactory(),
        desk=DeskFactory(),
        state_since=now,
        sent_at=now - DAY,
        due_at=now - HOUR,
    )


def add_test_call(account, now) -> None:
    Connection.objects.get_or_create(provider="handset", account=None)
    telephone = TelephoneFactory(account=account)
    test_round = TestRound.objects.create(account=account, minutes=5, created_at=now)
    TestCall.objects.create(
        account=account,
        round=test_round,
        number=PhoneNumberFactory(account=account),
        telephone=telephone,
        position=1,
        reason="random",
        day=now.date(),
        state=TestCall.State.DONE,
        answered_at=now - HOUR,
    )


def add_news(account, now) -> None:
    MemberFactory(account=account, digest="at_once", digest_sent_at=now - DAY)
    number = PhoneNumberFactory(account=account, capability="on", spam_status="tagged")
    TagFactory(number=number, detected_at=now - 3 * HOUR)


def add_engine(account, now) -> None:
    engine = EngineFactory(in_use_since=now - HOUR, backfill_cursor=0)
    EngineRole.objects.create(engine=engine, provider="simulated", role=EngineRole.Role.REGISTER)


def add_page(account, now, settings) -> None:
    FtcIndexPage.objects.create(url=settings.FTC_INDEX_URL, next_action_at=now - HOUR)


DUE_ROWS: dict[str, Callable] = {
    "imports_to_read": lambda account, now, settings: add_import(account, now, "reading"),
    "imports_to_apply": lambda account, now, settings: add_import(account, now, "applying", confirmed_at=now - HOUR),
    "bulk_actions_to_prepare": lambda account, now, settings: add_bulk_action(account, now, "preparing"),
    "bulk_actions_to_apply": lambda account, now, settings: add_bulk_action(
        account, now, "applying", confirmed_at=now - HOUR
    ),
    "verification": lambda account, now, settings: add_registration(account, now, "waiting"),
    "verification_deadlines": lambda account, now, settings: PhoneNumberFactory(
        account=account, capability="verifying", next_action_at=now - HOUR
    ),
    "lookups": lambda account, now, settings: MonitoredNumberFactory(account=account, next_action_at=now - HOUR),
    "risks": lambda account, now, settings: PhoneNumberFactory(account=account, at_risk_until=now - HOUR),
    "cases": lambda account, now, settings: CaseFactory(
        number__account=account, number__next_action_at=now + HOUR, next_action_at=now - HOUR
    ),
    "cases_to_reopen": lambda account, now, settings: CaseFactory(
        number=PhoneNumberFactory(account=account), state="failed", next_action_at=now - HOUR
    ),
    "submissions_to_withdraw": lambda account, now, settings: SubmissionFactory(
        case=CaseFactory(number=PhoneNumberFactory(account=account), next_action_at=None),
        state="withdrawing",
        next_action_at=now - HOUR,
    ),
    "registrations_to_withdraw": lambda account, now, settings: add_registration(account, now, "withdrawing"),
    "revocations": lambda account, now, settings: add_revocation(account, now),
    "coverage_losses": lambda account, now, settings: add_loss(account, now),
    "ended_licences": lambda account, now, settings: LicenceFactory(
        account=account, valid_from=now.date() - 30 * DAY, valid_until=now.date() - 3 * DAY
    ),
    "licence_mails": lambda account, now, settings: LicenceFactory(account=account, mail_due_at=now - HOUR),
    "api_key_mails": lambda account, now, settings: ApiKey.objects.filter(pk=create_api_key(account)[0].pk).update(
        mail_due_at=now - HOUR
    ),
    "failed_sign_ins": lambda account, now, settings: FailedSignIn.objects.create(
        email="dana@example.com", client="curl", at=now - HOUR
    ),
    "coverage_mails": lambda account, now, settings: add_loss(account, now, finished_at=now, mail_due_at=now - HOUR),
    "desk_requests": lambda account, now, settings: DeskRequestFactory(
        case=CaseFactory(number=PhoneNumberFactory(account=account), next_action_at=None),
        state="sent",
        due_at=now - HOUR,
    ),
    "desk_registrations": lambda account, now, settings: add_registration_at_desk(account, now),
    "test_rounds": lambda account, now, settings: TestRound.objects.create(
        account=account, minutes=5, created_at=now - 30 * DAY
    ),
    "test_results": lambda account, now, settings: add_test_call(account, now),
    "digests": lambda account, now, settings: add_news(account, now),
    "complaint_pages": add_page,
    "complaint_files": lambda account, now, settings: FtcFile.objects.create(
        name="file.csv", day=now.date(), next_action_at=now - HOUR
    ),
    "fcc": lambda account, now, settings: FccDataset.objects.create(id="fcc", checked_at=now - DAY),
    "new_engines": lambda account, now, settings: add_engine(account, now),
    "retired_engines": lambda account, now, settings: EngineFactory(in_use=False, needs_retirement=True),
    "stale_imports": lambda account, now, settings: NumberImport.objects.create(
        account=account, file_name="numbers.csv", size=1, state="ready", received_at=now - 30 * DAY
    ),
    "mails": lambda account, now, settings: OutgoingMail.objects.create(
        kind="digest", recipient="dana@example.com", due_at=now - HOUR
    ),
    "webhooks": lambda account, now, settings: add_delivery(account, now),
    "webhook_mails": lambda account, now, settings: WebhookEndpointFactory(account=account, mail_due_at=now - HOUR),
    "enrollment_mails": lambda account, now, settings: add_enrollment_mail(account, now),
}


@pytest.mark.parametrize("name", DUE_ROWS)
def test_each_kind_finds_its_due_row_and_no_other(name, account, now, settings):
    DUE_ROWS[name](account, now, settings)
    (work,) = due_work(now, counted=True)
    assert (work.kind.name, work.count) == (name, 1)
    assert work.since <= now
    assert work.get_age(now) == now - work.since


def test_every_kind_is_tried_here():
    assert {kind.name for kind in get_kinds()} == set(DUE_ROWS)


def test_an_idle_portal_has_nothing_due(account, enrolled_account, admin, now):
    MonitoredNumberFactory(account=account, next_action_at=now + HOUR)
    assert due_work(now) == []


# What counts ----------------------------------------------------------------------------------------------------------


def test_work_that_a_worker_holds_is_not_due_until_its_claim_runs_out(account, now):
    MonitoredNumberFactory(account=account, next_action_at=now - HOUR, lease_until=now + timedelta(seconds=5))
    assert due_work(now) == []
    (work,) = due_work(now + timedelta(seconds=5))
    assert work.kind.name == "lookups"


def test_an_import_waits_since_the_last_worker_let_go_of_it(account, now):
    released_at = now - timedelta(minutes=2)
    add_import(account, now, "reading", waiting_since=released_at)
    assert [work.since for work in due_work(now)] == [released_at]
    died_at = now - timedelta(minutes=1)
    NumberImport.objects.update(lease_until=died_at, lease_token="of the dead")
    assert [work.since for work in due_work(now)] == [died_at]


def test_the_longest_due_work_comes_first_and_what_is_beyond_its_bound_is_late(account, now):
    late_since = now - get_kind("lookups").late_after - timedelta(seconds=1)
    PhoneNumberFactory(account=account, capability="verifying", next_action_at=now - timedelta(minutes=1))
    MonitoredNumberFactory(account=account, next_action_at=now)
    MonitoredNumberFactory(account=account, next_action_at=late_since)
    assert [(work.kind.name, work.count) for work in due_work(now, counted=True)] == [
        ("lookups", 2),
        ("verification_deadlines", 1),
    ]
    assert [(work.kind.name, work.since) for work in late_work(now)] == [("lookups", late_since)]


def test_digests_are_late_once_members_wait_for_two_hours(account, now):
    add_news(account, now)
    assert [work.kind.name for work in late_work(now)] == ["digests"]
    assert late_work(now - 2 * HOUR) == []


def test_endpoints_that_back_off_or_are_paused_do_not_wait(account, now):
    add_delivery(account, now)
    WebhookEndpoint.objects.update(backoff_until=now + HOUR)
    assert due_work(now) == []
    (work,) = due_work(now + HOUR)
    assert work.since == now + HOUR, "it waits since the end of the break"
    WebhookEndpoint.objects.update(backoff_until=None, state="paused")
    assert due_work(now) == []


def test_complaints_are_not_due_if_a_setting_turns_them_off(account, now, settings):
    add_page(account, now, settings)
    FccDataset.objects.create(id="fcc", checked_at=now - DAY)
    assert len(due_work(now)) == 2
    settings.FTC_FETCH = False
    FccDataset.objects.update(is_enabled=False)
    assert due_work(now) == []


# Queries and tasks ----------------------------------------------------------------------------------------------------


def test_the_number_of_queries_is_that_of_the_kinds(account, now, django_assert_num_queries):
    for _ in range(3):
        MonitoredNumberFactory(account=account, next_action_at=now - HOUR)
        add_import(account, now, "reading")
    with django_assert_num_queries(len(get_kinds())):
        assert len(due_work(now)) == 2
    with django_assert_num_queries(len(get_kinds()) + 2):
        assert [work.count for work in due_work(now, counted=True)] == [3, 3]


def test_queries_that_are_not_cheap_can_be_left_out(account, now):
    add_news(account, now)
    assert [work.kind.name for work in due_work(now)] == ["digests"]
    assert due_work(now, only_cheap=True) == []


@pytest.mark.parametrize("kind", get_kinds(), ids=lambda kind: kind.name)
def test_each_task_can_be_queued_without_arguments(kind: WorkKind):
    assert import_string(kind.task).__wrapped__.__code__.co_argcount == 0


def test_every_scheduled_task_has_a_kind_or_a_reason_to_have_none():
    scheduled = {entry.func for entry in (*schedules.SCHEDULES, schedules.DEMO_LOOP)}
    with_work, without_work = {kind.task for kind in get_kinds()}, get_tasks_without_work()
    assert scheduled == with_work | set(without_work)
    assert not with_work & set(without_work)
    assert all(without_work.values())
