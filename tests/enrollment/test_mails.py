"""Mails about an enrollment: to whom, what they say, once, and again when the server did not take them."""

from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import ClassVar

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from enrollment import decisions, mails, tasks
from enrollment.models import Transition
from portal.audit import Context
from portal.mail import LEASE, MAX_ATTEMPTS, get_retry_delay
from tests.enrollment import form_data
from tests.enrollment.review import decide
from tests.factories import AccountFactory, MemberFactory

pytestmark = pytest.mark.django_db

REASON = "The numbers are not yours."


class RefusingBackend(EmailBackend):
    """A mail server that hangs up."""

    def send_messages(self, messages):
        raise SMTPServerDisconnected("Connection unexpectedly closed")


@pytest.fixture(autouse=True)
def _reviewer_settings(settings):
    settings.REVIEWER_EMAILS = ["review@example.com"]
    settings.PUBLIC_URL = "https://numbers.example.com"


@pytest.fixture
def rejected(submitted, reviewer_actor, now):
    """An application that was rejected; the mail about its sending is out of the way."""
    decide(submitted, "rejected", context=Context(reviewer_actor, now), reason=REASON)
    Transition.objects.filter(to_state="submitted").update(mail_due_at=None)
    return submitted


def test_reviewers_are_told_when_an_application_is_sent(account, actor, now):
    application = form_data.create_submitted(account, Context(actor, now), calling_hours="no")
    mails.send_due(now)
    (message,) = mail.outbox
    assert message.to == ["review@example.com"]
    assert message.subject == "Enrollment to review: Cascade Solar LLC"
    assert f"https://numbers.example.com/admin/enrollment/application/{application.pk}/change/" in message.body
    assert "the calling hours" in message.body


def test_without_reviewers_addresses_nothing_is_sent_and_nothing_stays_due(submitted, now, settings):
    settings.REVIEWER_EMAILS = []
    mails.send_due(now)
    assert mail.outbox == []
    assert not Transition.objects.mail_due(now + timedelta(days=9)).exists()


def test_the_applicant_is_told_by_mail_with_the_reason_what_it_means_and_the_next_step(rejected, now):
    mails.send_due(now)
    (message,) = mail.outbox
    assert message.subject == "Cascade Solar LLC: the enrollment is rejected"
    assert REASON in message.body
    assert "What it means" in message.body
    assert "https://numbers.example.com/enrollment/" in message.body


@pytest.mark.parametrize("to", ["approved", "rejected", "more_information", "revoked"])
def test_each_decision_has_its_mail(submitted, reviewer_actor, now, to):
    if to == "revoked":
        decide(submitted, "approved", context=Context(reviewer_actor, now))
    decisions.decide({submitted.pk: 1}, to=to, context=Context(reviewer_actor, now), reason=REASON)
    Transition.objects.exclude(to_state=to).update(mail_due_at=None)
    mails.send_due(now)
    (message,) = mail.outbox
    assert REASON in message.body
    assert "What to do next" in message.body


def test_owners_admins_and_the_contact_person_get_it_and_nobody_else(rejected, account, admin, owner, viewer, now):
    MemberFactory(account=account, user__is_active=False)
    MemberFactory()
    mails.send_due(now)
    (message,) = mail.outbox
    assert sorted(message.to) == sorted([admin.user.email, owner.user.email, "dana@cascadesolar.example"])


def test_a_contact_who_is_a_member_gets_it_once(account, actor, admin, reviewer_actor, now):
    application = form_data.create_submitted(account, Context(actor, now), contact_email=admin.user.email.upper())
    decide(application, "approved", context=Context(reviewer_actor, now))
    mails.send_due(now)
    assert mail.outbox[-1].to == [admin.user.email]


def test_a_mail_is_sent_once_however_often_the_task_runs(rejected):
    tasks.send_due_mails()
    tasks.send_due_mails()
    assert len(mail.outbox) == 1


class SecondWorkerBackend(EmailBackend):
    """While it hands a mail in, a second worker looks for mails that are due."""

    def send_messages(self, messages):
        mails.send_due(timezone.now())
        return super().send_messages(messages)


def test_two_workers_who_find_the_same_mail_send_it_once(rejected, now, settings):
    settings.EMAIL_BACKEND = f"{__name__}.SecondWorkerBackend"
    mails.send_due(now)
    assert len(mail.outbox) == 1


def test_a_worker_that_outlives_its_lease_sends_nothing(rejected, now, monkeypatch):
    """It stalls before it hands the mail in, and another worker sends the mail meanwhile."""
    later = now + LEASE
    get_recipients = mails.get_recipients

    def stall(step):
        monkeypatch.setattr(mails, "get_recipients", get_recipients)
        assert mails.send_due(later) == 1
        return get_recipients(step)

    monkeypatch.setattr(mails, "get_recipients", stall)
    mails.send_due(now)
    assert len(mail.outbox) == 1
    step = Transition.objects.get(to_state="rejected")
    assert (step.mailed_at, step.mail_due_at, step.mail_attempts) == (later, None, 2)


