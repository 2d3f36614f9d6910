"""The provider of complaints to the FTC, whose source is the portal's own table (`manage.py load_complaints`).

Complaints are no labels: enough recent ones put a number at risk, and none of them mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from django.conf import settings
from django.utils import timezone

from reputation import complaints
from reputation.complaints import ComplaintCount
from reputation.providers.protocol import (
    ConnectionSettings,
    EngineInfo,
    Evidence,
    Limits,
    Observation,
    Prices,
    Role,
    Verdict,
)

ENGINE = EngineInfo("ftc-complaints", "FTC complaints", evidence=Evidence.COMPLAINTS)


class ComplaintsProvider:
    name: ClassVar[str] = "complaints"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.LOOK_UP})
    limits: ClassVar[Limits] = Limits(look_up=1_000)
    prices: ClassVar[Prices] = Prices()

    def __init__(self, connection: ConnectionSettings) -> None:
        """There is nothing to connect to."""

    @classmethod
    def engines(cls) -> list[EngineInfo]:
        return [ENGINE]

    def look_up(self, numbers: Sequence[str]) -> list[Observation]:
        counts = complaints.count_by_number(numbers, now=timezone.now())
        return [_build_observation(number, count) for number, count in counts.items()]


def _build_observation(number: str, count: ComplaintCount) -> Observation:
    return Observation(
        number,
        ENGINE.slug,
        Verdict.WARNING if count.reaches_threshold else Verdict.CLEAN,
        evidence=Evidence.COMPLAINTS,
        expires_at=count.ends_at if count.reaches_threshold else None,
        raw_response={
            "complaints": count.complaints,
            "probably_spoofed": count.probably_spoofed,
            "within_days": settings.COMPLAINTS_WINDOW_DAYS,
        },
    )
