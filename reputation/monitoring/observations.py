"""Observations: what engines report about numbers, and how it changes checks, tags, cases and the spam status."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_rows, update_rows
from portal.db.in_list import in_list
from reputation.models import Check, Engine, PhoneNumber, Tag
from reputation.numbers import spam_status
from reputation.providers.protocol import Observation
from reputation.remediation import clearing, opening
from reputation.service_clock import days

logger = logging.getLogger(__name__)

# Numbers whose observations are written in one transaction.
APPLY_CHUNK = 5_000
# How long an answer is valid, in days of the service's clock. Two, so that one missed look-up leaves no gap.
VALIDITY_DAYS = 2

# Observations by number id and engine id, each with the number's account id.
_Observations = dict[tuple[int, int], tuple[int, Observation]]


class _CurrentCheck(NamedTuple):
    """The columns of a current Check that are used here. Creating model instances would take most of the time."""

    pk: int
    number_id: int
    engine_id: int
    result: str
    label: str
    looks: int
    last_at: datetime
    valid_until: datetime


def apply_observations(observations: Sequence[Observation], *, now: datetime) -> dict[str, int]:
    """Stores observations from any source, and returns how many tags were detected and cleared.

    Ignores observations by engines that are not in use, and of numbers that are not monitored. Writes APPLY_CHUNK
    numbers in each transaction, with the same number of statements for any size of chunk.
    """
    engines = {engine.slug: engine.pk for engine in Engine.objects.filter(in_use=True)} if observations else {}
    by_number: dict[str, dict[str, Observation]] = defaultdict(dict)
    for observation in observations:
        if observation.engine in engines:
            by_number[observation.number][observation.engine] = observation
        else:
            logger.warning("Ignored an observation by the engine %s, which is not in use.", observation.engine)
    changes: dict[str, int] = defaultdict(int)
    # In order of insertion, so that the rows of a chunk are adjacent on disk.
    ids = sorted(_monitored_ids(list(by_number)))
    for chunk in (ids[start : start + APPLY_CHUNK] for start in range(0, len(ids), APPLY_CHUNK)):
        for change, count in _apply_chunk(chunk, by_number, engines, now).items():
            changes[change] += count
    return {change: count for change, count in changes.items() if count}


def _monitored_ids(e164s: Sequence[str]) -> Iterator[int]:
    """The ids of these numbers, in all accounts, whose capability is on."""
    for start in range(0, len(e164s), APPLY_CHUNK):
        chunk = e164s[start : start + APPLY_CHUNK]
        monitored = PhoneNumber.objects.looked_up().filter(e164__in=in_list(chunk)).values_list("pk", "e164")
        if ignored := set(chunk) - {e164 for _pk, e164 in monitored}:
            logger.info("Ignored observations of %s numbers that are not monitored.", len(ignored))
        yield from (pk for pk, _e164 in monitored)


def _apply_chunk(
    ids: list[int], by_number: dict[str, dict[str, Observation]], engines: dict[str, int], now: datetime
) -> dict[str, int]:
    with transaction.atomic():
        # The lock keeps other transactions from disabling the numbers.
        locked = PhoneNumber.objects.looked_up().filter(pk__in=in_list(ids)).select_for_update().order_by("pk")
        numbers = list(locked.values_list("pk", "account_id", "e164"))
        ids = [pk for pk, _, _ in numbers]
        observed_engines = {engines[slug] for _, _, e164 in numbers for slug in by_number[e164]}
        checks = Check.objects.filter(number__in=in_list(ids), is_current=True, engine__in=observed_engines)
        rows = map(_CurrentCheck._make, checks.values_list(*_CurrentCheck._fields))
        current = {(check.number_id, check.engine_id): check for check in rows}
        observations: _Observations = {}
        for pk, account, e164 in numbers:
            for slug, observation in by_number[e164].items():
                check = current.get((pk, engines[slug]))
                # A late answer, older than the last observation, does not describe the present.
                if check is None or (observation.observed_at or now) >= check.last_at:
                    observations[pk, engines[slug]] = account, observation
        _write_checks(current, observations, now)
        detected = _create_tags(ids, observations, now)
        clean = {pair for pair, (_, observation) in observations.items() if not observation.tagged}
        cleared = clearing.end_cleared_tags(ids, clean, now=now)
        opening.open_cases(detected, now=now)
        clearing.close_cases_without_tags(cleared, now=now)
        spam_status.recompute(ids)
    return {"tags detected": len(detected), "tags cleared": len(cleared)}


def _write_checks(current: dict[tuple[int, int], _CurrentCheck], observations: _Observations, now: datetime) -> None:
    """Extends the current check of each equal observation, and starts a new one for a different or late observation."""
    extended, started, replaced = [], [], []
    validity = days(VALIDITY_DAYS)
    for (number, engine), (account, observation) in observations.items():
        observed_at = min(observation.observed_at or now, now)
        result, label = Check.Result.TAGGED if observation.tagged else Check.Result.CLEAN, observation.label[:80]
        check = current.get((number, engine))
        answer = {
            "last_at": observed_at,
            "received_at": now,
            "valid_until": observed_at + validity,
            "raw_response": observation.raw_response,
        }
        if check and (check.result, check.label) == (result, label) and observed_at <= check.valid_until:
            extended.append({"id": check.pk, "looks": check.looks + 1, **answer})
            continue
        if check:
            replaced.append(check.pk)
        started.append(
            {
                "account_id": account,
                "number_id": number,
                "engine_id": engine,
                "result": result,
                "label": label,
                "learnt_by": observation.learnt_by[:20],
                "first_at": observed_at,
                **answer,
            }
        )
    update_rows(Check, extended)
    Check.objects.filter(pk__in=in_list(replaced)).update(is_current=False)
    insert_rows(Check, started)


def _create_tags(ids: Sequence[int], observations: _Observations, now: datetime) -> list[int]:
    """Creates a tag for each new label; returns the number id of each."""
    active = set(Tag.objects.active().filter(number__in=in_list(ids)).values_list("number_id", "engine_id"))
    numbers: list[int] = []
    rows = []
    for (number, engine), (account, observation) in observations.items():
        if observation.tagged and (number, engine) not in active:
            numbers.append(number)
            rows.append(
                {
                    "account_id": account,
                    "number_id": number,
                    "engine_id": engine,
                    "label": observation.label[:80],
                    "detected_at": now,
                    "raw_response": observation.raw_response,
                }
            )
    insert_rows(Tag, rows, ignore_conflicts=True)
    audit.record_changes(
        Tag.objects.active().filter(number__in=in_list(numbers), detected_at=now, case__isnull=True),
        context=Context.system(now),
        code="tag.detected",
        label=F("number__e164"),
        after="label",
        reason=F("engine__name"),
    )
    return numbers
