"""Deletion of old rows. The audit trail, tags and cases are kept."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q, QuerySet
from django_q.models import Failure

from portal.authentication.throttling import FORGOTTEN_AFTER
from portal.models import (
    AttemptCount,
    CacheEntry,
    IdempotentResponse,
    Invitation,
    OutgoingMail,
    TaskFailure,
    WebhookDelivery,
    WebhookMessage,
)
from portal.models.invitations import INVITATION_LIFETIME
from reputation.matching.statistics import WINDOW_DAYS
from reputation.models import (
    BulkAction,
    BulkActionNumber,
    CampaignCalls,
    Check,
    Complaint,
    FccNumber,
    NumberCalls,
    PhoneNumber,
)
from reputation.service_clock import days
from reputation.test_calls.cleanup import delete_called_numbers, delete_old_photos

CHUNK = 2_000
# Of bulk actions, deliveries, mails and failed tasks.
RETENTION = timedelta(days=30)


def delete_old_checks(now: datetime) -> int:
    """Deletes one chunk of checks that ended more than CHECKS_KEPT_DAYS ago. Current ones are kept."""
    return _delete_chunk(Check.objects.filter(is_current=False, last_at__lt=now - days(settings.CHECKS_KEPT_DAYS)))


def delete_old_complaints(now: datetime) -> int:
    """Deletes one chunk of complaints that are older than CHECKS_KEPT_DAYS and no longer count."""
    kept = max(settings.CHECKS_KEPT_DAYS, settings.COMPLAINTS_WINDOW_DAYS)
    return _delete_chunk(Complaint.objects.filter(counts_from__lt=now - days(kept)))


def delete_old_fcc_numbers(now: datetime) -> int:
    """Deletes one chunk of numbers that no account monitors and the FCC was not asked about for CHECKS_KEPT_DAYS."""
    monitored = PhoneNumber.objects.looked_up().filter(e164=OuterRef("e164"))
    not_asked = Q(asked_at__isnull=True) | Q(asked_at__lt=now - days(settings.CHECKS_KEPT_DAYS))
    return _delete_chunk(FccNumber.objects.filter(not_asked, ~Exists(monitored)))


def delete_old_number_calls(now: datetime) -> int:
    """Deletes one chunk of daily totals of numbers."""
    return _delete_chunk(NumberCalls.objects.filter(day__lt=_oldest_call_day(now)))


def delete_old_campaign_calls(now: datetime) -> int:
    """Deletes one chunk of daily totals of campaigns."""
    return _delete_chunk(CampaignCalls.objects.filter(day__lt=_oldest_call_day(now)))


def _oldest_call_day(now: datetime) -> date:
    """The oldest day to keep. Calls are counted by calendar day; one day more covers every time zone."""
    return now.date() - timedelta(days=max(settings.CHECKS_KEPT_DAYS, WINDOW_DAYS + 1))


def delete_old_bulk_action_numbers(now: datetime) -> int:
    """Deletes one chunk of the numbers of old bulk actions, confirmed or not."""
    return _delete_chunk(BulkActionNumber.objects.filter(bulk_action__in=_old_bulk_actions(now)))


def delete_old_bulk_actions(now: datetime) -> int:
    """Deletes one chunk of old bulk actions whose numbers are deleted already."""
    return _delete_chunk(_old_bulk_actions(now).filter(numbers__isnull=True))


def _old_bulk_actions(now: datetime) -> QuerySet[BulkAction]:
    return BulkAction.objects.exclude(state=BulkAction.State.APPLYING).filter(created_at__lt=now - RETENTION)


def delete_old_failed_tasks(now: datetime) -> int:
    """Deletes one chunk of failures of tasks that last happened long ago."""
    return _delete_chunk(TaskFailure.objects.filter(last_at__lt=now - RETENTION))


def delete_old_tasks_of_the_queue(now: datetime) -> int:
    """Deletes one chunk of tasks that the queue could not run, which django-q2 never deletes."""
    return _delete_chunk(Failure.objects.filter(stopped__lt=now - RETENTION))


def delete_old_webhook_deliveries(now: datetime) -> int:
    """Deletes one chunk of ended deliveries with their attempts. Pending ones are kept."""
    return _delete_chunk(WebhookDelivery.objects.filter(ended_at__lt=now - RETENTION))


def delete_old_webhook_messages(now: datetime) -> int:
    """Deletes one chunk of old messages without deliveries."""
    return _delete_chunk(WebhookMessage.objects.filter(at__lt=now - RETENTION, deliveries__isnull=True))


def delete_old_idempotent_responses(now: datetime) -> int:
    """Deletes one chunk of stored responses of the API."""
    return _delete_chunk(IdempotentResponse.objects.filter(started_at__lt=now - IdempotentResponse.RETENTION))


def delete_old_mails(now: datetime) -> int:
    """Deletes one chunk of mails that were sent, refused or given up long ago. Waiting ones are kept."""
    return _delete_chunk(OutgoingMail.objects.filter(ended_at__lt=now - RETENTION))


def delete_entries_of_ended_sessions(now: datetime) -> int:
    """Deletes one chunk of the entries under *Your sign-in* whose session ended. Run it after the sessions."""
    session = Session.objects.filter(session_key=OuterRef("session_key"))
    return _delete_chunk(UserSession.objects.filter(~Exists(session)))


def delete_expired_invitations(now: datetime) -> int:
    """Deletes one chunk of invitations that nobody answered in time."""
    return _delete_chunk(Invitation.objects.filter(created_at__lte=now - INVITATION_LIFETIME))


def delete_old_attempts(now: datetime) -> int:
    """Deletes one chunk of counts of attempts that do not count any more."""
    return _delete_chunk(AttemptCount.objects.filter(last_at__lt=now - FORGOTTEN_AFTER))


def delete_expired_cache_entries(now: datetime) -> int:
    """Deletes one chunk of values that the cache would not return any more."""
    return _delete_chunk(CacheEntry.objects.filter(expires__lt=now))


def delete_expired_sessions(now: datetime) -> int:
    """Deletes one chunk of sessions that ended. Django's command clearsessions deletes all in one transaction."""
    return _delete_chunk(Session.objects.filter(expire_date__lt=now))


# In this order: rows before the rows that they refer to.
STEPS = {
    "prune checks": delete_old_checks,
    "prune complaints": delete_old_complaints,
    "prune complaints to the FCC": delete_old_fcc_numbers,
    "prune calls of numbers": delete_old_number_calls,
    "prune calls of campaigns": delete_old_campaign_calls,
    "prune confirmed numbers": delete_old_bulk_action_numbers,
    "prune confirmations": delete_old_bulk_actions,
    "prune failed tasks": delete_old_failed_tasks,
    "prune tasks of the queue": delete_old_tasks_of_the_queue,
    "prune webhook deliveries": delete_old_webhook_deliveries,
    "prune webhook messages": delete_old_webhook_messages,
    "prune API answers": delete_old_idempotent_responses,
    "prune mails": delete_old_mails,
    "prune sessions": delete_expired_sessions,
    "prune lists of sessions": delete_entries_of_ended_sessions,
    "prune attempts": delete_old_attempts,
    "prune invitations": delete_expired_invitations,
    "prune the cache": delete_expired_cache_entries,
    "prune photos of labels": delete_old_photos,
    "prune called numbers": delete_called_numbers,
}


def _delete_chunk(old: QuerySet) -> int:
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    if ids:
        old.model._base_manager.filter(pk__in=ids).delete()
    return len(ids)
