"""The engine "FTC complaints", which labels a number with enough recent complaints.

Its source is the portal's own table, filled by `manage.py load_complaints`. The FTC removes no complaints: the label
ends when they age out.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone

from reputation import complaints
from reputation.providers.protocol import EngineInfo, EngineResponse, Limits, Observation, Stage, SubmitRequest

ENGINE = EngineInfo("ftc-complaints", "FTC complaints")
LABEL = "Reported to the FTC"
REFERENCE_PREFIX = "ftc:"


class ComplaintsProvider:
    name = "complaints"
    limits = Limits(verify=1_000, look_up=1_000, submit=1_000, poll=1_000, withdraw=1_000)

    def engines(self) -> list[EngineInfo]:
        return [ENGINE]

    def verify(self, numbers: Sequence[str]) -> list[EngineResponse]:
        return [EngineResponse(Stage.DONE, number=number, engine=ENGINE.slug) for number in numbers]

    def look_up(self, numbers: Sequence[str]) -> list[Observation]:
        now = timezone.now()
        return [
            Observation(
                number,
                ENGINE.slug,
                tagged=count.reaches_threshold,
                label=LABEL if count.reaches_threshold else "",
                raw_response={"complaints": count.complaints, "within_days": settings.COMPLAINTS_WINDOW_DAYS},
                learnt_by="complaints",
            )
            for number, count in complaints.count_by_number(numbers, now=now).items()
        ]

    def submit(self, requests: Sequence[SubmitRequest]) -> list[EngineResponse]:
        """Answer when the label expires, since there is nobody to ask."""
        counts = complaints.count_by_number([request.number for request in requests], now=timezone.now())
        return [
            _removal_response(request.number, counts[request.number], key=request.idempotency_key)
            for request in requests
        ]

    def poll(self, references: Sequence[str]) -> list[EngineResponse]:
        numbers = [
            reference.removeprefix(REFERENCE_PREFIX)
            for reference in references
            if reference.startswith(REFERENCE_PREFIX)
        ]
        counts = complaints.count_by_number(numbers, now=timezone.now())
        return [_removal_response(number, count) for number, count in counts.items()]

    def withdraw(self, references: Sequence[str]) -> list[EngineResponse]:
        return [EngineResponse(Stage.WITHDRAWN, reference=reference) for reference in references]


def _removal_response(number: str, count: complaints.ComplaintCount, *, key: str = "") -> EngineResponse:
    within = f"{count.complaints} within {settings.COMPLAINTS_WINDOW_DAYS} days"
    return EngineResponse(
        Stage.AGEING if count.reaches_threshold else Stage.DONE,
        idempotency_key=key,
        number=number,
        engine=ENGINE.slug,
        reference=f"{REFERENCE_PREFIX}{number}",
        reason=f"The FTC removes no complaints; they age out. There are {within}.",
        expected_by=count.ages_out_at,
    )
