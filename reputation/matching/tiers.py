"""Tiers: sets of numbers that are equally near to the called person (exchange, area code, State)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from django.db import models

from portal.phone.current_plan import get_numbering_plan
from portal.phone.numbering_plan import NumberingPlan
from portal.phone.numbers import ParsedNumber


class Basis(models.TextChoices):
    """What the shown number was matched on."""

    EXCHANGE = "exchange", "Same area code and exchange"
    AREA_CODE = "area_code", "Same area code"
    STATE = "state", "Same State"
    DEFAULT = "default", "Default caller ID"
    NONE = "none", "No caller ID"


LOCAL_BASES = (Basis.EXCHANGE, Basis.AREA_CODE, Basis.STATE)


@dataclass(frozen=True, slots=True)
class Tier:
    """Numbers that are equally near: inclusive, sorted ranges of E.164. `name` identifies the tier in the rotation."""

    basis: Basis
    name: str
    ranges: tuple[tuple[str, str], ...]


def get_tiers(number: ParsedNumber) -> tuple[Tier, ...]:
    """Return the three tiers of a called number, nearest first.

    The number must be of the United States and have an area code.
    """
    exchange = number.e164[:8]
    return (
        Tier(Basis.EXCHANGE, exchange, (_prefix_range(exchange),)),
        *_get_area_tiers(get_numbering_plan(), number.area_code),
    )


@lru_cache(maxsize=1024)
def _get_area_tiers(plan: NumberingPlan, area_code: str) -> tuple[Tier, Tier]:
    neighbours = tuple(_prefix_range(f"+1{code}") for code in plan.get_neighbours(area_code))
    return (
        Tier(Basis.AREA_CODE, f"+1{area_code}", (_prefix_range(f"+1{area_code}"),)),
        Tier(Basis.STATE, plan.state_by_area_code.get(area_code, ""), neighbours),
    )


def _prefix_range(prefix: str) -> tuple[str, str]:
    return prefix.ljust(12, "0"), prefix.ljust(12, "9")
