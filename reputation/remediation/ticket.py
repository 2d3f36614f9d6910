"""The support ticket of a failed case: its prepared text, and the reference that support gave it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, Value

from portal import audit
from portal.audit import Context
from portal.phone.numbers import format_national
from reputation.labels import describe_submission_reason, describe_submission_state
from reputation.models import Case


def get_ticket_text(case: Case) -> str:
    """The text for support, with all it needs to know; two queries."""
    tags = case.tags.select_related("engine").order_by("detected_at", "pk")
    submissions = case.submissions.select_related("engine", "case").order_by("engine__name")
    lines = [
        f"Please help to remove a spam label from {format_national(case.number.e164)} ({case.number.e164}).",
        "",
        f"Account: {case.account} (number {case.account_id})",
        f"Case: {case.pk}, opened {_format_time(case.opened_at)}, failed {_format_time(case.closed_at)}",
        f"Why it failed: {case.outcome}",
        *([f"Tagged before: case {case.former_id}"] if case.former_id else []),
        "",
        "Labels:",
        *(
            f'- {tag.engine}: "{tag.label or "spam"}", since {_format_time(tag.detected_at)}'
            + (f", gone since {_format_time(tag.ended_at)}" if tag.ended_at else "")
            for tag in tags
        ),
        "",
        "What was tried:",
        *(
            f"- {submission.engine}: {describe_submission_state(submission).lower()}; "
            f"reference {submission.reference or 'none'}; "
            f"sent {_format_time(submission.sent_at)}, answered {_format_time(submission.answered_at)}"
            + (f". It said: {describe_submission_reason(submission)}" if submission.reason else "")
            for submission in submissions
        ),
    ]
    return "\n".join(lines)


def _format_time(at: datetime | None) -> str:
    return f"{at:%d %b %Y %H:%M} UTC" if at else "never"


def record_ticket(case: Case, *, reference: str, context: Context) -> bool:
    """Stores the reference of the ticket. Returns False, without a change, if the case did not fail."""
    reference = reference.strip()[:80]
    with transaction.atomic():
        failed = Case.objects.select_for_update().filter(pk=case.pk, state=Case.State.FAILED)
        former = failed.values_list("ticket_reference", flat=True).first()
        if former is None:
            return False
        failed.update(ticket_reference=reference, ticket_opened_at=context.now)
        audit.record_changes(
            Case.objects.filter(pk=case.pk),
            context=context,
            code="case.ticket",
            label=F("number__e164"),
            before=Value(former),
            after=Value(reference),
        )
    case.ticket_reference, case.ticket_opened_at = reference, context.now
    return True
