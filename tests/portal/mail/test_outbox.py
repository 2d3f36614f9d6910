"""Putting mails into the outbox: with the change that they tell of, and without tokens."""

import errno
import re
from datetime import timedelta
from smtplib import SMTPDataError

import pytest
from django.apps import apps
from django.core import signing
from django.db import connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_q.models import OrmQ

from portal.accounts import members
from portal.accounts.passwords import PASSWORD_RESET
from portal.audit import Context
from portal.mail import Message, enqueue, enqueue_due, enqueue_private
from portal.models import OutgoingMail, User, WebhookEndpoint
from tests.factories import UserFactory, WebhookEndpointFactory
from tests.support.mails import read_code, send_mails

pytestmark = pytest.mark.django_db

MESSAGE = Message(
    "News\nfor you", "portal/mails/password_reset.txt", {"link": "-"}, to=["a@example.com", "b@example.com"]
)


def dump_database() -> str:
    """Everything that is stored, as text."""
    rows: list[Model] = [row for model in apps.get_models() if model._meta.managed for row in model._base_manager.all()]
    return "\n".join(str(value) for row in rows for value in row.__dict__.values())


def test_each_recipient_gets_a_mail_of_their_own(now):
    assert enqueue(MESSAGE, kind="digest", now=now) == 2
    sent = send_mails(now)
    assert [message.to for message in sent] == [["a@example.com"], ["b@example.com"]]
    assert {message.subject for message in sent} == {"News for you"}
    assert sent[0].extra_headers["Auto-Submitted"] == "auto-generated"
    assert len({message.extra_headers["Message-ID"] for message in sent}) == 2


def test_mail_is_in_the_outbox_if_and_only_if_the_change_commits(now):
    class Undone(Exception):
        pass

    def undo():
        with transaction.atomic():
            enqueue(MESSAGE, kind="digest", now=now)
            raise Undone

    with pytest.raises(Undone):
        undo()
    assert not OutgoingMail.objects.exists()
    assert not OrmQ.objects.exists()
    enqueue(MESSAGE, kind="digest", now=now)
    assert OrmQ.objects.count() == 1, "the task is queued once for all recipients"


def test_mail_that_is_written_later_waits_once(now):
    for minutes in (0, 5):
        enqueue_private(
            "dana@example.com",
            kind=PASSWORD_RESET.code,
            params={"email": "dana@example.com"},
            now=now + timedelta(minutes=minutes),
        )
    assert OutgoingMail.objects.count() == 1


@pytest.fixture
def tokens(monkeypatch) -> list[str]:
    """The tokens that are made in links."""
    made: list[str] = []
    dumps = signing.dumps

    def keep(*args, **kwargs):
        made.append(dumps(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(signing, "dumps", keep)
    return made


def test_no_token_is_ever_stored(account, actor, client, now, tokens):
    """Neither while the mails wait, nor after a failed attempt, nor once they are sent."""
    UserFactory(email="dana@example.com")
    members.add_member(account=account, email="new@example.com", role="viewer", context=Context(actor, now))
    client.post(reverse("account_reset_password"), {"email": "dana@example.com"})
    assert tokens == [], "no link exists before its mail is sent"
    assert not OutgoingMail.objects.exclude(body="").exists()
    sent = send_mails()
    codes = [read_code(message.body).partition(".")[2] for message in sent]
    assert sorted(codes) == sorted(tokens)
    assert len(set(tokens)) == 2
    stored = dump_database()
    assert "dana@example.com" in stored
    assert [token for token in tokens if token in stored] == []


def test_no_token_is_stored_after_an_attempt_that_failed(client, tokens, monkeypatch, settings):
    UserFactory(email="dana@example.com")
    client.post(reverse("account_reset_password"), {"email": "dana@example.com"})
    settings.EMAIL_BACKEND = f"{__name__}.RepeatingBackend"
    send_mails()
    mail = OutgoingMail.objects.get()
    assert (mail.state, mail.body) == ("refused", "")
    assert len(tokens) == 1
    assert tokens[0] not in dump_database()


class RepeatingBackend:
    """A mail server that refuses a mail and repeats its text."""

    def __init__(self, **options):
        pass

    def open(self):
        return True

    def close(self):
        pass

    def send_messages(self, messages):
        raise SMTPDataError(554, f"Spam: {messages[0].body}".encode())


def test_password_reset_does_the_same_for_known_and_unknown_addresses(client, now):
    UserFactory(email="dana@example.com")

    def count_queries(address: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            client.post(reverse("account_reset_password"), {"email": address})
        return [re.sub(r"'[^']*'|[0-9]+", "?", query["sql"]) for query in captured]

    assert count_queries("nobody@example.com") == count_queries("dana@example.com")
    assert [message.to for message in send_mails()] == [["dana@example.com"]]
    assert set(OutgoingMail.objects.values_list("recipient", flat=True)) == {"dana@example.com"}, (
        "addresses that somebody typed are not kept"
    )


def test_user_who_was_deactivated_before_the_mail_was_sent_gets_no_link(client):
    UserFactory(email="dana@example.com")
    client.post(reverse("account_reset_password"), {"email": "dana@example.com"})
    User.objects.update(is_active=False)
    assert send_mails() == []


def test_rows_stay_due_while_the_disk_is_full(now):
    endpoint = WebhookEndpointFactory(mail_due_at=now)

    def compose(row):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        enqueue_due(WebhookEndpoint.objects.mail_due(now), compose, kind="webhook_paused", now=now)
    endpoint.refresh_from_db()
    assert (endpoint.mail_due_at, endpoint.mail_attempts) == (now, 0)
