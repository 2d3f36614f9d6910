"""Mails about an enrollment: recipients, text and retries."""

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
from portal.mail import FIRST_RETRY_DELAY, MAX_ATTEMPTS, get_retry_delay
from tests.enrollment import form_data
from tests.enrollment.review import decide
from tests.factories import AccountFactory, MemberFactory

pytestmark = pytest.mark.django_db

REASON = "The numbers are not yours."


class RefusingBackend(EmailBackend):
    """A mail server that closes the connection."""

    def send_messages(self, messages):
        raise SMTPServerDisconnected("Connection unexpectedly closed")


@pytest.fixture(autouse=True)
def _reviewer_settings(settings):
    settings.REVIEWER_EMAILS = ["review@example.com"]
    settings.PUBLIC_URL = "https://numbers.example.com"


@pytest.fixture
def rejected(submitted, reviewer_actor, now):
    """A rejected application, without the mail about its submission."""
    decide(submitted, "rejected", context=Context(reviewer_actor, now), reason=REASON)
    Transition.objects.filter(to_state="submitted").update(mail_due_at=None)
    return submitted


def test_reviewers_are_mailed_when_an_application_is_submitted(account, actor, now):
    application = form_data.create_submitted(account, Context(actor, now), calling_hours="no")
    mails.send_due(now)
    (message,) = mail.outbox
    assert message.to == ["review@example.com"]
    assert message.subject == "Enrollment to review: Cascade Solar LLC"
    assert f"https://numbers.example.com/admin/enrollment/application/{application.pk}/change/" in message.body
    assert "the calling hours" in message.body


def test_without_reviewer_addresses_no_mail_is_sent_or_stays_due(submitted, now, settings):
    settings.REVIEWER_EMAILS = []
    mails.send_due(now)
    assert mail.outbox == []
    assert not Transition.objects.mail_due(now + timedelta(days=9)).exists()


def test_applicant_is_mailed_the_reason_its_meaning_and_the_next_step(rejected, now):
    mails.send_due(now)
    (message,) = mail.outbox
    assert message.subject == "Cascade Solar LLC: the enrollment is rejected"
    assert REASON in message.body
    assert "What it means" in message.body
    assert "https://numbers.example.com/enrollment/" in message.body


@pytest.mark.parametrize("to", ["approved", "rejected", "more_information", "revoked"])
def test_each_decision_sends_a_mail(submitted, reviewer_actor, now, to):
    if to == "revoked":
        decide(submitted, "approved", context=Context(reviewer_actor, now))
    decisions.decide({submitted.pk: 1}, to=to, context=Context(reviewer_actor, now), reason=REASON)
    Transition.objects.exclude(to_state=to).update(mail_due_at=None)
    mails.send_due(now)
    (message,) = mail.outbox
    assert REASON in message.body
    assert "What to do next" in message.body


def test_only_owners_admins_and_the_contact_person_get_the_mail(rejected, account, admin, owner, viewer, now):
    MemberFactory(account=account, user__is_active=False)
    MemberFactory()
    mails.send_due(now)
    (message,) = mail.outbox
    assert sorted(message.to) == sorted([admin.user.email, owner.user.email, "dana@cascadesolar.example"])


def test_contact_who_is_a_member_gets_the_mail_once(account, actor, admin, reviewer_actor, now):
    application = form_data.create_submitted(account, Context(actor, now), contact_email=admin.user.email.upper())
    decide(application, "approved", context=Context(reviewer_actor, now))
    mails.send_due(now)
    assert mail.outbox[-1].to == [admin.user.email]


def test_mail_is_sent_once_when_the_task_runs_twice(rejected):
    tasks.send_due_mails()
    tasks.send_due_mails()
    assert len(mail.outbox) == 1


class SecondWorkerBackend(EmailBackend):
    """Run a second worker while a mail is being sent."""

    def send_messages(self, messages):
        mails.send_due(timezone.now())
        return super().send_messages(messages)


def test_two_workers_send_the_same_mail_once(rejected, now, settings):
    settings.EMAIL_BACKEND = f"{__name__}.SecondWorkerBackend"
    mails.send_due(now)
    assert len(mail.outbox) == 1


def test_worker_whose_claim_expired_sends_nothing(rejected, now, monkeypatch):
    """The worker stalls before it sends the mail, and another worker sends it meanwhile."""
    later = now + FIRST_RETRY_DELAY
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


def test_refused_mail_is_sent_again_later(rejected, now, settings):
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


def test_retry_delay_grows_to_6_hours_and_retries_end(rejected, now, settings):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    waits = []
    while (step := Transition.objects.get(to_state="rejected")).mail_due_at:
        mails.send_due(step.mail_due_at)
        waits.append(get_retry_delay(step.mail_attempts))
    assert len(waits) == MAX_ATTEMPTS
    assert waits[:3] == [timedelta(minutes=minutes) for minutes in (2, 4, 8)]
    assert waits[-1] == timedelta(hours=6)


class KilledBackend(EmailBackend):
    """The worker is killed while it sends a mail."""

    def send_messages(self, messages):
        raise SystemExit


def test_mail_is_sent_by_another_worker_after_the_first_was_killed(rejected, now, settings):
    settings.EMAIL_BACKEND = f"{__name__}.KilledBackend"
    with pytest.raises(SystemExit):
        mails.send_due(now)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mails.send_due(now + timedelta(minutes=1))
    assert mail.outbox == []
    mails.send_due(timezone.now() + FIRST_RETRY_DELAY)
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


def test_mail_keeps_its_reason_when_the_application_is_resubmitted(submitted, reviewer_actor, now):
    decide(submitted, "more_information", context=Context(reviewer_actor, now), reason="Which carrier?")
    submitted.refresh_from_db()
    form_data.submit_draft(submitted, Context(reviewer_actor, now))
    mails.send_due(now)
    assert any("Which carrier?" in message.body for message in mail.outbox)


def test_mail_sent_twice_has_the_same_message_id(rejected, now):
    step = Transition.objects.get(to_state="rejected")
    ids = {mails.build_message(step).headers["Message-ID"] for _ in range(2)}
    assert ids == {f"<enrollment-{step.pk}@numbers.example.com>"}


def test_account_name_with_a_line_break_adds_no_mail_header(account, rejected, now):
    account.name = "Cascade\nBcc: everyone@example.com"
    account.save()
    mails.send_due(now)
    assert "\n" not in mail.outbox[0].subject


def test_text_of_a_mail_is_not_escaped(submitted, reviewer_actor, now):
    decide(submitted, "rejected", context=Context(reviewer_actor, now), reason="Bought & shared lists aren't proof.")
    mails.send_due(now)
    assert "Bought & shared lists aren't proof." in mail.outbox[-1].body


@time_machine.travel("2026-11-24 12:00:00+00:00", tick=False)
def test_task_does_not_send_mails_due_later(rejected):
    Transition.objects.update(mail_due_at="2026-11-24 12:00:01+00:00")
    tasks.send_due_mails()
    assert mail.outbox == []


def test_query_count_is_the_same_for_5_and_500_members(rejected, reviewer_actor, account, now):
    def queries(members: int) -> int:
        MemberFactory.create_batch(members, account=account)
        Transition.objects.filter(to_state="rejected").update(mail_due_at=now, mailed_at=None)
        with CaptureQueriesContext(connection) as captured:
            mails.send_due(now)
        assert len(mail.outbox.pop().to) >= members
        return len(captured)

    assert queries(5) == queries(495)
