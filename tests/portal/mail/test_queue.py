"""What operators see of the outbox and can do: the list, another attempt, late mails, retention."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_q.models import OrmQ

from portal.jobs.work import late_work
from portal.mail import queue
from portal.mail.tasks import send_mails as send_mails_task
from portal.models import MailServer, OutgoingMail, User
from reputation import retention
from tests.portal.mail.helpers import enqueue_mails, states, sweep
from tests.support.mails import send_mails
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
LIST = "admin:portal_outgoingmail_changelist"


@pytest.fixture
def refused(server, now) -> OutgoingMail:
    """A mail that the server refused for good, after another was sent."""
    server.on_recipient = {"gone@example.com": "550 5.1.1 No such user"}.get
    enqueue_mails(now, "sent@example.com", "gone@example.com")
    sweep(now)
    server.on_recipient = lambda address: None
    return OutgoingMail.objects.get(state="refused")


def test_list_shows_recipient_subject_state_attempts_and_last_error(as_operator, refused):
    page = get_html(as_operator.get(reverse(LIST)))
    for part in ("gone@example.com", "News", "Refused", "550 5.1.1 No such user", "Sent"):
        assert part in page
    assert "Three numbers are tagged" not in page
    detail = get_html(as_operator.get(reverse("admin:portal_outgoingmail_change", args=[refused.pk])))
    assert "550 5.1.1 No such user" in detail
    assert "Three numbers are tagged" not in detail


def test_mail_that_is_written_later_is_listed_by_its_kind(as_operator, client):
    client.post(reverse("account_reset_password"), {"email": "dana@example.com"})
    assert "New password" in get_html(as_operator.get(reverse(LIST)))


def test_kinds_are_filtered_by_their_names(as_operator, now):
    for kind in ("digest", "ticket"):
        OutgoingMail.objects.create(kind=kind, recipient=f"{kind}@example.com", created_at=now, due_at=now)
    page = get_html(as_operator.get(reverse(LIST), {"kind": "ticket"}))
    assert "Digest about spam tags" in page
    assert "ticket@example.com" in page
    assert "digest@example.com" not in page


def test_operator_has_a_refused_mail_sent_again_and_a_sent_one_stays(as_operator, refused, server):
    OrmQ.objects.all().delete()
    chosen = list(OutgoingMail.objects.values_list("pk", flat=True))
    answer = as_operator.post(reverse(LIST), {"action": "send_again", "_selected_action": chosen}, follow=True)
    assert "1 mail will be sent within a minute." in messages_in(answer)
    assert OrmQ.objects.count() == 1
    refused.refresh_from_db()
    sweep(refused.due_at)
    assert server.recipients() == ["sent@example.com", "gone@example.com"]


def test_sent_mails_alone_are_not_sent_again(as_operator, refused):
    chosen = [OutgoingMail.objects.get(state="sent").pk]
    answer = as_operator.post(reverse(LIST), {"action": "send_again", "_selected_action": chosen}, follow=True)
    assert "Nothing was changed." in messages_in(answer)


def test_another_attempt_ends_the_pause(as_operator, now):
    (mail,) = enqueue_mails(now, "dana@example.com")
    MailServer.objects.create(paused_until=now + MINUTE, failures=1, failing_since=now, error="Refused.", advice="Act.")
    assert send_mails(now) == []
    assert "All mails wait. Refused. Act." in messages_in(as_operator.get(reverse(LIST)))
    as_operator.post(reverse(LIST), {"action": "send_again", "_selected_action": [mail.pk]})
    mail.refresh_from_db()
    assert len(send_mails(mail.due_at)) == 1


def test_reviewers_do_not_see_the_list(as_staff):
    assert as_staff(User.StaffRole.REVIEWER).get(reverse(LIST)).status_code == 403


def test_list_costs_the_same_queries_for_1_and_50_mails(as_operator, now, django_assert_num_queries):
    enqueue_mails(now, "dana@example.com")
    with CaptureQueriesContext(connection) as one:
        as_operator.get(reverse(LIST))
    enqueue_mails(now, *(f"member{number}@example.com" for number in range(50)))
    with django_assert_num_queries(len(one)):
        as_operator.get(reverse(LIST))


def test_summary_counts_and_the_age_is_that_of_the_longest_due_mail(refused, now):
    enqueue_mails(now - 7 * MINUTE, "late@example.com")
    enqueue_mails(now + MINUTE, "later@example.com")
    summary = queue.get_summary(now)
    assert (summary.waiting_count, summary.unsent_count) == (2, 1)
    assert summary.oldest_due_at == now - 7 * MINUTE
    assert queue.get_oldest_due_at(now) == now - 7 * MINUTE


def test_nothing_waits_in_an_empty_outbox(now):
    assert queue.get_oldest_due_at(now) is None


def test_mail_that_the_server_asked_to_send_later_is_not_late(server, now):
    server.on_recipient = lambda address: "451 Try again"
    enqueue_mails(now, "dana@example.com")
    sweep(now)
    assert queue.get_oldest_due_at(now + MINUTE) is None
    assert queue.get_oldest_due_at(now + 3 * MINUTE) == now + 3 * MINUTE - MINUTE


def test_mails_are_late_while_the_server_refuses_all_however_often_they_are_tried(server, now):
    server.on_sender = lambda address: "530 5.7.0 Authentication required"
    enqueue_mails(now, "dana@example.com")
    for minutes in range(0, 20, 4):
        sweep(now + minutes * MINUTE)
    later = now + 20 * MINUTE
    assert queue.get_oldest_due_at(later) == later - 20 * MINUTE
    assert [(work.kind.name, work.get_age(later)) for work in late_work(later)] == [("mails", 20 * MINUTE)]


def test_task_sends_what_is_due(server, now):
    enqueue_mails(now, "first@example.com", "second@example.com")
    send_mails_task()
    assert states() == {"first@example.com": "sent", "second@example.com": "sent"}


def test_task_asks_once_while_all_mails_wait(now, django_assert_num_queries):
    enqueue_mails(now, "dana@example.com")
    MailServer.objects.create(paused_until=now + 60 * MINUTE)
    with django_assert_num_queries(1):
        send_mails_task.__wrapped__()
    assert states() == {"dana@example.com": "waiting"}


def test_ended_mails_are_deleted_after_30_days_and_waiting_ones_stay(refused, now):
    enqueue_mails(now, "waiting@example.com")
    assert retention.delete_old_mails(now + timedelta(days=29)) == 0
    assert retention.delete_old_mails(now + timedelta(days=31)) == 2
    assert states() == {"waiting@example.com": "waiting"}
