"""Sending the outbox to a real mail server: what is sent, refused, tried again and given up."""

from datetime import timedelta

import pytest
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.mail import delivery
from portal.mail.delivery import MAX_ATTEMPTS, WORKER_DIED, get_retry_delay
from portal.models import MailServer, OutgoingMail
from tests.portal.mail.helpers import BODY, enqueue_mails, states, sweep
from tests.support.mail_server import Drop, Hold
from tests.support.mails import send_mails

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def test_mails_go_out_over_one_connection_oldest_first_and_their_text_is_deleted(server, now):
    addresses = [f"member{number}@example.com" for number in range(12)]
    enqueue_mails(now, *addresses)
    assert sweep(now) == 12
    assert server.recipients() == addresses
    assert server.connections == 1
    assert {message.get_content().replace("\r\n", "\n") for message in server.taken} == {BODY}
    for mail in OutgoingMail.objects.all():
        assert (mail.state, mail.ended_at, mail.subject) == ("sent", now, "News")
        assert (mail.body, mail.params, mail.headers, mail.lease_token) == ("", {}, {}, "")


def test_connection_is_renewed_for_servers_that_limit_it(server, now, monkeypatch):
    monkeypatch.setattr(delivery, "MAX_PER_CONNECTION", 2)
    enqueue_mails(now, *(f"member{number}@example.com" for number in range(5)))
    sweep(now)
    assert (len(server.taken), server.connections) == (5, 3)


def test_mail_with_temporary_refusal_is_sent_later_and_others_at_once(server, now):
    replies = {"greylisted@example.com": "451 4.7.1 Greylisted, try again later"}
    server.on_recipient = replies.get
    enqueue_mails(now, "greylisted@example.com", "dana@example.com")
    sweep(now)
    assert server.recipients() == ["dana@example.com"]
    mail = OutgoingMail.objects.get(state="waiting")
    assert (mail.attempts, mail.due_at) == (1, now + 2 * MINUTE)
    assert "451 4.7.1 Greylisted, try again later" in mail.last_error
    replies.clear()
    sweep(now + MINUTE)
    assert len(server.taken) == 1, "it is not due yet"
    sweep(now + 2 * MINUTE)
    assert server.recipients() == ["dana@example.com", "greylisted@example.com"]


def test_one_bad_recipient_of_several_is_refused_for_good_and_the_others_get_theirs(server, now):
    server.on_recipient = {"gone@example.com": "550 5.1.1 No such user"}.get
    enqueue_mails(now, "first@example.com", "gone@example.com", "last@example.com")
    sweep(now)
    sweep(now + timedelta(days=9))
    assert server.recipients() == ["first@example.com", "last@example.com"]
    assert states()["gone@example.com"] == "refused"
    mail = OutgoingMail.objects.get(state="refused")
    assert "refused the recipient for good" in mail.last_error
    assert "550 5.1.1 No such user" in mail.last_error
    assert mail.body, "it can be sent again"


def test_refused_text_concerns_one_mail(server, now):
    server.on_data = lambda message: "554 5.7.1 Looks like spam" if message["To"] == "first@example.com" else None
    enqueue_mails(now, "first@example.com", "second@example.com")
    sweep(now)
    assert states() == {"first@example.com": "refused", "second@example.com": "sent"}


def test_link_that_a_refusal_repeats_is_not_stored(server, now):
    server.on_data = lambda message: "554 Blocked https://numbers.example.com/password/set/MQ/secret-token/"
    enqueue_mails(now, "dana@example.com")
    sweep(now)
    assert "Blocked [link]" in OutgoingMail.objects.get().last_error


@pytest.mark.parametrize(
    "reply", ["530 5.7.0 Authentication required", "553 5.7.1 Sender address rejected: not owned by user"]
)
def test_refusal_that_is_not_the_fault_of_the_mail_lets_all_wait(server, now, reply):
    server.on_sender = lambda address: reply
    enqueue_mails(now, "first@example.com", "second@example.com")
    assert sweep(now) == 0
    known = MailServer.objects.get()
    assert reply in known.error
    assert known.paused_until == now + MINUTE / 2
    assert list(OutgoingMail.objects.values_list("state", "attempts")) == [("waiting", 0)] * 2
    server.on_sender = lambda address: None
    assert sweep(now + MINUTE / 4) == 0, "the pause goes on"
    assert sweep(now + MINUTE) == 2
    known.refresh_from_db()
    assert (known.failures, known.paused_until, known.failing_since, known.error) == (0, None, None, "")


def test_mail_that_is_blamed_on_the_server_does_not_keep_others_waiting(server, now):
    server.on_recipient = {"first@example.com": "530 5.7.0 Authentication required"}.get
    enqueue_mails(now - MINUTE, "first@example.com", "second@example.com")
    sweep(now)
    sweep(now + MINUTE)
    assert server.recipients() == ["second@example.com"]


def test_connection_that_is_dropped_is_opened_again(server, now):
    server.on_data = lambda message: Drop() if message["To"] == "first@example.com" else None
    enqueue_mails(now, "first@example.com", "second@example.com")
    sweep(now)
    assert server.recipients() == ["second@example.com"]
    assert server.connections == 2
    mail = OutgoingMail.objects.get(state="waiting")
    assert mail.due_at == now + 2 * MINUTE
    assert "closed the connection" in mail.last_error


def test_server_that_drops_every_connection_lets_all_wait(server, now):
    server.on_data = lambda message: Drop()
    enqueue_mails(now, *(f"member{number}@example.com" for number in range(9)))
    sweep(now)
    assert server.connections == delivery.MAX_SUSPICIONS
    assert MailServer.objects.get().paused_until > now
    assert set(states().values()) == {"waiting"}


