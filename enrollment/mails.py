"""The mails about an enrollment: to reviewers when one is sent, to the applicant when it is decided.

A mail is due in its step's row (`mail_due_at`) until it was handed in. Whoever sends it first moves that time by
compare-and-set, so that two who send at once never both do, and a failure or a kill makes it due again later.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse

from enrollment.assessment import assess_submitted
from enrollment.models import Application, Transition
from enrollment.snapshot import get_business_values
from portal.models import Member

logger = logging.getLogger(__name__)

State = Application.State

CHUNK_SIZE = 20
# More than a mail server may take to answer (settings.EMAIL_TIMEOUT), or a slow mail would be sent by two.
INITIAL_BACKOFF = timedelta(minutes=2)
MAX_BACKOFF = timedelta(hours=6)
MAX_ATTEMPTS = 20

SUBJECTS = {
    State.SUBMITTED: "Enrollment to review: {business}",
    State.APPROVED: "{account}: the enrollment is approved",
    State.REJECTED: "{account}: the enrollment is rejected",
    State.MORE_INFORMATION: "{account}: the enrollment needs more information",
    State.REVOKED: "{account}: the enrollment is revoked and monitoring has stopped",
}


def send_due(now: datetime) -> int:
    """Sends the mails that are due, at most a chunk of them; returns how many were tried."""
    due = Transition.objects.mail_due(now).order_by("mail_due_at", "pk")
    steps = list(due.select_related("application__account", "by")[:CHUNK_SIZE])
    for step in steps:
        if _claim(step, now):
            _send(step, now)
    return len(steps)


def get_backoff(attempts: int) -> timedelta:
    """How long until the next attempt: 2, 4, 8 minutes, and so on up to six hours."""
    return min(INITIAL_BACKOFF * 2 ** min(attempts, 20), MAX_BACKOFF)


def _claim(step: Transition, now: datetime) -> bool:
    next_due = now + get_backoff(step.mail_attempts) if step.mail_attempts + 1 < MAX_ATTEMPTS else None
    mine = Transition.objects.filter(pk=step.pk, mail_due_at=step.mail_due_at)
    return bool(mine.update(mail_due_at=next_due, mail_attempts=F("mail_attempts") + 1))


def _send(step: Transition, now: datetime) -> None:
    recipients = get_recipients(step)
    try:
        if recipients:
            build_message(step, recipients).send()
    except (SMTPException, OSError) as error:
        logger.warning("The mail of step %s could not be handed in: %s", step.pk, error)
    else:
        Transition.objects.filter(pk=step.pk).update(mail_due_at=None, mailed_at=now if recipients else None)


def get_recipients(step: Transition) -> list[str]:
    """Reviewers for what was sent; for a decision the account's owners and admins, and the contact person."""
    if step.to == State.SUBMITTED:
        return list(settings.REVIEWER_EMAILS)
    members = Member.objects.for_account(step.application.account).filter(
        role__in=(Member.Role.OWNER, Member.Role.ADMIN), user__is_active=True
    )
    addresses = list(members.order_by("pk").values_list("user__email", flat=True))
    contact = get_business_values(step.application.snapshot).get("contact_email", "").lower()
    return addresses if not contact or contact in addresses else [*addresses, contact]


def build_message(step: Transition, recipients: list[str]) -> EmailMessage:
    """The mail about a step, in the words of the step: a later change of the application changes nothing in it."""
    application = step.application
    context = {
        "step": step,
        "application": application,
        "account": application.account,
        "link": settings.PUBLIC_URL + reverse("enrollment"),
        "numbers_link": settings.PUBLIC_URL + reverse("number-reputation"),
        "review_link": settings.PUBLIC_URL + reverse("admin:enrollment_application_change", args=[application.pk]),
        "assessment": assess_submitted(application) if step.to == State.SUBMITTED else None,
    }
    subject = SUBJECTS[step.to].format(account=application.account, business=application.legal_name)
    return EmailMessage(
        subject=" ".join(subject.split()),
        body=render_to_string(f"enrollment/mail/{step.to}.txt", context),
        to=recipients,
        # The same if it is ever sent again, so that mail programs show it once.
        headers={"Message-ID": f"<enrollment-{step.pk}@{urlsplit(settings.PUBLIC_URL).hostname}>"},
    )
