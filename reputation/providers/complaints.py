"""The providers of complaints: `complaints` (the FTC's files) and `fcc` (the FCC's data service).

Their source is the portal's own tables, which tasks fill. Complaints are no labels: enough recent ones put a number at
risk, and none of them mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone

from reputation.complaints import ComplaintCount, Source, count_by_number
from reputation.fcc.counts import get_recent_counts
from reputation.ftc.days import get_loaded_through
from reputation.models import ComplaintFile, FccDataset
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


class _ComplaintSource:
    roles: ClassVar[frozenset[Role]] = frozenset({Role.LOOK_UP})
    limits: ClassVar[Limits] = Limits(look_up=1_000)
    prices: ClassVar[Prices] = Prices()
    engine: ClassVar[EngineInfo]

    def __init__(self, connection: ConnectionSettings) -> None:
        """There is nothing to connect to."""

    @classmethod
    def engines(cls) -> list[EngineInfo]:
        return [cls.engine]

    def _observe(self, number: str, count: ComplaintCount, *, through: date | None, **more: Any) -> Observation:
        """`through` is the last day that the source covers."""
        return Observation(
            number,
            self.engine.slug,
            Verdict.WARNING if count.is_risk else Verdict.CLEAN,
            evidence=Evidence.COMPLAINTS,
            expires_at=count.ends_at if count.is_risk else None,
            raw_response={
                "complaints": count.complaints,
                "probably_spoofed": count.probably_spoofed,
                "within_days": settings.COMPLAINTS_WINDOW_DAYS,
                "through": through.isoformat() if through else None,
                **more,
            },
        )

    def _observe_nothing(self, number: str, reason: str) -> Observation:
        """Nothing is known about the number. `reason` is one of reputation.labels.COMPLAINTS_UNKNOWN."""
        return Observation(
            number,
            self.engine.slug,
            Verdict.UNKNOWN,
            evidence=Evidence.COMPLAINTS,
            raw_response={"unknown_because": reason},
        )


class ComplaintsProvider(_ComplaintSource):
    """Complaints to the FTC, from the files that are fetched or loaded with `manage.py load_complaints`.

    As long as no file is loaded, a number without complaints is unknown.
    """

    name: ClassVar[str] = "complaints"
    engine = EngineInfo("ftc-complaints", "FTC complaints", evidence=Evidence.COMPLAINTS)

    def look_up(self, numbers: Sequence[str]) -> list[Observation]:
        counts = count_by_number(numbers, source=Source.FTC, now=timezone.now())
        through = get_loaded_through()
        # A file without a day in its name was loaded by hand.
        is_loaded = through is not None or ComplaintFile.objects.filter(done_at__isnull=False).exists()
        return [
            self._observe(number, count, through=through)
            if is_loaded or count.complaints or count.probably_spoofed
            else self._observe_nothing(number, "no_file")
            for number, count in counts.items()
        ]


class FccProvider(_ComplaintSource):
    """Complaints to the FCC. A number about which the FCC was not asked is unknown."""

    name: ClassVar[str] = "fcc"
    engine = EngineInfo("fcc-complaints", "FCC complaints", evidence=Evidence.COMPLAINTS)

    def look_up(self, numbers: Sequence[str]) -> list[Observation]:
        now = timezone.now()
        counts = count_by_number(numbers, source=Source.FCC, now=now)
        is_on = FccDataset.is_on()
        asked = get_recent_counts(numbers, now=now) if is_on else {}
        return [
            self._observe(
                number, counts[number], through=known.data_until.date(), spoofing_reports=known.spoofing_reports
            )
            if (known := asked.get(number))
            else self._observe_nothing(number, "not_asked_yet" if is_on else "never_asked")
            for number in numbers
        ]