def test_a_server_that_does_not_take_it_leaves_it_due_for_later(rejected, now, settings):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    mails.send_due(now)
    step = Transition.objects.get(to_state="rejected")
    assert step.mailed_at is None
    assert step.mail_due_at == now + timedelta(minutes=2)
    mails.send_due(now)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mails.send_due(now + timedelta(minutes=1))
    assert mail.outbox == []
    mails.send_due(now + timedelta(minutes=2))
    assert len(mail.outbox) == 1
    step.refresh_from_db()
    assert step.mail_attempts == 2
    assert step.mail_due_at is None


def test_the_wait_grows_and_ends(rejected, now, settings):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    waits = []
    while (step := Transition.objects.get(to_state="rejected")).mail_due_at:
        mails.send_due(step.mail_due_at)
        waits.append(get_retry_delay(step.mail_attempts))
    assert len(waits) == MAX_ATTEMPTS
    assert waits[:3] == [timedelta(minutes=minutes) for minutes in (2, 4, 8)]
    assert waits[-1] == timedelta(hours=6)


class KilledBackend(EmailBackend):
    """The worker ends while it hands a mail in, without a chance to note anything."""

    def send_messages(self, messages):
        raise SystemExit


def test_a_worker_killed_while_sending_is_followed_by_another(rejected, now, settings):
    settings.EMAIL_BACKEND = f"{__name__}.KilledBackend"
    with pytest.raises(SystemExit):
        mails.send_due(now)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mails.send_due(now + timedelta(minutes=1))
    assert mail.outbox == []
    mails.send_due(timezone.now() + LEASE)
    assert len(mail.outbox) == 1


class FirstRefusedBackend(EmailBackend):
    """A mail server that refuses the first mail."""

    refused: ClassVar[list] = []

    def send_messages(self, messages):
        if not self.refused:
            self.refused.append(messages)
            raise SMTPServerDisconnected
        return super().send_messages(messages)


def test_one_mail_that_cannot_be_sent_does_not_stop_the_others(rejected, actor, reviewer_actor, now, settings):
    other = form_data.create_submitted(AccountFactory(), Context(actor, now), contact_email="other@example.com")
    decide(other, "approved", context=Context(reviewer_actor, now))
    settings.EMAIL_BACKEND = f"{__name__}.FirstRefusedBackend"
    FirstRefusedBackend.refused.clear()
    mails.send_due(now)
    assert len(mail.outbox) == 2


def test_a_mail_keeps_its_words_when_the_application_goes_on(submitted, reviewer_actor, now):
    decide(submitted, "more_information", context=Context(reviewer_actor, now), reason="Which carrier?")
    submitted.refresh_from_db()
    form_data.submit_draft(submitted, Context(reviewer_actor, now))
    mails.send_due(now)
    assert any("Which carrier?" in message.body for message in mail.outbox)


def test_a_mail_that_comes_twice_is_known_as_the_same(rejected, now):
    step = Transition.objects.get(to_state="rejected")
    ids = {mails.build_message(step).headers["Message-ID"] for _ in range(2)}
    assert ids == {f"<enrollment-{step.pk}@numbers.example.com>"}


def test_an_accounts_name_cannot_add_a_header(account, rejected, now):
    account.name = "Cascade\nBcc: everyone@example.com"
    account.save()
    mails.send_due(now)
    assert "\n" not in mail.outbox[0].subject


def test_texts_are_plain_and_not_escaped(submitted, reviewer_actor, now):
    decide(submitted, "rejected", context=Context(reviewer_actor, now), reason="Bought & shared lists aren't proof.")
    mails.send_due(now)
    assert "Bought & shared lists aren't proof." in mail.outbox[-1].body


@time_machine.travel("2026-11-24 12:00:00+00:00", tick=False)
def test_the_task_sends_what_is_due_now(rejected):
    Transition.objects.update(mail_due_at="2026-11-24 12:00:01+00:00")
    tasks.send_due_mails()
    assert mail.outbox == []


def test_a_mail_costs_as_many_queries_for_500_members_as_for_5(rejected, reviewer_actor, account, now):
    def queries(members: int) -> int:
        MemberFactory.create_batch(members, account=account)
        Transition.objects.filter(to_state="rejected").update(mail_due_at=now, mailed_at=None)
        with CaptureQueriesContext(connection) as captured:
            mails.send_due(now)
        assert len(mail.outbox.pop().to) >= members
        return len(captured)

    assert queries(5) == queries(495)