def test_relay_that_is_denied_once_concerns_one_mail_and_several_times_all(server, now):
    server.on_recipient = lambda address: "554 5.7.1 Relay access denied" if "away" in address else None
    enqueue_mails(now, "away1@example.com", "near@example.com", "away2@example.com", "away3@example.com")
    sweep(now)
    assert server.recipients() == ["near@example.com"]
    assert not MailServer.objects.exists()
    enqueue_mails(now, "away4@example.com", "away5@example.com", "away6@example.com")
    sweep(now)
    assert "does not forward mail" in MailServer.objects.get().error


def test_server_that_does_not_answer_in_time_is_left(server, now, use_smtp, settings):
    settings.EMAIL_TIMEOUT = 0.3
    hold = Hold()
    server.on_recipient = lambda address: hold if address == "slow@example.com" else None
    enqueue_mails(now, "slow@example.com", "quick@example.com")
    sweep(now)
    hold.release()
    assert server.recipients() == ["quick@example.com"]
    assert "did not answer in time" in OutgoingMail.objects.get(state="waiting").last_error


def test_server_that_keeps_the_connection_busy_is_cut_off(server, now, monkeypatch):
    """It sends something before each time-out, so only the limit for the whole mail ends it."""
    monkeypatch.setattr(delivery, "SEND_SECONDS", 0.5)
    hold = Hold()
    server.on_recipient = lambda address: hold
    enqueue_mails(now, "slow@example.com")
    sweep(now)
    hold.release()
    assert hold.reached
    assert "closed the connection" in OutgoingMail.objects.get().last_error


def test_mail_is_given_up_after_some_days_and_says_why(server, now):
    server.on_recipient = lambda address: "452 4.2.2 Mailbox full"
    enqueue_mails(now, "full@example.com")
    waits, at = [], now
    while OutgoingMail.objects.waiting().exists():
        sweep(at)
        mail = OutgoingMail.objects.get()
        waits.append(mail.due_at - at)
        at = mail.due_at
    assert mail.state == "given_up"
    assert "Mailbox full" in mail.last_error
    assert mail.attempts == MAX_ATTEMPTS
    assert waits[:3] == [2 * MINUTE, 4 * MINUTE, 8 * MINUTE]
    assert max(waits) == get_retry_delay(MAX_ATTEMPTS) == timedelta(hours=6)
    assert timedelta(days=2) < at - now < timedelta(days=5)


def test_mail_at_which_every_worker_died_is_given_up(server, now):
    (mail,) = enqueue_mails(now, "dana@example.com")
    OutgoingMail.objects.update(attempts=MAX_ATTEMPTS)
    sweep(now)
    mail.refresh_from_db()
    assert (mail.state, mail.last_error) == ("given_up", WORKER_DIED)
    assert server.taken == []


def test_second_attempt_has_the_same_message_id_and_date(server, now):
    server.on_data = lambda message: server.taken.append(message) or "451 Try again"
    enqueue_mails(now, "dana@example.com")
    sweep(now)
    server.on_data = lambda message: None
    sweep(now + 2 * MINUTE)
    first, second = server.taken
    assert first["Message-ID"] == second["Message-ID"] == f"<{OutgoingMail.objects.get().key}@localhost>"
    assert first["Date"] == second["Date"]


def test_mail_of_a_kind_that_cannot_write_it_waits_and_others_go(server, now):
    OutgoingMail.objects.create(kind="of a later version", recipient="dana@example.com", created_at=now, due_at=now)
    enqueue_mails(now, "second@example.com")
    sweep(now)
    assert states() == {"dana@example.com": "waiting", "second@example.com": "sent"}


class SecondWorkerBackend(EmailBackend):
    """Runs a second worker while a mail is being sent."""

    def send_messages(self, messages):
        sweep(OutgoingMail.objects.latest("pk").created_at)
        return super().send_messages(messages)


def test_two_workers_send_each_mail_once(now, settings, mailoutbox):
    settings.EMAIL_BACKEND = f"{__name__}.SecondWorkerBackend"
    enqueue_mails(now, "first@example.com", "second@example.com")
    sweep(now)
    assert sorted(message.to for message in mailoutbox) == [["first@example.com"], ["second@example.com"]]


def test_mails_are_slowed_down_to_the_configured_rate(now, settings, monkeypatch):
    pauses = []
    monkeypatch.setattr(delivery.time, "sleep", pauses.append)
    settings.MAIL_PER_SECOND = 4
    enqueue_mails(now, "first@example.com", "second@example.com")
    assert len(send_mails(now)) == 2
    assert pauses == [0.25, 0.25]


def test_each_mail_costs_the_same_number_of_queries(server, now):
    def count_queries(mails: int) -> int:
        enqueue_mails(now, *(f"member{number}@example.com" for number in range(mails)))
        with CaptureQueriesContext(connection) as captured:
            assert sweep(now) == mails
        return len(captured)

    assert (count_queries(12) - count_queries(2)) % 10 == 0
    with CaptureQueriesContext(connection) as captured:
        sweep(now)
    assert len(captured) == 1, "an idle sweep asks once"


def test_name_that_no_mail_can_carry_is_refused(now, settings, monkeypatch):
    def refuse(self, messages):
        raise ValueError("Invalid address")

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    enqueue_mails(now, "dana@example.com")
    sweep(now)
    assert states() == {"dana@example.com": "refused"}
    assert not MailServer.objects.exists()
