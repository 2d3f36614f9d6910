"""Mails to an account's owners about licences: warnings before one ends, and afterwards what happened to the numbers.

A mail is due in its row (`mail_due_at` of the licence or the loss) until it is in the outbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Value
from django.utils import timezone

from portal import mail
from portal.accounts.members import get_emails
from portal.accounts.roles import Permission
from portal.models import Account, AuditEvent, Licence
from portal.text import pluralize
from reputation.labels import format_number_count
from reputation.models import CoverageLoss, PhoneNumber
from reputation.monitoring.licence_notices import get_licence_notices

WARNING_KIND = mail.MailKind("licence_ends", "Licence that ends")
LOSS_KIND = mail.MailKind("coverage_lost", "Monitoring ended with licences")

MAX_LISTED = 50
# How long the overview says what happened.
SHOWN_FOR = timedelta(days=30)


@dataclass(frozen=True)
class LossReport:
    """What happened after licences ended or were changed: for which numbers monitoring ended, the first of them."""

    loss: CoverageLoss
    numbers: list[PhoneNumber]

    @property
    def remaining(self) -> int:
        return self.loss.ended_count - len(self.numbers)

    @property
    def summary(self) -> str:
        if not self.loss.ended_count:
            return "No monitored number was affected."
        return f"Monitoring ended for {format_number_count(self.loss.ended_count)}."


def get_reports(account: Account, now: datetime, *, limit: int, max_listed: int) -> list[LossReport]:
    """The account's losses of the last SHOWN_FOR, newest first; at most one query, and two for each loss."""
    recent = CoverageLoss.objects.for_account(account).finished().filter(finished_at__gt=now - SHOWN_FOR)
    return [build_report(loss, max_listed=max_listed) for loss in recent.order_by("-pk")[:limit]]


def build_report(loss: CoverageLoss, *, max_listed: int = MAX_LISTED) -> LossReport:
    """Two queries. The audit trail says which numbers they were."""
    count = min(loss.ended_count, max_listed)
    # A cause that was added meanwhile is appended, so each event has the beginning of the cause as its reason.
    ended = (
        AuditEvent.objects.for_account(loss.account_id)
        .alias(cause=Value(loss.cause))
        .filter(pk__gt=loss.last_event_id, code="capability.off", cause__startswith=F("reason"))
        .exclude(reason="")
    )
    ids = list(ended.order_by("pk").values_list("subject_id", flat=True)[:count]) if count else []
    return LossReport(loss, list(PhoneNumber.objects.filter(pk__in=ids).order_by("e164")))


def enqueue_due(now: datetime) -> int:
    """Put a chunk of the mails that are due into the outbox; return of how many licences and losses."""
    licences = Licence.objects.mail_due(now).select_related("account")
    losses = CoverageLoss.objects.mail_due(now).select_related("account")
    warned = mail.enqueue_due(licences, lambda licence: build_warning(licence, now), kind=WARNING_KIND.code, now=now)
    return warned + mail.enqueue_due(losses, build_loss_message, kind=LOSS_KIND.code, now=now)


def build_warning(licence: Licence, now: datetime | None = None) -> mail.Message | None:
    """The warning before a licence ends. None if it was extended or renewed meanwhile."""
    notices = get_licence_notices(licence.account, now or timezone.now())
    notice = next((notice for notice in notices if notice.licence.pk == licence.pk), None)
    recipients = get_emails(licence.account, Permission.MANAGE_ACCOUNT)
    if notice is None or not recipients:
        return None
    when = f"in {pluralize(notice.days_left, 'day')}" if notice.days_left else "today"
    subject = f"{licence.account.name}: {licence.get_product_display()} ends {when}"
    context = {"account": licence.account, "notice": notice, "when": when, "link": mail.build_url("services-details")}
    return mail.Message(subject, "reputation/mails/licence_ends.txt", context, to=recipients)


def build_loss_message(loss: CoverageLoss) -> mail.Message | None:
    """What happened after licences ended or were changed."""
    recipients = get_emails(loss.account, Permission.MANAGE_ACCOUNT)
    if not recipients:
        return None
    report = build_report(loss)
    context = {
        "report": report,
        "link": mail.build_url("number-reputation"),
        "trail": mail.build_url("audit-trail") + "?kind=monitoring",
    }
    subject = f"{loss.account.name}: {loss.cause.rstrip('.')}"
    return mail.Message(subject, "reputation/mails/coverage_lost.txt", context, to=recipients)
