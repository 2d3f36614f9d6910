"""The support ticket of a failed case: its prepared text, the mail to support, and the reference."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F, Value

from portal import audit, mail
from portal.audit import Context
from portal.phone.numbers import format_national
from reputation.labels import describe_submission_reason, describe_submission_state
from reputation.models import Case

KIND = mail.MailKind("ticket", "Support ticket")


class TicketNotMailed(Exception):
    """Nothing was mailed or recorded; the message says why and what to do."""


def is_offered() -> bool:
    """Whether there is somebody to mail a ticket to. Without SUPPORT_EMAIL, pages and mails do not speak of tickets."""
    return bool(settings.SUPPORT_EMAIL)


def get_ticket_text(case: Case) -> str:
    """The text for support, with all it needs to know; four queries."""
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
        *_describe_requests(case),
    ]
    return "\n".join(lines)


def _describe_requests(case: Case) -> list[str]:
    """Each request to a desk, with what the desk wrote."""
    requests = case.desk_requests.select_related("desk", "letter").prefetch_related("replies").order_by("pk")
    lines = []
    for request in requests:
        reference = request.letter.reference if request.letter else ""
        refusal = f" ({request.get_refusal_display().lower()})" if request.refusal else ""
        lines.append(
            f"- {request.desk}: {request.get_state_display().lower()}{refusal}; reference {reference or 'none'}; "
            f"sent {_format_time(request.sent_at)}"
        )
        for reply in sorted(request.replies.all(), key=lambda reply: reply.received_at):
            lines += [f"  It wrote on {_format_time(reply.received_at)}:", *_quote(reply.text)]
        if request.what_changed:
            lines += ["  Changed since the former request:", *_quote(request.what_changed)]
    return ["", "Asked at desks:", *lines] if lines else []


def _quote(text: str) -> list[str]:
    return [f"  > {line}" for line in text.splitlines()]


def _format_time(at: datetime | None) -> str:
    return f"{at:%d %b %Y %H:%M} UTC" if at else "never"


def mail_ticket(case: Case, *, context: Context) -> None:
    """Enqueues the mail with the text to support, and records a reference of its own.

    Raises TicketNotMailed if the case needs no ticket, has one already, or nobody is set up to mail to.
    """
    if case.state != Case.State.FAILED:
        raise TicketNotMailed("This case did not fail, so it needs no support ticket. Nothing was changed.")
    if not settings.SUPPORT_EMAIL:
        raise TicketNotMailed("No address of support is set up here. Nothing was mailed.")
    reference = f"NR-{case.pk}"
    failed = Case.objects.filter(pk=case.pk, state=Case.State.FAILED)
    with transaction.atomic():
        # Recorded first, so that of two clicks one mails.
        if not failed.filter(ticket_reference="").update(ticket_reference=reference, ticket_opened_at=context.now):
            raise TicketNotMailed("The case has a ticket already. Nothing was mailed.")
        mail.enqueue(_build_message(case, reference, context), kind=KIND.code, reference=str(case.pk), now=context.now)
        audit.record_changes(
            Case.objects.filter(pk=case.pk),
            context=context,
            code="case.ticket",
            label=F("number__e164"),
            after=Value(reference),
            reason=Value("Mailed to support."),
        )
    case.ticket_reference, case.ticket_opened_at = reference, context.now


def _build_message(case: Case, reference: str, context: Context) -> mail.Message:
    user = context.actor.user
    return mail.Message(
        f"[{reference}] Spam label on {format_national(case.number.e164)}, {case.account}",
        "reputation/mails/ticket.txt",
        {"text": get_ticket_text(case), "case_url": mail.build_url("case", case.pk), "user": user},
        to=[settings.SUPPORT_EMAIL],
        # Support answers the person. Its system must not take the mail for an automatic answer.
        headers={"Auto-Submitted": "no", **({"Reply-To": user.email} if user else {})},
    )


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
