"""For how long a *no label* holds: the more calls a number shows, the shorter. A report ends it at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Sum

from portal.db.in_list import in_list
from reputation.models import Check, NumberCalls, Tag


def get_valid_days(numbers: Iterable[int], now: datetime) -> dict[int, int]:
    """For how many days a *no label* of each of these numbers holds, by its calls of `volume_days`; one query."""
    config = settings.TEST_CALLS
    ids = list(numbers)
    since = now.date() - timedelta(days=config.volume_days)
    recent = NumberCalls.objects.filter(number__in=in_list(ids), day__gt=since)
    totals = dict(recent.order_by().values("number").annotate(total=Sum("calls")).values_list("number", "total"))
    days = {}
    for pk in ids:
        per_day = totals.get(pk, 0) / config.volume_days
        busy = config.busy_valid_days if per_day > config.busy_calls_per_day else config.quiet_valid_days
        days[pk] = busy if per_day else config.idle_valid_days
    return days


def end_no_labels(number_id: int, carrier: str, at: datetime) -> None:
    """Ends what calls to this network (empty: any) did not see before `at`, and counts a label there as seen then.

    So calls before a report prove neither that the number is clean nor that a label is gone.
    """
    checks = Check.objects.filter(
        number=number_id,
        is_current=True,
        evidence=Check.Evidence.HANDSET,
        effect=Check.Effect.CLEARS,
        last_at__lte=at,
        valid_until__gt=at,
    )
    tags = Tag.objects.active().filter(number=number_id, evidence__in=(Check.Evidence.HANDSET, Check.Evidence.REPORT))
    if carrier:
        checks, tags = checks.filter(carrier=carrier), tags.filter(carrier=carrier)
    checks.update(valid_until=at)
    tags.exclude(last_seen_at__gt=at).update(last_seen_at=at)
