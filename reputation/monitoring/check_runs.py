"""Check runs: equal observations of a source extend its current check, and a different one starts a new check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from portal.db.bulk import insert_rows, update_rows
from portal.db.in_list import in_list
from reputation.models import Check
from reputation.monitoring.severity import get_expiry, get_severity, get_validity
from reputation.providers.protocol import Evidence, Observation

Effect = Check.Effect
# Engine id and carrier. With a provider and a number, they identify a run.
Source = tuple[int, str]


class CurrentCheck(NamedTuple):
    """The columns of a current Check that are used here. Creating model instances would take most of the time."""

    pk: int
    number_id: int
    engine_id: int
    carrier: str
    verdict: str
    label: str
    effect: str
    looks: int
    last_at: datetime
    valid_until: datetime


class Seen(NamedTuple):
    """An observation of one account's number, and what it does to it."""

    number_id: int
    account_id: int
    source: Source
    observation: Observation
    effect: Effect
    observed_at: datetime


def write_checks(
    current: Mapping[tuple[int, Source], CurrentCheck], seen: Iterable[Seen], *, provider: str, now: datetime
) -> list[Seen]:
    """Stores the observations; returns those that put their number at risk and whose source did not before."""
    extended: list[dict[str, Any]] = []
    confirmed: list[dict[str, Any]] = []
    started: list[dict[str, Any]] = []
    replaced: list[int] = []
    new_risks = []
    validity = {effect: get_validity(effect) for effect in Effect}
    for one in seen:
        check = current.get((one.number_id, one.source))
        if check and _says_nothing_new(one, check):
            confirmed.append({"id": check.pk, "received_at": now})
            continue
        answer = {
            "last_at": one.observed_at,
            "received_at": now,
            "valid_until": get_expiry(one.observation, one.observed_at, validity[one.effect]),
            "raw_response": one.observation.raw_response,
        }
        if check and _continues(one, check):
            extended.append({"id": check.pk, "looks": check.looks + 1, **answer})
            continue
        if check:
            replaced.append(check.pk)
        if one.effect == Effect.RISK and not (check and check.effect == Effect.RISK):
            new_risks.append(one)
        started.append(_build_row(one, provider) | answer)
    update_rows(Check, extended)
    update_rows(Check, confirmed)
    Check.objects.filter(pk__in=in_list(replaced)).update(is_current=False)
    insert_rows(Check, started)
    return new_risks


def _says_nothing_new(one: Seen, check: CurrentCheck) -> bool:
    """Whether the source has no answer now, and its last one still holds. A label holds until another answer."""
    if one.observation.evidence is Evidence.REPORT and one.effect == Effect.RISK and check.effect == Effect.TAGS:
        return True  # a report of a label that is known
    if one.effect != Effect.NONE or one.observation.verdict.value == Check.Verdict.CLEAN:
        return False  # an answer
    return check.effect == Effect.TAGS or (check.effect != Effect.NONE and one.observed_at <= check.valid_until)


def _continues(one: Seen, check: CurrentCheck) -> bool:
    # The effect of an app's list depends on other lists, so it is compared by the verdict alone.
    is_equal = (check.verdict, check.label) == (one.observation.verdict.value, one.observation.label[:80])
    return is_equal and one.observed_at <= check.valid_until


def _build_row(one: Seen, provider: str) -> dict[str, Any]:
    observation = one.observation
    engine_id, carrier = one.source
    severity = get_severity(observation)
    return {
        "account_id": one.account_id,
        "number_id": one.number_id,
        "engine_id": engine_id,
        "provider": provider,
        "carrier": carrier,
        "verdict": observation.verdict.value,
        "label": observation.label[:80],
        "severity": severity.value if severity else "",
        "evidence": observation.evidence.value,
        "effect": one.effect.value,
        "first_at": one.observed_at,
    }
