"""Mails about an enrollment: to reviewers when it is submitted or withdrawn, to the applicant when it is decided.

A mail is due in its transition's row (`mail_due_at`) until it is in the outbox. Once it is sent, `mailed_at` says when.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from enrollment.assessment import assess_submitted
from enrollment.models import Application, Transition
from enrollment.snapshot import get_business_values
from portal import mail
from portal.accounts.members import get_emails
from portal.accounts.roles import Permission
from portal.mail import queue
from portal.models import OutgoingMail

State = Application.State

SUBJECTS: dict[str, str] = {
    State.DRAFT: "Enrollment withdrawn: {business}",
    State.SUBMITTED: "Enrollment to review: {business}",
    State.APPROVED: "{account}: the enrollment is approved",
    State.REJECTED: "{account}: the enrollment is rejected",
    State.MORE_INFORMATION: "{account}: the enrollment needs more information",
    State.REVOKED: "{account}: the enrollment is revoked and monitoring has stopped",
}


def enqueue_due(now: datetime) -> int:
    """Put a chunk of the mails that are due into the outbox; return of how many transitions."""
    due = Transition.objects.mail_due(now).select_related("application__account", "user")
    return mail.enqueue_due(due, build_message, kind=KIND.code, now=now)


def note_sent(transition_pk: str, now: datetime) -> None:
    """The first of the recipients got the mail."""
    Transition.objects.filter(pk=transition_pk, mailed_at=None).update(mailed_at=now)


def find_unsent(steps: Iterable[Transition]) -> tuple[set[int], set[int]]:
    """The transitions whose mail waits in the outbox, and those whose mail could not be sent; one query."""
    states = queue.get_states(KIND.code, [str(step.pk) for step in steps])
    waiting = {int(reference) for reference, found in states.items() if OutgoingMail.State.WAITING in found}
    unsent = {int(reference) for reference, found in states.items() if not found <= {OutgoingMail.State.SENT}}
    return waiting, unsent - waiting


KIND = mail.MailKind("enrollment", "Enrollment", on_sent=note_sent)


def get_recipients(step: Transition) -> list[str]:
    """Reviewers for a submission or a withdrawal; otherwise the account's owners and admins, and the contact person."""
    if step.to_state in (State.SUBMITTED, State.DRAFT):
        return list(settings.REVIEWER_EMAILS)
    addresses = get_emails(step.application.account, Permission.EDIT_ACCOUNT)
    contact = get_business_values(step.application.snapshot).get("contact_email", "").lower()
    return addresses if not contact or contact in addresses else [*addresses, contact]


def build_message(step: Transition) -> mail.Message | None:
    """The mail about a transition, in the words of its row: later changes of the application do not show in it."""
    recipients = get_recipients(step)
    if not recipients:
        return None
    application = step.application
    context = {
        "step": step,
        "application": application,
        "account": application.account,
        "link": mail.build_url("enrollment"),
        "numbers_link": mail.build_url("number-reputation"),
        "review_link": mail.build_url("admin:enrollment_application_change", application.pk),
        "assessment": assess_submitted(application) if step.to_state == State.SUBMITTED else None,
    }
    return mail.Message(
        SUBJECTS[step.to_state].format(account=application.account, business=application.legal_name),
        f"enrollment/mails/{step.to_state}.txt",
        context,
        to=recipients,
    )
