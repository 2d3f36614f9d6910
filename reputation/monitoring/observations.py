"""Observations: what sources report about numbers, and how it changes checks, tags, cases and the spam status."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from reputation.providers.protocol import Evidence, Observation, Role
from reputation.providers.registry import get_providers
from reputation.remediation import clearing, opening

logger = logging.getLogger(__name__)

# Numbers whose observations are written in one transaction.
APPLY_CHUNK = 5_000
# The slug of the engine of observations that do not say who labels.
UNKNOWN_ENGINE = "unknown"

Effect = Check.Effect
# The observations of each number (E.164), by source: engine id and carrier.
_ByNumber = Mapping[str, Mapping[Source, Observation]]


def apply_observations(
    observations: Sequence[Observation], *, connection: Connection, now: datetime, account_id: int | None = None
) -> dict[str, int]:
    """Stores the observations that came over a connection, and returns how many tags were detected and cleared.

    With `account_id`, only of this account's numbers: another may have the same number, and what the people of one
    account see is not for the other.

    Ignores observations by engines that are not in use, of numbers that the provider may not tell about (see
    `_get_numbers`), and of other accounts' than the connection's. Writes APPLY_CHUNK numbers in each transaction, with
    the same number of statements for any size of chunk.
    """
    by_number = _group(observations)
    engines = {engine for of_number in by_number.values() for engine, _carrier in of_number}
    changes: dict[str, int] = defaultdict(int)
    # In order of insertion, so that the rows of a chunk are adjacent on disk.
    ids = sorted(_find_ids(list(by_number), connection, account_id))
    for chunk in (ids[start : start + APPLY_CHUNK] for start in range(0, len(ids), APPLY_CHUNK)):
        for change, count in _apply_chunk(chunk, by_number, engines, connection.provider, now).items():
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


def _get_numbers(provider: str) -> PhoneNumberQuerySet:
    """The numbers that this provider may tell about.

    Those of a provider that observes need not be monitored: people call or report any number of their account. Its
    labels tag such a number without a case, and matching skips the number. Risks show only once it is monitored.
    """
    observes = Role.OBSERVE in get_providers()[provider].roles if provider in get_providers() else False
    return PhoneNumber.objects.present() if observes else PhoneNumber.objects.looked_up()


def _select_numbers(connection: Connection) -> PhoneNumberQuerySet:
    """The numbers that this connection is for."""
    numbers = _get_numbers(connection.provider)
    if connection.account_id:
        return numbers.filter(account=connection.account_id)
    own = Connection.objects.active().filter(provider=connection.provider, account__isnull=False)
    return numbers.exclude(account__in=own.values("account")) if own.exists() else numbers


def _find_ids(e164s: Sequence[str], connection: Connection, account_id: int | None) -> Iterator[int]:
    """The ids of these numbers that the provider may tell about, in the accounts that the connection is for."""
    if not e164s:
        return
    selected = _select_numbers(connection)
    if account_id is not None:
        selected = selected.filter(account=account_id)
    for start in range(0, len(e164s), APPLY_CHUNK):
        chunk = e164s[start : start + APPLY_CHUNK]
        monitored = list(selected.filter(e164__in=in_list(chunk)).values_list("pk", "e164"))
        if ignored := set(chunk) - {e164 for _pk, e164 in monitored}:
            logger.info("Ignored observations of %s numbers that are not monitored.", len(ignored))
        yield from (pk for pk, _e164 in monitored)


def _apply_chunk(
    ids: list[int], by_number: _ByNumber, engines: Collection[int], provider: str, now: datetime
) -> dict[str, int]:
    with transaction.atomic():
        # The lock keeps other transactions from disabling the numbers.
        locked = _get_numbers(provider).filter(pk__in=in_list(ids)).select_for_update().order_by("pk")
        numbers = list(locked.values_list("pk", "account_id", "e164"))
        ids = [pk for pk, _, _ in numbers]
        current = _get_current_checks(ids, engines, provider)
        seen = _see(numbers, by_number, current, now)
        new_risks = write_checks(current, seen, provider=provider, now=now)
        changed = app_lists.settle(seen)
        tagged, cleared = tagging.update_tags(ids, seen, changed, now=now)
        risk_events.record_new_risks(new_risks, provider=provider, now=now)
        monitored = PhoneNumber.objects.looked_up().filter(pk__in=in_list(tagged))
        opening.open_cases(list(monitored.values_list("pk", flat=True)) if tagged else [], now=now)
        clearing.close_cases_without_tags(cleared, now=now)
        spam_status.recompute(ids, now=now)
    return {"tags detected": len(tagged), "tags cleared": len(cleared)}


def _get_current_checks(
    ids: Sequence[int], engines: Collection[int], provider: str
) -> dict[tuple[int, Source], CurrentCheck]:
    checks = Check.objects.filter(number__in=in_list(ids), is_current=True, engine__in=engines, provider=provider)
    rows = map(CurrentCheck._make, checks.values_list(*CurrentCheck._fields))
    return {(check.number_id, (check.engine_id, check.carrier)): check for check in rows}


def _is_worse_report(observation: Observation, effect: Effect, check: CurrentCheck) -> bool:
    is_worse = _WORST_FIRST.index(effect) < _WORST_FIRST.index(Effect(check.effect))
    return observation.evidence is Evidence.REPORT and is_worse


def _see(
    numbers: Sequence[tuple[int, int, str]],
    by_number: _ByNumber,
    current: Mapping[tuple[int, Source], CurrentCheck],
    now: datetime,
) -> list[Seen]:
    """What each observation means for its number. Leaves out late answers, which do not describe the present.

    A label that a person saw does, whenever it is reported: one call without it later does not end it.
    """
    purposes = get_declared_purposes({account for _, account, _ in numbers})
    seen = []
    for pk, account, e164 in numbers:
        for source, observation in by_number[e164].items():
            check = current.get((pk, source))
            observed_at = min(observation.observed_at or now, now)
            effect = get_effect(observation, purpose=purposes.get(account, ""))
            if check is None or observed_at >= check.last_at or _is_worse_report(observation, effect, check):
                seen.append(Seen(pk, account, source, observation, effect, observed_at))
    return seen
