"""What is thrown away when it is old. The audit trail, tags and cases stay."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django_q.models import Failure

from portal.api import idempotency
from portal.models import WebhookDelivery, WebhookMessage
from reputation.matching.statistics import DAYS as DAYS_OF_CALLS
from reputation.models import CampaignCalls, Check, Complaint, Confirmation, ConfirmationNumber, NumberCalls
from reputation.service_clock import days

CHUNK = 2_000
# Of what only operators and people who confirmed something look back at.
KEPT_FOR = timedelta(days=30)


def checks(now: datetime) -> int:
    """One chunk of runs of answers that ended more than CHECKS_KEPT_DAYS ago; the current ones stay."""
    return _delete(Check.objects.filter(is_current=False, last_at__lt=now - days(settings.CHECKS_KEPT_DAYS)))


def complaints(now: datetime) -> int:
    """One chunk of complaints that were made more than CHECKS_KEPT_DAYS ago, and no longer count."""
    kept = max(settings.CHECKS_KEPT_DAYS, settings.COMPLAINTS_WINDOW_DAYS)
    return _delete(Complaint.objects.filter(counts_from__lt=now - days(kept)))


def number_calls(now: datetime) -> int:
    """One chunk of days on which numbers were shown more than CHECKS_KEPT_DAYS ago."""
    return _delete(NumberCalls.objects.filter(day__lt=_first_day_of_calls(now)))


def campaign_calls(now: datetime) -> int:
    """One chunk of days on which campaigns called more than CHECKS_KEPT_DAYS ago."""
    return _delete(CampaignCalls.objects.filter(day__lt=_first_day_of_calls(now)))


def _first_day_of_calls(now: datetime) -> date:
    """In calendar days, which calls are counted in; what pages show stays in every time zone."""
    return now.date() - timedelta(days=max(settings.CHECKS_KEPT_DAYS, DAYS_OF_CALLS + 1))


def confirmed_numbers(now: datetime) -> int:
    """One chunk of what old confirmation windows showed, confirmed or not."""
    return _delete(ConfirmationNumber.objects.filter(confirmation__in=_old_confirmations(now)))


def confirmations(now: datetime) -> int:
    """One chunk of old confirmation windows, whose numbers are gone already."""
    return _delete(_old_confirmations(now).filter(numbers__isnull=True))


def _old_confirmations(now: datetime) -> QuerySet[Confirmation]:
    return Confirmation.objects.exclude(state=Confirmation.State.APPLYING).filter(shown_at__lt=now - KEPT_FOR)


def failures(now: datetime) -> int:
    """One chunk of failed tasks, which django-q2 keeps for ever."""
    return _delete(Failure.objects.filter(stopped__lt=now - KEPT_FOR))


def webhook_deliveries(now: datetime) -> int:
    """One chunk of deliveries that ended long ago, with their attempts. What is still to be delivered stays."""
    return _delete(WebhookDelivery.objects.filter(ended_at__lt=now - KEPT_FOR))


def webhook_messages(now: datetime) -> int:
    """One chunk of old messages that no delivery is about any more."""
    return _delete(WebhookMessage.objects.filter(at__lt=now - KEPT_FOR, deliveries__isnull=True))


# In this order: what hangs on another row goes before it.
EVERYTHING = {
    "prune checks": checks,
    "prune complaints": complaints,
    "prune calls of numbers": number_calls,
    "prune calls of campaigns": campaign_calls,
    "prune confirmed numbers": confirmed_numbers,
    "prune confirmations": confirmations,
    "prune failed tasks": failures,
    "prune webhook deliveries": webhook_deliveries,
    "prune webhook messages": webhook_messages,
    "prune API answers": idempotency.prune,
}


def _delete(old: QuerySet) -> int:
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    if ids:
        old.model._base_manager.filter(pk__in=ids).delete()
    return len(ids)
