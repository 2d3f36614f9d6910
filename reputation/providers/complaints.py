"""The engine "FTC complaints": a number with enough complaints within the window counts as labelled.

The one provider whose source is the portal's own table, filled by `manage.py load_complaints`; it asks that through
reputation.complaints. Nobody at the FTC removes anything: a label ends when the complaints age out.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone

from reputation import complaints
from reputation.providers.protocol import Answer, EngineCard, Limits, Observation, Stage, SubmitRequest

ENGINE = EngineCard("ftc-complaints", "FTC complaints")
LABEL = "Reported to the FTC"
REFERENCE = "ftc:"


class Complaints:
    name = "complaints"
    limits = Limits(verify=1_000, look_up=1_000, submit=1_000, poll=1_000, withdraw=1_000)

    def engines(self) -> list[EngineCard]:
        return [ENGINE]

    def verify(self, numbers: Sequence[str]) -> list[Answer]:
        return [Answer(Stage.DONE, number=number, engine=ENGINE.slug) for number in numbers]

    def look_up(self, numbers: Sequence[str]) -> list[Observation]:
        now = timezone.now()
        return [
            Observation(
                number,
                ENGINE.slug,
                tagged=tally.is_enough,
                label=LABEL if tally.is_enough else "",
                proof={"complaints": tally.complaints, "within_days": settings.COMPLAINTS_WINDOW_DAYS},
                learnt_by="complaints",
            )
            for number, tally in complaints.counts_of(numbers, now=now).items()
        ]

    def submit(self, requests: Sequence[SubmitRequest]) -> list[Answer]:
        """There is nobody to ask: the answer says by when the label ends by itself."""
        tallies = complaints.counts_of([request.number for request in requests], now=timezone.now())
        return [_standing(request.number, tallies[request.number], key=request.key) for request in requests]

    def poll(self, references: Sequence[str]) -> list[Answer]:
        numbers = [reference.removeprefix(REFERENCE) for reference in references if reference.startswith(REFERENCE)]
        tallies = complaints.counts_of(numbers, now=timezone.now())
        return [_standing(number, tally) for number, tally in tallies.items()]

    def withdraw(self, references: Sequence[str]) -> list[Answer]:
        return [Answer(Stage.WITHDRAWN, reference=reference) for reference in references]


def _standing(number: str, tally: complaints.Tally, *, key: str = "") -> Answer:
    within = f"{tally.complaints} within {settings.COMPLAINTS_WINDOW_DAYS} days"
    return Answer(
        Stage.AGEING if tally.is_enough else Stage.DONE,
        key=key,
        number=number,
        engine=ENGINE.slug,
        reference=f"{REFERENCE}{number}",
        reason=f"The FTC removes no complaints; they age out. There are {within}.",
        expected_by=tally.ages_out_at,
    )
