"""Observations: what sources report about numbers, and how it changes checks, tags, cases and the spam status."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.db import transaction

from enrollment.status import get_declared_purposes
from portal.db.in_list import in_list
from reputation.models import Check, Connection, Engine, PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.monitoring import app_lists, risk_events, tagging
from reputation.monitoring.check_runs import CurrentCheck, Seen, Source, write_checks
from reputation.monitoring.severity import get_effect
from reputation.numbers import spam_status
from reputation.providers.protocol import Observation
from reputation.remediation import clearing, opening

logger = logging.getLogger(__name__)

# Numbers whose observations are written in one transaction.
APPLY_CHUNK = 5_000
# The slug of the engine of observations that do not say who labels.
UNKNOWN_ENGINE = "unknown"

Effect = Check.Effect
# The observations of each number (E.164), by source: engine id and carrier.
_ByNumber = Mapping[str, Mapping[Source, Observation]]


def apply_observations(observations: Sequence[Observation], *, connection: Connection, now: datetime) -> dict[str, int]:
    """Stores the observations that came over a connection, and returns how many tags were detected and cleared.

    Ignores observations by engines that are not in use, of numbers that are not monitored, and of other accounts' than
    the connection's. Writes APPLY_CHUNK numbers in each transaction, with the same number of statements for any size of
    chunk.
    """
    by_number = _group(observations)
    changes: dict[str, int] = defaultdict(int)
    # In order of insertion, so that the rows of a chunk are adjacent on disk.
    ids = sorted(_monitored_ids(list(by_number), connection))
    for chunk in (ids[start : start + APPLY_CHUNK] for start in range(0, len(ids), APPLY_CHUNK)):
        for change, count in _apply_chunk(chunk, by_number, connection.provider, now).items():
            changes[change] += count
    return {change: count for change, count in changes.items() if count}


def _group(observations: Sequence[Observation]) -> _ByNumber:
    """The observations by number and source. Of two by one source, the later counts, or else the worse."""
    engines = dict(Engine.objects.filter(in_use=True).values_list("slug", "pk")) if observations else {}
    by_number: dict[str, dict[Source, Observation]] = defaultdict(dict)
    for observation in observations:
        engine = engines.get(observation.engine or UNKNOWN_ENGINE)
        if engine is None:
            logger.warning("Ignored an observation by the engine %s, which is not in use.", observation.engine)
            continue
        source = (engine, observation.carrier[:60])
        of_number = by_number[observation.number]
        if source not in of_number or _supersedes(observation, of_number[source]):
            of_number[source] = observation
    return by_number


_WORST_FIRST = [Effect.TAGS, Effect.RISK, Effect.NONE, Effect.CLEARS]


def _supersedes(later: Observation, earlier: Observation) -> bool:
    """Whether `later` in a list of answers counts instead of `earlier`, of the same number and source."""
    if later.observed_at and earlier.observed_at and later.observed_at != earlier.observed_at:
        return later.observed_at > earlier.observed_at
    return _WORST_FIRST.index(get_effect(later)) <= _WORST_FIRST.index(get_effect(earlier))


def _select_numbers(connection: Connection) -> PhoneNumberQuerySet:
    """The monitored numbers that this connection is for."""
    numbers = PhoneNumber.objects.looked_up()
    if connection.account_id:
        return numbers.filter(account=connection.account_id)
    own = Connection.objects.active().filter(provider=connection.provider, account__isnull=False)
    return numbers.exclude(account__in=own.values("account")) if own.exists() else numbers


def _monitored_ids(e164s: Sequence[str], connection: Connection) -> Iterator[int]:
    """The ids of these numbers whose capability is on, in the accounts that the connection is for."""
    if not e164s:
        return
    selected = _select_numbers(connection)
    for start in range(0, len(e164s), APPLY_CHUNK):
        chunk = e164s[start : start + APPLY_CHUNK]
        monitored = list(selected.filter(e164__in=in_list(chunk)).values_list("pk", "e164"))
        if ignored := set(chunk) - {e164 for _pk, e164 in monitored}:
            logger.info("Ignored observations of %s numbers that are not monitored.", len(ignored))
        yield from (pk for pk, _e164 in monitored)


def _apply_chunk(ids: list[int], by_number: _ByNumber, provider: str, now: datetime) -> dict[str, int]:
    with transaction.atomic():
        # The lock keeps other transactions from disabling the numbers.
        locked = PhoneNumber.objects.looked_up().filter(pk__in=in_list(ids)).select_for_update().order_by("pk")
        numbers = list(locked.values_list("pk", "account_id", "e164"))
        ids = [pk for pk, _, _ in numbers]
        current = _get_current_checks(ids, by_number, provider)
        seen = _see(numbers, by_number, current, now)
        new_risks = write_checks(current, seen, provider=provider, now=now)
        changed = app_lists.settle(seen)
        tagged, cleared = tagging.update_tags(ids, seen, changed, now=now)
        risk_events.record_new_risks(new_risks, provider=provider, now=now)
        opening.open_cases(tagged, now=now)
        clearing.close_cases_without_tags(cleared, now=now)
        spam_status.recompute(ids, now=now)
    return {"tags detected": len(tagged), "tags cleared": len(cleared)}


def _get_current_checks(
    ids: Sequence[int], by_number: _ByNumber, provider: str
) -> dict[tuple[int, Source], CurrentCheck]:
    engines = {engine for of_number in by_number.values() for engine, _carrier in of_number}
    checks = Check.objects.filter(number__in=in_list(ids), is_current=True, engine__in=engines, provider=provider)
    rows = map(CurrentCheck._make, checks.values_list(*CurrentCheck._fields))
    return {(check.number_id, (check.engine_id, check.carrier)): check for check in rows}


def _see(
    numbers: Sequence[tuple[int, int, str]],
    by_number: _ByNumber,
    current: Mapping[tuple[int, Source], CurrentCheck],
    now: datetime,
) -> list[Seen]:
    """What each observation means for its number. Leaves out late answers, which do not describe the present."""
    purposes = get_declared_purposes({account for _, account, _ in numbers})
    seen = []
    for pk, account, e164 in numbers:
        for source, observation in by_number[e164].items():
            check = current.get((pk, source))
            observed_at = min(observation.observed_at or now, now)
            if check is None or observed_at >= check.last_at:
                effect = get_effect(observation, purpose=purposes.get(account, ""))
                seen.append(Seen(pk, account, source, observation, effect, observed_at))
    return seen
