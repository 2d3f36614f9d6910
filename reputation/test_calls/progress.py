"""How far rounds are: calls made, being made and left, and what the telephones showed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from portal.db.in_list import in_list
from reputation.models import Telephone, TestCall, TestRound
from reputation.test_calls.assigning import Choice

State = TestCall.State


@dataclass(frozen=True)
class Progress:
    """The calls of a round. `results` counts those made by what was seen, the most frequent first."""

    total: int = 0
    made: int = 0
    in_progress: int = 0
    results: dict[str, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        return self.total - self.made

    @property
    def labels(self) -> int:
        return self.results.get(TestCall.Result.LABEL, 0)


def get_progress(rounds: Iterable[TestRound], now: datetime) -> dict[int, Progress]:
    """The progress of each of these rounds, by id. Calls that were dropped count as not made. One query."""
    ids = [test_round.pk for test_round in rounds]
    calls = TestCall.objects.filter(round__in=in_list(ids)).order_by().values("round", "result")
    counted = calls.annotate(
        total=Count("pk"),
        made=Count("pk", filter=Q(state__in=TestCall.ANSWERED)),
        in_progress=Count("pk", filter=Q(state=State.PLANNED, lease_until__gt=now)),
    )
    rows: dict[int, list[Mapping[str, Any]]] = {pk: [] for pk in ids}
    for row in counted:
        rows[row["round"]].append(row)
    return {pk: _sum_up(of_round) for pk, of_round in rows.items()}


def _sum_up(rows: Sequence[Mapping[str, Any]]) -> Progress:
    results = Counter({row["result"]: row["made"] for row in rows if row["made"]})
    return Progress(
        total=sum(row["total"] for row in rows),
        made=sum(row["made"] for row in rows),
        in_progress=sum(row["in_progress"] for row in rows),
        results=dict(results.most_common()),
    )


@dataclass(frozen=True)
class PlanGroup:
    """The calls of a plan that have the same reason, one after the other."""

    reason: str
    first: int
    calls: list[tuple[Choice, Telephone]]

    @property
    def count(self) -> int:
        return len(self.calls)

    @property
    def last(self) -> int:
        return self.first + self.count - 1


def group_by_reason(planned: Sequence[tuple[Choice, Telephone]]) -> list[PlanGroup]:
    """The plan of a round in its order, as one group for each reason."""
    groups: list[PlanGroup] = []
    for position, (choice, telephone) in enumerate(planned, 1):
        if not groups or groups[-1].reason != choice.reason:
            groups.append(PlanGroup(choice.reason, position, []))
        groups[-1].calls.append((choice, telephone))
    return groups
