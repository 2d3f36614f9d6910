"""Digests about spam tags: recipients, times, text, and that each event is sent once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import portal.mail
from portal.jobs.claims import LEASE_DURATION
from portal.mail import enqueue_rows
from portal.models import Member
from reputation.models import Case, PhoneNumber, Tag
from reputation.notifications import digests
from reputation.tasks.digests import send_digests
from tests.factories import (
    AccountFactory,
    DeskRequestFactory,
    EngineFactory,
    MemberFactory,
    MonitoredNumberFactory,
)
from tests.support.mails import send_mails

pytestmark = pytest.mark.django_db

Digest = Member.Digest
HOUR = timedelta(hours=1)


@pytest.fixture
def hiya():
    return EngineFactory(slug="hiya", name="Hiya")


@pytest.fixture
def tns():
    return EngineFactory(slug="tns", name="TNS")


@pytest.fixture
def member(account, now) -> Member:
    return MemberFactory(account=account, digest=Digest.AT_ONCE, digest_sent_at=now - 2 * HOUR)


def create_tag(number, engine, *, at, **values) -> Tag:
    PhoneNumber.objects.filter(pk=number.pk).update(spam_status=PhoneNumber.SpamStatus.TAGGED)
    return Tag.objects.create(account=number.account, number=number, engine=engine, detected_at=at, **values)


def create_cleared_tag(number, engine, *, at) -> Tag:
    """Create a tag that was detected 9 days earlier and cleared at this time."""
    made = create_tag(number, engine, at=at - timedelta(days=9), ended_at=at, end_reason=Tag.EndReason.CLEARED)
    PhoneNumber.objects.filter(pk=number.pk).update(spam_status=PhoneNumber.SpamStatus.CLEAN)
    return made


def create_failed_case(number, *, at) -> Case:
    return Case.objects.create(
        account=number.account,
        number=number,
        state=Case.State.FAILED,
        state_since=at,
        opened_at=at - timedelta(days=7),
        closed_at=at,
        deadline_at=at,
    )


# Text


def test_digest_lists_tagged_cleared_and_failed_numbers_with_links(account, member, hiya, tns, now):
    tagged, cleared, failed = (
        MonitoredNumberFactory(account=account, e164=e164, label=label)
        for e164, label in (("+12065550143", "Front desk"), ("+12065550144", ""), ("+12065550145", ""))
    )
    create_tag(tagged, tns, at=now - HOUR)
    create_tag(tagged, hiya, at=now - HOUR)
    create_cleared_tag(cleared, hiya, at=now - HOUR)
    case = create_failed_case(failed, at=now - HOUR)
    assert digests.enqueue_digests(now=now) == 1
    [message] = send_mails(now)
    assert message.to == [member.user.email]
    assert message.subject == f"{account.name}: 1 number tagged, 1 cleared, 1 needs a support ticket"
    assert "- (206) 555-0143, Front desk: by TNS, Hiya" in message.body
    assert "http://localhost:8000" + reverse("number", args=[tagged.pk]) in message.body
    assert "- (206) 555-0144: no longer labelled by Hiya" in message.body
    assert "- (206) 555-0145" in message.body
    assert "http://localhost:8000" + reverse("case", args=[case.pk]) in message.body
    assert "http://localhost:8000" + reverse("preferences") in message.body


def test_digest_lists_50_numbers_and_counts_the_rest(account, member, hiya, tns, now):
    for number in MonitoredNumberFactory.create_batch(53, account=account):
        create_tag(number, hiya, at=now - HOUR)
        create_tag(number, tns, at=now - HOUR)
    digests.enqueue_digests(now=now)
    [message] = send_mails(now)
    assert message.body.count("\n- (") == 50
    assert "and 3 more" in message.body
    assert message.subject == f"{account.name}: 53 numbers tagged"


def test_times_are_in_the_time_zone_of_the_account(account, member, hiya, now):
    account.time_zone = "Pacific/Honolulu"
    account.save()
    create_tag(MonitoredNumberFactory(account=account), hiya, at=now - HOUR)
    digests.enqueue_digests(now=now)
    assert "HST until now" in send_mails(now)[0].body


def test_line_break_in_the_account_name_adds_no_mail_header(account, member, hiya, now):
    account.name = "Cascade\nBcc: all@example.com"
    account.save()
    create_tag(MonitoredNumberFactory(account=account), hiya, at=now - HOUR)
    digests.enqueue_digests(now=now)
    assert send_mails(now)[0].subject.startswith("Cascade Bcc: all@example.com: 1 number")


def test_number_still_labelled_by_another_engine_is_not_listed_as_cleared(account, member, hiya, tns, now):
    number = MonitoredNumberFactory(account=account)
    create_cleared_tag(number, hiya, at=now - HOUR)
    create_tag(number, tns, at=now - timedelta(days=3))
    assert digests.enqueue_digests(now=now) == 0


def test_tag_that_ended_as_not_monitored_is_not_listed(account, member, hiya, now):
    number = MonitoredNumberFactory(account=account)
    create_tag(number, hiya, at=now - HOUR, ended_at=now - HOUR, end_reason=Tag.EndReason.NOT_MONITORED)
    assert digests.enqueue_digests(now=now) == 0


# Recipients and times


def test_member_who_opted_out_gets_no_digest(account, hiya, now):
    MemberFactory(account=account, digest=Digest.NEVER, digest_sent_at=now - 2 * HOUR)
    create_tag(MonitoredNumberFactory(account=account), hiya, at=now - HOUR)
    digests.enqueue_digests(now=now)
    assert send_mails(now) == []


def test_inactive_user_gets_no_digest(account, hiya, now):
    MemberFactory(account=account, digest=Digest.AT_ONCE, digest_sent_at=now - 2 * HOUR, user__is_active=False)
    create_tag(MonitoredNumberFactory(account=account), hiya, at=now - HOUR)
    digests.enqueue_digests(now=now)
    assert send_mails(now) == []


def test_no_digest_is_sent_without_new_events(account, member, hiya, now):
    create_tag(MonitoredNumberFactory(account=account), hiya, at=now - 3 * HOUR)
    assert digests.enqueue_digests(now=now) == 0
    assert send_mails(now) == []


def test_events_of_other_accounts_are_not_sent(member, hiya, now):
    create_tag(MonitoredNumberFactory(), hiya, at=now - HOUR)
    assert digests.enqueue_digests(now=now) == 0


def test_at_once_digest_is_sent_whenever_there_are_new_events(account, member, hiya, now):
    first, second = MonitoredNumberFactory.create_batch(2, account=account)
    create_tag(first, hiya, at=now - HOUR)
    digests.enqueue_digests(now=now)
    assert digests.enqueue_digests(now=now) == 0
    create_tag(second, hiya, at=now)
    digests.enqueue_digests(now=now + HOUR)
    assert [str(first) in message.body for message in send_mails(now + 24 * HOUR)] == [True, False]
    assert [str(second) in message.body for message in send_mails(now + 24 * HOUR)] == [False, True]


def test_daily_digest_is_sent_at_most_once_a_day_with_all_events_since_the_last(account, hiya, now):
    MemberFactory(account=account, digest=Digest.DAILY, digest_sent_at=now - timedelta(days=3))
    first, second = MonitoredNumberFactory.create_batch(2, account=account)
    create_tag(first, hiya, at=now - HOUR)
    digests.enqueue_digests(now=now)
    create_tag(second, hiya, at=now + HOUR)
    assert digests.enqueue_digests(now=now + 23 * HOUR) == 0
    digests.enqueue_digests(now=now + 24 * HOUR)
    assert [str(second) in message.body for message in send_mails(now + 24 * HOUR)] == [False, True]


def test_event_that_was_recorded_late_is_in_the_next_digest(account, member, hiya, now):
    """A look-up stores a tag with the time at which its chunk began, after the engines have responded."""
    early, late = MonitoredNumberFactory.create_batch(2, account=account)
    create_tag(early, hiya, at=now - HOUR)
    digests.enqueue_digests(now=now)
    create_tag(late, hiya, at=now - timedelta(minutes=1))
    digests.enqueue_digests(now=now + timedelta(minutes=5))
    assert str(late) in send_mails(now + 24 * HOUR)[1].body
    assert str(early) not in send_mails(now + 24 * HOUR)[1].body


def test_each_member_gets_the_events_since_their_last_digest(account, member, hiya, now):
    newer = MemberFactory(account=account, digest=Digest.AT_ONCE, digest_sent_at=now - HOUR)
    old, new = MonitoredNumberFactory.create_batch(2, account=account)
    create_tag(old, hiya, at=now - 1.5 * HOUR)
    create_tag(new, hiya, at=now - 0.5 * HOUR)
    digests.enqueue_digests(now=now)
    told = {message.to[0]: message.body for message in send_mails(now)}
    assert str(old) in told[member.user.email]
    assert str(new) in told[member.user.email]
    assert str(old) not in told[newer.user.email]
    assert str(new) in told[newer.user.email]


# Each member gets each event once


def test_member_stays_due_when_the_worker_is_stopped_before_the_mail_is_in_the_outbox(
    account, member, hiya, now, monkeypatch
):
    """django-q2 stops a task that takes too long with an exception that is no subclass of Exception."""
    create_tag(MonitoredNumberFactory(account=account), hiya, at=now - HOUR)

    def stop(rows):
        enqueue_rows(rows)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(portal.mail, "enqueue_rows", stop)
        with pytest.raises(SystemExit):
            digests.enqueue_digests(now=now)
    assert send_mails(now) == []
    digests.enqueue_digests(now=now)
    assert len(send_mails(now)) == 1


def test_worker_whose_claim_expired_sends_no_digest(account, member, hiya, now, monkeypatch):
    """The worker stalls while it builds the digests, and another sends the mail meanwhile."""
    create_tag(MonitoredNumberFactory(account=account), hiya, at=now - HOUR)
    build_sections = digests.build_sections

    def stall(members, **options):
        built = build_sections(members, **options)
        monkeypatch.setattr(digests, "build_sections", build_sections)
        digests.enqueue_digests(now=now + LEASE_DURATION)
        return built

    monkeypatch.setattr(digests, "build_sections", stall)
    digests.enqueue_digests(now=now)
    assert len(send_mails(now + 24 * HOUR)) == 1
    member.refresh_from_db()
    assert (member.digest_sent_at, member.lease_token) == (digests.get_cutoff(now + LEASE_DURATION), "")


def test_task_tells_members_in_chunks_and_each_once(account, hiya, now, monkeypatch):
    monkeypatch.setattr(digests, "CHUNK_SIZE", 4)
    members = MemberFactory.create_batch(10, account=account, digest=Digest.AT_ONCE, digest_sent_at=now - 2 * HOUR)
    create_tag(MonitoredNumberFactory(account=account), hiya, at=now - HOUR)
    send_digests()
    send_digests()
    assert sorted(message.to[0] for message in send_mails()) == sorted(member.user.email for member in members)


@pytest.mark.django_db(transaction=True)
def test_two_concurrent_workers_send_each_digest_once(now):
    account = AccountFactory()
    MemberFactory.create_batch(20, account=account, digest=Digest.AT_ONCE, digest_sent_at=now - 2 * HOUR)
    create_tag(MonitoredNumberFactory(account=account), EngineFactory(slug="hiya"), at=now - HOUR)
    together = threading.Barrier(2)

    def work():
        together.wait()
        try:
            digests.enqueue_digests(now=now)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [message.to[0] for message in send_mails(now)]
    assert len(set(told)) == len(told) == 20


# The number of queries


def test_query_count_of_a_chunk_is_the_same_for_5_and_50_members(account, hiya, now):
    def send(members, numbers) -> int:
        for place in range(members):
            told_until = now - 2 * HOUR - timedelta(minutes=place)
            MemberFactory(account=account, digest=Digest.AT_ONCE, digest_sent_at=told_until)
        for number in MonitoredNumberFactory.create_batch(numbers, account=account):
            create_tag(number, hiya, at=now - HOUR)
            create_failed_case(number, at=now - HOUR)
        with CaptureQueriesContext(connection) as captured:
            assert digests.enqueue_digests(now=now) == members
        return len(captured)

    assert send(5, 5) == send(50, 495)
    assert "500 numbers tagged" in send_mails(now)[-1].subject


def test_requests_to_desks_that_wait_for_the_account_are_listed_due_first(account, member, now):
    later, first = (
        DeskRequestFactory(
            case__account=account,
            case__number__account=account,
            state_since=now - HOUR,
            due_at=now + timedelta(days=days),
            desk__name="Hiya",
        )
        for days in (5, 2)
    )
    DeskRequestFactory(case__account=account, case__number__account=account, state="sent", state_since=now - HOUR)
    digests.enqueue_digests(now=now)
    (message,) = send_mails(now)
    assert message.subject == f"{account.name}: 2 requests to desks wait for you"
    assert "Needs you: 2 requests to desks" in message.body
    assert "Your turn: send the request to Hiya by" in message.body
    assert message.body.index(reverse("case", args=[first.case_id])) < message.body.index(
        reverse("case", args=[later.case_id])
    )
    digests.enqueue_digests(now=now + timedelta(minutes=1))
    assert len(send_mails(now + 24 * HOUR)) == 1
