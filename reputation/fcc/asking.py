"""Ask the FCC about the monitored numbers, once for each version of its data.

A number is asked about once, however many accounts monitor it. Numbers that nobody monitors are not asked about.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef

from portal.db.bulk import insert_rows
from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED, claim, unclaimed
from reputation.complaints import get_window_start
from reputation.fcc import client
from reputation.fcc.answers import Kind
from reputation.fcc.client import FccError, FccRefused, FccThrottled, FccTooLarge
from reputation.fcc.dataset import get_dataset, record_failure, record_success, take_request
from reputation.models import FccComplaintCount, FccComplaintDay, FccNumber, PhoneNumber
from reputation.models.fcc import FccNumberQuerySet

logger = logging.getLogger(__name__)

CHUNK = 2_000


class RequestsUsedUp(Exception):
    """The requests of this hour are used up."""


@dataclass(frozen=True)
class _Answer:
    """What the FCC has about the numbers of a batch. Numbers without complaints do not occur in it."""

    kinds: list[Kind]
    days: dict[tuple[str, date], int] = field(default_factory=dict)


def add_numbers(after: str) -> tuple[int, str]:
    """Add one chunk of the monitored numbers that are not known here yet, in order, beginning after the number `after`.

    Returns how many, and the last one, after which the next chunk begins.
    """
    known = FccNumber.objects.filter(e164=OuterRef("e164"))
    # Only numbers of +1 have the form of the FCC's.
    missing = PhoneNumber.objects.looked_up().filter(~Exists(known), e164__startswith="+1", e164__gt=after)
    found = list(missing.order_by("e164").values_list("e164", flat=True).distinct()[:CHUNK])
    insert_rows(FccNumber, [{"e164": e164} for e164 in found], ignore_conflicts=True)
    return len(found), found[-1] if found else after


def ask_batch(now: datetime) -> int:
    """Ask about one batch of the numbers that wait; return how many.

    0: none waits, or the FCC must not be asked now. Numbers whose batch failed come after all others, in batches of
    half the size, so that they hold nobody up.
    """
    dataset = get_dataset()
    if not dataset.may_be_asked(now) or not dataset.rows_updated_at:
        return 0
    waiting = FccNumber.objects.waiting_for(dataset.rows_updated_at)
    first = waiting.filter(unclaimed(now)).order_by("attempts", "rows_updated_at")
    attempts = first.values_list("attempts", flat=True).first()
    if attempts is None:
        return 0
    size = max(settings.FCC.batch_size >> attempts, 1)
    due = waiting.filter(attempts=attempts)
    token, ids = claim(due, now=now, limit=size, order_by="rows_updated_at", attempts="")
    if not ids:  # another worker was faster
        return 0
    claimed = FccNumber.objects.filter(pk__in=in_list(ids), lease_token=token)
    numbers = dict(claimed.values_list("e164", "pk"))
    try:
        answer = _ask(list(numbers), now)
    except RequestsUsedUp:
        logger.info("FCC: the requests of this hour are used up")
        claimed.update(**RELEASED)
        return 0
    except FccError as error:
        return _fail(claimed, error, now, count=len(numbers))
    _store(claimed, answer, dataset.rows_updated_at, now)
    record_success()
    return len(ids)


def _ask(numbers: Sequence[str], now: datetime) -> _Answer:
    """Two requests; one if no number has a complaint in the window. Raises FccError and RequestsUsedUp."""
    if not take_request(now):
        raise RequestsUsedUp
    kinds = client.fetch_kinds(settings.FCC, numbers)
    window_start = get_window_start(now).date()
    recent = {kind.number for kind in kinds if kind.last_day and kind.last_day > window_start}
    if not recent:
        return _Answer(kinds)
    if not take_request(now):
        raise RequestsUsedUp
    return _Answer(kinds, client.fetch_day_counts(settings.FCC, sorted(recent), after=window_start))


def _fail(claimed: FccNumberQuerySet, error: FccError, now: datetime, *, count: int) -> int:
    """Release the batch. Returns how many numbers are to be asked about in smaller batches at once."""
    if isinstance(error, FccRefused | FccThrottled):  # the numbers are not the reason
        claimed.update(**RELEASED)
    else:
        claimed.update(**RELEASED, attempts=F("attempts") + 1)
    if isinstance(error, FccTooLarge) and count > 1:
        logger.warning("FCC: %s The %s numbers are asked about in smaller batches", error, count)
        return count
    record_failure(error, now)
    return 0


def _store(claimed: FccNumberQuerySet, answer: _Answer, version: int, now: datetime) -> None:
    """Replace what is known of the numbers that this worker still holds."""
    with transaction.atomic():
        held = dict(claimed.select_for_update().order_by("pk").values_list("e164", "pk"))
        ids = in_list(held.values())
        FccComplaintCount.objects.filter(number__in=ids).delete()
        FccComplaintDay.objects.filter(number__in=ids).delete()
        insert_rows(FccComplaintCount, [_build_count(kind, held) for kind in answer.kinds if kind.number in held])
        insert_rows(
            FccComplaintDay,
            [
                {"number_id": held[number], "day": day, "count": count}
                for (number, day), count in answer.days.items()
                if number in held
            ],
        )
        FccNumber.objects.filter(pk__in=ids).update(rows_updated_at=version, asked_at=now, attempts=0, **RELEASED)


def _build_count(kind: Kind, ids: dict[str, int]) -> dict[str, object]:
    return {
        "number_id": ids[kind.number],
        "issue": kind.issue,
        "call_type": kind.call_type,
        "is_spoofing_report": kind.is_spoofing_report,
        "count": kind.count,
        "first_day": kind.first_day,
        "last_day": kind.last_day,
    }


def count_numbers(version: int) -> tuple[int, int]:
    """How many monitored numbers were asked about with this version of the data, and how many wait."""
    monitored = PhoneNumber.objects.looked_up().values("e164").distinct().count()
    current = FccNumber.objects.filter(rows_updated_at=version) if version else FccNumber.objects.none()
    asked = current.filter(e164__in=PhoneNumber.objects.looked_up().values("e164")).count()
    return asked, monitored - asked
