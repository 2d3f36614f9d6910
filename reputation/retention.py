"""What is thrown away when it is old. The audit trail, tags and cases stay."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django_q.models import Failure

from portal.api import idempotency
from portal.models import WebhookDelivery, WebhookMessage
from reputation.matching.statistics import WINDOW_DAYS as DAYS_OF_CALLS
from reputation.models import BulkAction, BulkActionNumber, CampaignCalls, Check, Complaint, NumberCalls
from reputation.service_clock import days

CHUNK = 2_000
# Of what only operators and people who confirmed something look back at.
RETENTION = timedelta(days=30)


def delete_old_checks(now: datetime) -> int:
    """One chunk of runs of answers that ended more than CHECKS_KEPT_DAYS ago; the current ones stay."""
    return _delete_chunk(Check.objects.filter(is_current=False, last_at__lt=now - days(settings.CHECKS_KEPT_DAYS)))


def delete_old_complaints(now: datetime) -> int:
    """One chunk of complaints that were made more than CHECKS_KEPT_DAYS ago, and no longer count."""
    kept = max(settings.CHECKS_KEPT_DAYS, settings.COMPLAINTS_WINDOW_DAYS)
    return _delete_chunk(Complaint.objects.filter(counts_from__lt=now - days(kept)))


def delete_old_number_calls(now: datetime) -> int:
    """One chunk of days on which numbers were shown more than CHECKS_KEPT_DAYS ago."""
    return _delete_chunk(NumberCalls.objects.filter(day__lt=_oldest_call_day(now)))


def delete_old_campaign_calls(now: datetime) -> int:
    """One chunk of days on which campaigns called more than CHECKS_KEPT_DAYS ago."""
    return _delete_chunk(CampaignCalls.objects.filter(day__lt=_oldest_call_day(now)))


def _oldest_call_day(now: datetime) -> date:
    """In calendar days, which calls are counted in; what pages show stays in every time zone."""
    return now.date() - timedelta(days=max(settings.CHECKS_KEPT_DAYS, DAYS_OF_CALLS + 1))


def delete_old_bulk_action_numbers(now: datetime) -> int:
    """One chunk of what old confirmation windows showed, confirmed or not."""
    return _delete_chunk(BulkActionNumber.objects.filter(confirmation__in=_old_bulk_actions(now)))


def delete_old_bulk_actions(now: datetime) -> int:
    """One chunk of old confirmation windows, whose numbers are gone already."""
    return _delete_chunk(_old_bulk_actions(now).filter(numbers__isnull=True))


def _old_bulk_actions(now: datetime) -> QuerySet[BulkAction]:
    return BulkAction.objects.exclude(state=BulkAction.State.APPLYING).filter(shown_at__lt=now - RETENTION)


def delete_old_failed_tasks(now: datetime) -> int:
    """One chunk of failed tasks, which django-q2 keeps for ever."""
    return _delete_chunk(Failure.objects.filter(stopped__lt=now - RETENTION))


def delete_old_webhook_deliveries(now: datetime) -> int:
    """One chunk of deliveries that ended long ago, with their attempts. What is still to be delivered stays."""
    return _delete_chunk(WebhookDelivery.objects.filter(ended_at__lt=now - RETENTION))


def delete_old_webhook_messages(now: datetime) -> int:
    """One chunk of old messages that no delivery is about any more."""
    return _delete_chunk(WebhookMessage.objects.filter(at__lt=now - RETENTION, deliveries__isnull=True))


# In this order: what hangs on another row goes before it.
STEPS = {
    "prune checks": delete_old_checks,
    "prune complaints": delete_old_complaints,
    "prune calls of numbers": delete_old_number_calls,
    "prune calls of campaigns": delete_old_campaign_calls,
    "prune confirmed numbers": delete_old_bulk_action_numbers,
    "prune confirmations": delete_old_bulk_actions,
    "prune failed tasks": delete_old_failed_tasks,
    "prune webhook deliveries": delete_old_webhook_deliveries,
    "prune webhook messages": delete_old_webhook_messages,
    "prune API answers": idempotency.prune,
}


def _delete_chunk(old: QuerySet) -> int:
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    if ids:
        old.model._base_manager.filter(pk__in=ids).delete()
    return len(ids)
