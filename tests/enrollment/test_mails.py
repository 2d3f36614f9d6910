"""Mails about an enrollment: recipients, text, and what becomes of them."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from enrollment import decisions, mails, tasks
from enrollment.models import Transition
from portal.audit import Context
from portal.mail.outbox import COMPOSE_RETRY_DELAY
from portal.models import OutgoingMail
from tests.enrollment import form_data
from tests.enrollment.review import decide
from tests.factories import AccountFactory, MemberFactory
from tests.support.mails import send_mails
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

REASON = "The numbers are not yours."


def deliver(now) -> list:
    """Put the mails that are due into the outbox, and send them."""
    mails.enqueue_due(now)
    return send_mails(now)


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
    (message,) = deliver(now)
    assert message.to == ["review@example.com"]
    assert message.subject == "Enrollment to review: Cascade Solar LLC"
    assert f"https://numbers.example.com/admin/enrollment/application/{application.pk}/change/" in message.body
    assert "the calling hours" in message.body


def test_without_reviewer_addresses_no_mail_is_sent_or_stays_due(submitted, now, settings):
    settings.REVIEWER_EMAILS = []
    assert deliver(now) == []
    assert not Transition.objects.mail_due(now + timedelta(days=9)).exists()


def test_applicant_is_mailed_the_reason_its_meaning_and_the_next_step(rejected, now):
    message, _ = deliver(now)
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
    message, *_ = deliver(now)
    assert REASON in message.body
    assert "What to do next" in message.body


def test_only_owners_admins_and_the_contact_person_get_the_mail(rejected, account, admin, owner, viewer, now):
    MemberFactory(account=account, user__is_active=False)
    MemberFactory()
    told = [message.to for message in deliver(now)]
    assert sorted(told) == sorted([[admin.user.email], [owner.user.email], ["dana@cascadesolar.example"]])


def test_contact_who_is_a_member_gets_the_mail_once(account, actor, admin, reviewer_actor, now):
    application = form_data.create_submitted(account, Context(actor, now), contact_email=admin.user.email.upper())
    decide(application, "approved", context=Context(reviewer_actor, now))
    assert deliver(now)[-1].to == [admin.user.email]


def test_mail_is_sent_once_when_the_task_runs_twice(rejected):
    tasks.send_due_mails()
    tasks.send_due_mails()
    assert len(send_mails()) == 2, "one to each recipient"


def test_transition_says_when_its_mail_was_sent(rejected, now):
    mails.enqueue_due(now)
    step = Transition.objects.get(to_state="rejected")
    assert (step.mailed_at, step.mail_due_at) == (None, None)
    assert mails.find_unsent([step]) == ({step.pk}, set())
    send_mails(later := now + timedelta(minutes=1))
    step.refresh_from_db()
    assert step.mailed_at == later
    assert mails.find_unsent([step]) == (set(), set())


def test_mail_that_cannot_be_written_does_not_stop_the_others(rejected, actor, reviewer_actor, now, monkeypatch):
    other = form_data.create_submitted(AccountFactory(), Context(actor, now), contact_email="other@example.com")
    decide(other, "approved", context=Context(reviewer_actor, now))
    Transition.objects.exclude(to_state__in=["rejected", "approved"]).update(mail_due_at=None)
    get_recipients = mails.get_recipients

    def fail_for_rejections(step):
        if step.to_state == "rejected":
            raise ValueError("A fault of the portal.")
        return get_recipients(step)

    with monkeypatch.context() as patch:
        patch.setattr(mails, "get_recipients", fail_for_rejections)
        assert [message.to for message in deliver(now)] == [["other@example.com"]]
    assert len(deliver(now + COMPOSE_RETRY_DELAY)) == 3


def test_history_of_an_application_says_what_became_of_the_mail(rejected, as_reviewer, now):
    url = reverse("admin:enrollment_application_change", args=[rejected.pk])
    assert "Mail not sent yet" in get_html(as_reviewer.get(url))
    mails.enqueue_due(now)
    assert "Mail not sent yet" in get_html(as_reviewer.get(url))
    OutgoingMail.objects.update(state=OutgoingMail.State.REFUSED)
    assert "Mail could not be sent" in get_html(as_reviewer.get(url))
    OutgoingMail.objects.update(state=OutgoingMail.State.WAITING)
    send_mails(now)
    assert "Mail sent" in get_html(as_reviewer.get(url))


def test_mail_keeps_its_reason_when_the_application_is_resubmitted(submitted, reviewer_actor, now):
    decide(submitted, "more_information", context=Context(reviewer_actor, now), reason="Which carrier?")
    submitted.refresh_from_db()
    form_data.submit_draft(submitted, Context(reviewer_actor, now))
    assert any("Which carrier?" in message.body for message in deliver(now))


def test_account_name_with_a_line_break_adds_no_mail_header(account, rejected, now):
    account.name = "Cascade\nBcc: everyone@example.com"
    account.save()
    assert "\n" not in deliver(now)[0].subject


def test_text_of_a_mail_is_not_escaped(submitted, reviewer_actor, now):
    decide(submitted, "rejected", context=Context(reviewer_actor, now), reason="Bought & shared lists aren't proof.")
    assert "Bought & shared lists aren't proof." in deliver(now)[-1].body


@time_machine.travel("2026-11-24 12:00:00+00:00", tick=False)
def test_task_does_not_send_mails_due_later(rejected):
    Transition.objects.update(mail_due_at="2026-11-24 12:00:01+00:00")
    tasks.send_due_mails()
    assert send_mails() == []


def test_query_count_is_the_same_for_5_and_500_members(rejected, reviewer_actor, account, now):
    def queries(members: int) -> int:
        MemberFactory.create_batch(members, account=account)
        Transition.objects.filter(to_state="rejected").update(mail_due_at=now, mailed_at=None)
        with CaptureQueriesContext(connection) as captured:
            mails.enqueue_due(now)
        assert OutgoingMail.objects.count() >= members
        # One insert takes some sixty mails.
        return sum(not query["sql"].startswith("INSERT") for query in captured)

    assert queries(5) == queries(495)
