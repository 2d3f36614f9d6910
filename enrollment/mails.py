"""Mails about an enrollment: to reviewers when it is submitted or withdrawn, to the applicant when it is decided.

A mail is due in its transition's row (`mail_due_at`) until it is handed in.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings

from enrollment.assessment import assess_submitted
from enrollment.models import Application, Transition
from enrollment.snapshot import get_business_values
from portal import mail
from portal.accounts.members import get_emails
from portal.accounts.roles import Permission

State = Application.State

SUBJECTS: dict[str, str] = {
    State.DRAFT: "Enrollment withdrawn: {business}",
    State.SUBMITTED: "Enrollment to review: {business}",
    State.APPROVED: "{account}: the enrollment is approved",
    State.REJECTED: "{account}: the enrollment is rejected",
    State.MORE_INFORMATION: "{account}: the enrollment needs more information",
    State.REVOKED: "{account}: the enrollment is revoked and monitoring has stopped",
}


def send_due(now: datetime) -> int:
    """Send a chunk of the mails that are due; return how many were tried."""
    due = Transition.objects.mail_due(now).select_related("application__account", "user")
    return mail.send_due(due, build_message, now=now, sent_at_field="mailed_at")


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
        # The same in every attempt, so that mail programs show a mail that was sent twice once.
        headers={"Message-ID": f"<enrollment-{step.pk}@{urlsplit(settings.PUBLIC_URL).hostname}>"},
    )
