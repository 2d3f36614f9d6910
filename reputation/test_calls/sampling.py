"""What the calls at random say about all numbers of an account: the share with a label, and its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef

from portal.models import Account
from portal.text import pluralize
from reputation.models import NumberCount, Telephone, TestCall

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """`labelled` of `size` numbers had a label. `low` and `high` bound the share of all numbers, from 0 to 1."""

    size: int
    labelled: int
    low: float
    high: float


def get_interval(labelled: int, size: int, *, confidence: float = CONFIDENCE) -> Interval:
    """The exact (Clopper-Pearson) interval. Without a label, or with nothing else, it is one-sided.

    So 60 numbers without a label give at most 5 %, as the rule of three has it (3 / 60).
    """
    if not 0 <= labelled <= size:
        raise ValueError(f"{labelled} of {size} is no sample.")
    if size == 0:
        return Interval(0, 0, 0.0, 1.0)
    tail = 1 - confidence
    if labelled == 0:
        return Interval(size, 0, 0.0, 1 - tail ** (1 / size))
    if labelled == size:
        return Interval(size, size, tail ** (1 / size), 1.0)
    low = _solve(lambda share: 1 - _get_cumulative(labelled - 1, size, share), tail / 2, is_rising=True)
    high = _solve(lambda share: _get_cumulative(labelled, size, share), tail / 2, is_rising=False)
    return Interval(size, labelled, low, high)


def get_sample(account: Account, now: datetime) -> Interval | None:
    """The sample of an account with more than `sample_from` numbers; None for a smaller one. Two queries.

    It has the last call of each number that was drawn at random, to a telephone whose *no label* counts: with the
    labels of other telephones, too many numbers would seem labelled. Numbers with a reason are called first, so a round
    whose other numbers of the draw were not called yet speaks for those with a reason only, and is left out.
    """
    unfinished = TestCall.objects.filter(
        round=OuterRef("round"), is_random=True, state__in=(TestCall.State.PLANNED, TestCall.State.DROPPED)
    )
    calls = TestCall.objects.for_account(account).filter(
        ~Exists(unfinished),
        is_random=True,
        state=TestCall.State.COUNTED,
        result__in=TestCall.SEEN,
        proves_absence=True,
        answered_at__gt=now - timedelta(days=settings.TEST_CALLS.sample_days),
        number__removed_at__isnull=True,
    )
    is_large = NumberCount.objects.for_account(account).total() > settings.TEST_CALLS.sample_from
    results = calls.order_by("answered_at", "pk").values_list("number", "result")
    last = {number: result == TestCall.Result.LABEL for number, result in results}
    return get_interval(sum(last.values()), len(last)) if is_large else None


def describe_sample(sample: Interval) -> str:
    """The sample and its interval: "60 random numbers without a label: at most 5 % of all have one"."""
    if not sample.size:
        return f"No number was called at random in the last {pluralize(settings.TEST_CALLS.sample_days, 'day')}"
    low, high = math.floor(sample.low * 100), math.ceil(round(sample.high * 100, 6))
    numbers = pluralize(sample.size, "random number")
    if not sample.labelled:
        return f"{numbers} without a label: at most {high} % of all have one"
    share = f"{low} % to {high} %" if low else f"less than {high} %"
    if sample.labelled == sample.size:
        share = f"at least {low} %"
    return f"{sample.labelled:,} of {numbers} with a label: {share} of all have one"


@dataclass(frozen=True)
class Sample:
    """The sample as pages show it: how many numbers of how many days, and what they say about all."""

    size: int
    days: int
    sentence: str


def get_sample_shown(account: Account, now: datetime, *, also_empty: bool = False) -> Sample | None:
    """For the template `reputation/_sample.html`; None for a small account. Three queries at most.

    Without calls at random there is none, unless `also_empty`: the page about test calls says so.
    """
    if not also_empty and not Telephone.objects.for_account(account).exists():
        return None
    sample = get_sample(account, now)
    if sample is None or not (sample.size or also_empty):
        return None
    return Sample(sample.size, settings.TEST_CALLS.sample_days, describe_sample(sample))


def _get_cumulative(count: int, size: int, share: float) -> float:
    """The probability of at most `count` labels among `size` numbers, if this share of all has one."""
    if share <= 0 or share >= 1:
        return float(share <= 0)
    logs = (
        math.lgamma(size + 1)
        - math.lgamma(k + 1)
        - math.lgamma(size - k + 1)
        + k * math.log(share)
        + (size - k) * math.log1p(-share)
        for k in range(count + 1)
    )
    return min(math.fsum(map(math.exp, logs)), 1.0)


def _solve(function: Callable[[float], float], wanted: float, *, is_rising: bool) -> float:
    """The share at which a monotonic function has this value, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if (function(middle) < wanted) == is_rising:
            low = middle
        else:
            high = middle
    return (low + high) / 2
