"""The history of a number: a result for each day and engine, and its audit events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from portal.models import AuditEvent
from portal.text import pluralize
from reputation.models import Case, Check, Engine, PhoneNumber, Tag
from reputation.service_clock import days

Effect = Check.Effect
DAYS_SHOWN = 60
EVENTS_SHOWN = 50


@dataclass(frozen=True)
class EngineHistory:
    """One engine's row in the picture. `days` are "tagged", "risk", "clean" or "none" (not known), oldest first."""

    engine: Engine
    days: list[str]

    @property
    def summary(self) -> str:
        """The text for screen readers: "Hiya: 3 days tagged, 57 days not known"."""
        counts = Counter(self.days)
        words = {"tagged": "tagged", "risk": "at risk", "clean": "clean", "none": "not known"}
        parts = [f"{pluralize(counts[result], 'day')} {words[result]}" for result in words if counts[result]]
        return f"{self.engine}: {', '.join(parts)}"


def get_daily_history(
    engines: Sequence[Engine], checks: Sequence[Check], tags: Sequence[Tag], *, now: datetime
) -> list[EngineHistory]:
    """The last DAYS_SHOWN days of the service's clock. A day is tagged if a tag was active at any time of it."""
    starts = [now - days(DAYS_SHOWN - index) for index in range(DAYS_SHOWN)]
    return [
        EngineHistory(
            engine,
            [
                _day_result(
                    start,
                    min(start + days(1), now),
                    [check for check in checks if check.engine_id == engine.pk],
                    [tag for tag in tags if tag.engine_id == engine.pk],
                )
                for start in starts
            ],
        )
        for engine in engines
    ]


def _day_result(start: datetime, end: datetime, checks: Sequence[Check], tags: Sequence[Tag]) -> str:
    if any(tag.detected_at < end and (tag.ended_at is None or tag.ended_at > start) for tag in tags):
        return "tagged"
    if any(check.effect == Effect.RISK and check.first_at < end and check.last_at >= start for check in checks):
        return "risk"
    if any(check.effect == Effect.CLEARS and check.first_at < end and check.valid_until > start for check in checks):
        return "clean"
    return "none"


def get_recent_checks(number: PhoneNumber, *, now: datetime) -> QuerySet[Check]:
    """The checks of the days shown, newest first."""
    since = now - days(DAYS_SHOWN)
    return (
        Check.objects.filter(number=number, valid_until__gt=since).select_related("engine").order_by("-first_at", "-pk")
    )


def get_events(number: PhoneNumber, *, before: int | None = None) -> QuerySet[AuditEvent]:
    """The audit events of the number, its tags and its cases, newest first, with ids less than `before`."""
    subjects = (
        Q(subject_type="phonenumber", subject_id=number.pk)
        | Q(subject_type="case", subject_id__in=Case.objects.filter(number=number).values("pk"))
        | Q(subject_type="tag", subject_id__in=Tag.objects.filter(number=number).values("pk"))
    )
    events = AuditEvent.objects.for_account(number.account_id).filter(subjects).with_actors()
    return (events.filter(pk__lt=before) if before else events).order_by("-pk")
