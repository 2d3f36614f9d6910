"""The state of the FCC's data service: whether it may be asked, the version of its data, failures, and the throttle.

All of it is in one row, so that any number of workers share it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q

from portal.jobs.claims import claim_row
from reputation.fcc import client
from reputation.fcc.client import FccError, FccRefused
from reputation.models import FccDataset

logger = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
# The pause after a failure. It doubles with each failure in a row.
FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=6)
# After a refusal, because somebody has to act first.
PAUSE_AFTER_REFUSAL = timedelta(hours=1)


def get_dataset() -> FccDataset:
    """The state; its row is made when it is first needed. One query."""
    dataset = FccDataset.objects.filter(pk=client.DATASET).first()
    if dataset is None:
        FccDataset.objects.bulk_create([FccDataset(pk=client.DATASET)], ignore_conflicts=True)
        dataset = FccDataset.objects.get(pk=client.DATASET)
    return dataset


def check_version(now: datetime) -> None:
    """Ask for the version of the data, unless it was asked for within settings.FCC.check_minutes."""
    dataset = get_dataset()
    checked_before = now - timedelta(minutes=settings.FCC.check_minutes)
    if not dataset.may_be_asked(now) or (dataset.checked_at and dataset.checked_at > checked_before):
        return
    due = FccDataset.objects.filter(Q(checked_at__isnull=True) | Q(checked_at__lte=checked_before))
    claim = claim_row(due, client.DATASET, now=now)
    if not claim:
        return
    try:
        if not take_request(now):
            claim.release()
            return
        version = client.fetch_rows_updated_at(settings.FCC)
    except FccError as error:
        claim.release()
        record_failure(error, now)
    else:
        claim.release(rows_updated_at=version, checked_at=now, failures=0, next_action_at=None)
        if version != dataset.rows_updated_at:
            logger.info("FCC: the data was updated at %s", FccDataset(rows_updated_at=version).updated_at)


def take_request(now: datetime) -> bool:
    """Count one request. False: those of the hour are used up, and it must not be sent.

    An hour begins with its first request. Two such hours may meet, so within any 60 minutes twice
    settings.FCC.requests_per_hour may be sent; the default stays below the service's limit even then.
    """
    row = FccDataset.objects.filter(pk=client.DATASET)
    hour_is_over = Q(hour_started_at__isnull=True) | Q(hour_started_at__lte=now - HOUR)
    if row.filter(hour_is_over).update(hour_started_at=now, requests_in_hour=1):
        return True
    free = row.filter(requests_in_hour__lt=settings.FCC.requests_per_hour)
    return bool(free.update(requests_in_hour=F("requests_in_hour") + 1))


def record_failure(error: FccError, now: datetime) -> None:
    """Ask nothing for some time: as long as the service asks for, or longer with each failure in a row."""
    row = FccDataset.objects.filter(pk=client.DATASET)
    failures = row.values_list("failures", flat=True).get() + 1
    pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
    if isinstance(error, FccRefused):
        pause = max(pause, PAUSE_AFTER_REFUSAL)
    next_action_at = now + (pause if error.retry_after is None else error.retry_after)
    level = logging.ERROR if isinstance(error, FccRefused) else logging.WARNING
    logger.log(level, "FCC: %s Not asked again before %s", error, next_action_at)
    row.update(failures=failures, failed_at=now, last_failure=str(error)[:300], next_action_at=next_action_at)


def record_success() -> None:
    FccDataset.objects.filter(pk=client.DATASET, failures__gt=0).update(failures=0, next_action_at=None)
