"""What is known of a number's past: a cell for each day and engine, and the events in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from portal.models import AuditEvent
from reputation.models import Case, Check, Engine, PhoneNumber, Tag
from reputation.service_clock import days

DAYS_SHOWN = 60
EVENTS_SHOWN = 50


@dataclass(frozen=True)
class EngineHistory:
    """One engine's row in the picture: for each day, oldest first, tagged, clean or none (nothing was known)."""

    engine: Engine
    cells: list[str]

    @property
    def in_words(self) -> str:
        counts = Counter(self.cells)
        said = {"tagged": "tagged", "clean": "clean", "none": "not known"}
        parts = [
            f"{counts[cell]} {'day' if counts[cell] == 1 else 'days'} {said[cell]}" for cell in said if counts[cell]
        ]
        return f"{self.engine}: {', '.join(parts)}"


def get_daily_history(
    engines: Sequence[Engine], checks: Sequence[Check], tags: Sequence[Tag], *, now: datetime
) -> list[EngineHistory]:
    """The last DAYS_SHOWN days of the service's clock. A day on which a label stood at any time counts as tagged."""
    begins = [now - days(DAYS_SHOWN - index) for index in range(DAYS_SHOWN)]
    return [
        EngineHistory(
            engine,
            [
                _day_result(
                    begin,
                    min(begin + days(1), now),
                    [check for check in checks if check.engine_id == engine.pk],
                    [tag for tag in tags if tag.engine_id == engine.pk],
                )
                for begin in begins
            ],
        )
        for engine in engines
    ]


def _day_result(begin: datetime, end: datetime, checks: Sequence[Check], tags: Sequence[Tag]) -> str:
    if any(tag.detected_at < end and (tag.ended_at is None or tag.ended_at > begin) for tag in tags):
        return "tagged"
    if any(check.first_at < end and check.valid_until > begin for check in checks):
        return "clean"
    return "none"


def get_recent_checks(number: PhoneNumber, *, now: datetime) -> QuerySet[Check]:
    """The runs of equal answers that reach into the days shown, newest first."""
    since = now - days(DAYS_SHOWN)
    return (
        Check.objects.filter(number=number, valid_until__gt=since).select_related("engine").order_by("-first_at", "-pk")
    )


def get_events(number: PhoneNumber, *, before: int | None = None) -> QuerySet[AuditEvent]:
    """The audit events of the number, its tags and its cases, newest first; `before` is the id to go on from."""
    about = (
        Q(subject="phonenumber", subject_id=number.pk)
        | Q(subject="case", subject_id__in=Case.objects.filter(number=number).values("pk"))
        | Q(subject="tag", subject_id__in=Tag.objects.filter(number=number).values("pk"))
    )
    events = AuditEvent.objects.for_account(number.account_id).filter(about).select_related("actor", "api_key")
    return (events.filter(pk__lt=before) if before else events).order_by("-pk")
