"""Telephone apps' lists: one list puts a number at risk, and two that agree tag it."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db.models import Count

from portal.db.in_list import in_list
from reputation.models import Check
from reputation.monitoring.check_runs import Seen
from reputation.providers.protocol import Evidence


def settle(seen: Iterable[Seen]) -> set[int]:
    """Sets the effect of the lists that have the observed numbers now; returns the ids of the numbers it looked at."""
    numbers = {one.number_id for one in seen if one.observation.evidence is Evidence.APP_LIST}
    if not numbers:
        return set()
    listing = Check.objects.filter(
        number__in=in_list(numbers),
        is_current=True,
        evidence=Check.Evidence.APP_LIST,
        verdict__in=(Check.Verdict.LABELLED, Check.Verdict.BLOCKED),
    )
    counted = listing.order_by().values("number").annotate(apps=Count("engine", distinct=True))
    agreed = list(counted.filter(apps__gte=settings.AGREEING_APPS).values_list("number", flat=True))
    listing.filter(number__in=in_list(agreed)).exclude(effect=Check.Effect.TAGS).update(effect=Check.Effect.TAGS)
    alone = listing.exclude(number__in=in_list(agreed)).filter(effect=Check.Effect.TAGS)
    alone.update(effect=Check.Effect.RISK)
    return numbers
