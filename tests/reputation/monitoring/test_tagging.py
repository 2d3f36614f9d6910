"""Labels that look-ups find begin tags and cases, and labels that they no longer find end them."""

import pytest

from portal.models import AuditEvent
from reputation.models import Case, PhoneNumber, Submission, Tag
from reputation.service_clock import days
from tests.support.lookups import create_due_numbers, look_up_all

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


def test_detected_label_creates_a_tag_a_case_and_audit_events(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    look_up_all(now)
    number.refresh_from_db()
    tag = Tag.objects.get(number=number)
    assert (tag.engine.slug, tag.label, tag.detected_at, tag.case.state) == ("alpha", "Spam Likely", now, "open")
    assert (number.spam_status, number.tagged_since) == (Status.TAGGED, now)
    event = AuditEvent.objects.get(code="tag.detected")
    assert (event.account, event.subject_id, event.subject_label, event.after, event.reason) == (
        account,
        tag.pk,
        number.e164,
        "Spam Likely",
        "Alpha",
    )
    assert AuditEvent.objects.get(code="case.opened").subject_id == tag.case.pk


def test_existing_label_is_detected_once(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    for day in range(3):
        look_up_all(now + days(day))
    assert Tag.objects.count() == Case.objects.count() == AuditEvent.objects.filter(code="tag.detected").count() == 1


def test_cleared_label_ends_the_tag_and_clears_the_case(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    look_up_all(now)
    provider.labels.clear()
    look_up_all(now + days(1))
    number.refresh_from_db()
    tag = Tag.objects.get()
    assert (tag.ended_at, tag.end_reason) == (now + days(1), "cleared")
    assert (tag.case.state, tag.case.closed_at) == ("cleared", now + days(1))
    assert (number.spam_status, number.tagged_since) == (Status.CLEAN, None)
    assert AuditEvent.objects.filter(code="tag.cleared", subject_label=number.e164).count() == 1
    assert AuditEvent.objects.filter(code="case.cleared", subject_label=number.e164).count() == 1


def test_label_of_a_second_engine_joins_the_open_case(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    look_up_all(now)
    provider.labels[number.e164, "beta"] = "Scam Likely"
    look_up_all(now + days(0.25))
    case = Case.objects.get()
    assert set(case.tags.values_list("engine__slug", flat=True)) == {"alpha", "beta"}
    assert set(case.submissions.values_list("engine__slug", flat=True)) == {"alpha", "beta"}
    assert case.deadline_at == now + days(7.25)
    assert AuditEvent.objects.filter(code="case.joined").count() == 1


def test_case_stays_open_until_the_last_label_is_cleared(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    provider.labels |= {(number.e164, "alpha"): "Spam", (number.e164, "beta"): "Spam"}
    look_up_all(now)
    del provider.labels[number.e164, "alpha"]
    look_up_all(now + days(0.25))
    assert Case.objects.get().is_unfinished
    assert Submission.objects.get(engine__slug="alpha").state == "moot"
    assert Submission.objects.get(engine__slug="beta").state == "waiting"
    provider.labels.clear()
    look_up_all(now + days(0.5))
    assert Case.objects.get().state == "cleared"


def test_number_tagged_again_gets_a_new_case_linked_to_the_former(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    for day, labelled in enumerate((True, False, True)):
        provider.labels = {(number.e164, "alpha"): "Spam Likely"} if labelled else {}
        look_up_all(now + days(day))
    number.refresh_from_db()
    former, again = Case.objects.order_by("pk")
    assert (former.state, again.state, again.former) == ("cleared", "open", former)
    assert number.spam_status == Status.TAGGED_AGAIN
    assert "Tagged again" in AuditEvent.objects.filter(code="case.opened").latest("pk").reason
