"""The support ticket of a failed case."""

import pytest

from portal.audit import Context
from portal.models import AuditEvent
from reputation.models import Case
from reputation.providers.protocol import Stage
from reputation.remediation import sweep, ticket
from reputation.service_clock import days
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db

State = Case.State


def test_row_13_ticket_text_of_a_failed_case_has_all_that_support_needs(tagged_number, provider, now):
    sweep.advance_due(now)
    provider.answers["poll"] = {"stage": Stage.REFUSED, "reason": "Complaints bear the label out."}
    sweep.advance_due(now + days(1))
    case = Case.objects.get(number=tagged_number)
    text = ticket.get_ticket_text(case)
    submission = case.submissions.get()
    for part in (
        tagged_number.e164,
        "Cascade Solar LLC",
        "Alpha",
        "Spam Likely",
        submission.reference,
        "Complaints bear the label out.",
        f"Case: {case.pk}",
    ):
        assert part in text


def test_ticket_reference_of_a_failed_case_is_stored_with_an_audit_event(account, actor, now):
    case = CaseFactory(account=account, number__account=account, state=State.FAILED)
    assert ticket.record_ticket(case, reference=" T-48213 ", context=Context(actor, now))
    case.refresh_from_db()
    assert (case.ticket_reference, case.ticket_opened_at) == ("T-48213", now)
    event = AuditEvent.objects.get(code="case.ticket")
    assert (event.actor, event.after, event.subject_label) == (actor.user, "T-48213", case.number.e164)


def test_case_that_did_not_fail_gets_no_ticket(account, actor, now):
    case = CaseFactory(account=account, number__account=account, state=State.IN_REVIEW)
    assert not ticket.record_ticket(case, reference="T-1", context=Context(actor, now))
    case.refresh_from_db()
    assert case.ticket_reference == ""
