"""Look-ups: what the engines say of the monitored numbers now, and what follows from it.

A number is looked up in rounds. A round asks every provider once; where one fails, the number stays in the round and
is asked about again only there, so that an outage costs nothing at the others.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Case as When_
from django.db.models import DateTimeField, Exists, F, OuterRef, Value, When

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_rows, update_rows
from portal.db.in_list import in_list
from portal.jobs.claims import claim
from reputation.models import Case, Check, Engine, PhoneNumber, Registration, Submission, Tag
from reputation.numbers import spam_status
from reputation.providers.client import ProviderClient
from reputation.providers.protocol import Observation
from reputation.providers.registry import get_providers
from reputation.remediation import cases as remediation
from reputation.service_clock import days

logger = logging.getLogger(__name__)

# Numbers that are asked about together, and numbers whose answers are written in one transaction.
CHUNK = 500
APPLY_CHUNK = 5_000

# In days of the service's clock.
INTERVAL_DAYS = 1
# While an engine is at work on a case of the number.
INTERVAL_DAYS_DURING_CASE = 1 / 4
# How long an answer may be relied on: one missed look-up is not yet a gap.
VALIDITY_DAYS = 2
# When those are asked about again that a provider left out of its answer.
OMITTED_RETRY_DAYS = 1 / 8

Result = Check.Result

# An engine is at work, or claims to be done. Labels that end by themselves are in no hurry.
ACTIVE_SUBMISSION_STATES = (
    Submission.State.WAITING,
    Submission.State.SUBMITTED,
    Submission.State.IN_REVIEW,
    Submission.State.DISPUTED,
    Submission.State.DONE,
)


def look_up_due(now: datetime) -> int:
    """One chunk: the numbers that are due are looked up at every provider. Returns how many numbers."""
    on = PhoneNumber.objects.present().filter(capability=PhoneNumber.Capability.ON, next_action_at__lte=now)
    token, ids = claim(on, now=now, most=CHUNK)
    if not ids:
        return 0
    claimed = PhoneNumber.objects.filter(pk__in=in_list(ids), lease_token=token)
    claimed.filter(round_began_at__isnull=True).update(round_began_at=now)
    numbers = dict(claimed.values_list("pk", "e164"))
    to_ask = _numbers_by_provider(list(numbers))
    asking = ProviderClient(get_providers(), now)
    retry_at: dict[int, datetime] = {}
    answers = 0
    changes: dict[str, int] = defaultdict(int)
    for name in asking.providers:
        wanted = {pk: numbers[pk] for pk in to_ask[name]}
        asked = asking.ask(name, "look_up", sorted(set(wanted.values())))
        for what, count in apply_observations(asked.answers, now=now).items():
            changes[what] += count
        answers += len(asked.answers)
        answered = {observation.number for observation in asked.answers} | {item for item, _ in asked.refused}
        for pk, e164 in wanted.items():
            if e164 not in answered:
                again = asked.retry_at or now + days(OMITTED_RETRY_DAYS)
                retry_at[pk] = min(retry_at.get(pk, again), again)
        for e164, reason in asked.refused:
            logger.warning("%s refuses to look up %s: %s", name, e164, reason)
    _release(ids, token, retry_at, now)
    said = "".join(f", {count} {what}" for what, count in changes.items())
    logger.info("look up: %s numbers, %s answers%s", len(ids), answers, said)
    return len(ids)


def _numbers_by_provider(ids: Sequence[int]) -> dict[str, list[int]]:
    """By provider, the numbers that it has yet to be asked about in this round: those that lack an answer of one of
    its engines since the round began. An engine that has not taken a number on (yet) is not asked about it."""
    engines = {engine.pk: engine.provider for engine in Engine.objects.filter(in_use=True)}
    lacking: dict[int, set[int]] = {pk: set(engines) for pk in ids}
    answered = Check.objects.filter(
        number__in=in_list(ids), is_current=True, learnt_at__gte=F("number__round_began_at")
    ).values_list("number_id", "engine_id")
    not_taken_on = Registration.objects.filter(number__in=in_list(ids)).exclude(state=Registration.State.ACCEPTED)
    for number, engine in (*answered, *not_taken_on.values_list("number_id", "engine_id")):
        lacking[number].discard(engine)
    to_ask: dict[str, list[int]] = defaultdict(list)
    for pk, missing in lacking.items():
        for name in {engines[engine] for engine in missing}:
            to_ask[name].append(pk)
    return to_ask


def _release(ids: Sequence[int], token: str, retry_at: dict[int, datetime], now: datetime) -> None:
    """Gives the numbers back: the round is over where every provider answered, else it goes on later."""
    with transaction.atomic():
        held = PhoneNumber.objects.filter(pk__in=in_list(ids), lease_token=token).select_for_update().order_by("pk")
        mine = set(held.values_list("pk", flat=True))
        unanswered = [
            {"id": pk, "next_action_at": again, "lease_until": None, "lease_token": ""}
            for pk, again in retry_at.items()
            if pk in mine
        ]
        update_rows(PhoneNumber, unanswered)
        being_worked_on = Submission.objects.filter(
            case__number=OuterRef("pk"),
            case__state__in=Case.UNFINISHED,
            state__in=ACTIVE_SUBMISSION_STATES,
        )
        PhoneNumber.objects.filter(pk__in=in_list(mine - retry_at.keys())).update(
            round_began_at=None,
            lease_until=None,
            lease_token="",
            attempts=0,
            # Somebody may have asked for another look meanwhile, by setting the round back.
            next_action_at=When_(
                When(round_began_at__isnull=True, then=F("next_action_at")),
                When(Exists(being_worked_on), then=Value(now + days(INTERVAL_DAYS_DURING_CASE))),
                default=Value(now + days(INTERVAL_DAYS)),
                output_field=DateTimeField(),
            ),
        )


# What follows from observations --------------------------------------------------------------------------------------


def apply_observations(observations: Sequence[Observation], *, now: datetime) -> dict[str, int]:
    """Takes in what engines say, however it was learnt; returns how many tags were detected and cleared.

    The one way in, for the sweep as for anything that an engine sends. An answer about an engine that is not in use, or
    a number that is not monitored (any more), is ignored. In chunks of APPLIED numbers, each one transaction; the
    statements of a chunk are the same few, whatever its size.
    """
    engines = {engine.slug: engine.pk for engine in Engine.objects.filter(in_use=True)} if observations else {}
    by_number: dict[str, dict[str, Observation]] = defaultdict(dict)
    for observation in observations:
        if observation.engine in engines:
            by_number[observation.number][observation.engine] = observation
        else:
            logger.warning("An answer of the engine %s, which is not in use, is ignored.", observation.engine)
    changes: dict[str, int] = defaultdict(int)
    # In the order in which they were added, since so their rows, and most of what is known of them, lie on the disk.
    ids = sorted(_monitored_ids(list(by_number)))
    for chunk in (ids[start : start + APPLY_CHUNK] for start in range(0, len(ids), APPLY_CHUNK)):
        for what, count in _apply_chunk(chunk, by_number, engines, now).items():
            changes[what] += count
    return {what: count for what, count in changes.items() if count}


def _monitored_ids(e164s: Sequence[str]) -> Iterator[int]:
    """The ids of those of these numbers that are on, in whichever accounts."""
    on = PhoneNumber.objects.present().filter(capability=PhoneNumber.Capability.ON)
    for start in range(0, len(e164s), APPLY_CHUNK):
        found = on.filter(e164__in=in_list(e164s[start : start + APPLY_CHUNK])).values_list("pk", "e164")
        known = {e164 for _pk, e164 in found}
        if ignored := set(e164s[start : start + APPLY_CHUNK]) - known:
            logger.info("Answers about %s numbers that are not monitored are ignored.", len(ignored))
        yield from (pk for pk, _e164 in found)


_Observations = dict[tuple[int, int], tuple[int, Observation]]


class _CurrentCheck(NamedTuple):
    """What is to be known of the current run of answers of an engine about a number; a model instance would cost more
    than all that is done with it."""

    pk: int
    number_id: int
    engine_id: int
    result: str
    label: str
    looks: int
    last_at: datetime
    valid_until: datetime


def _apply_chunk(
    ids: list[int], by_number: dict[str, dict[str, Observation]], engines: dict[str, int], now: datetime
) -> dict[str, int]:
    with transaction.atomic():
        on = PhoneNumber.objects.present().filter(pk__in=in_list(ids), capability=PhoneNumber.Capability.ON)
        # Locked, so that nobody switches them off between here and the end.
        numbers = list(on.select_for_update().order_by("pk").values_list("pk", "account_id", "e164"))
        ids = [pk for pk, _, _ in numbers]
        asked = {engines[slug] for _, _, e164 in numbers for slug in by_number[e164]}
        checks = Check.objects.filter(number__in=in_list(ids), is_current=True, engine__in=asked)
        checks = checks.values_list(*_CurrentCheck._fields)
        current = {(run.number_id, run.engine_id): run for run in map(_CurrentCheck._make, checks)}
        said: _Observations = {}
        for pk, account, e164 in numbers:
            for slug, observation in by_number[e164].items():
                known = current.get((pk, engines[slug]))
                # Answers may come late: one from before the last look says nothing of now.
                if known is None or (observation.seen_at or now) >= known.last_at:
                    said[pk, engines[slug]] = account, observation
        _write_checks(current, said, now)
        detected = _create_tags(ids, said, now)
        cleared = _end_cleared_tags(ids, said, now)
        remediation.open_cases(detected, now=now)
        remediation.close_without_tags(cleared, now=now)
        spam_status.recompute(ids)
    return {"tags detected": len(detected), "tags cleared": len(cleared)}


def _write_checks(current: dict[tuple[int, int], _CurrentCheck], said: _Observations, now: datetime) -> None:
    """An equal answer extends the current run of its engine; another one, or one after a gap, begins a new run."""
    extended, begun, over = [], [], []
    relied_on = days(VALIDITY_DAYS)
    for (number, engine), (account, observation) in said.items():
        seen_at = min(observation.seen_at or now, now)
        result, label = Result.TAGGED if observation.tagged else Result.CLEAN, observation.label[:80]
        run = current.get((number, engine))
        answer = {
            "last_at": seen_at,
            "learnt_at": now,
            "valid_until": seen_at + relied_on,
            "proof": observation.proof,
        }
        if run and (run.result, run.label) == (result, label) and seen_at <= run.valid_until:
            extended.append({"id": run.pk, "looks": run.looks + 1, **answer})
            continue
        if run:
            over.append(run.pk)
        begun.append(
            {
                "account_id": account,
                "number_id": number,
                "engine_id": engine,
                "result": result,
                "label": label,
                "learnt_by": observation.learnt_by[:20],
                "first_at": seen_at,
                **answer,
            }
        )
    update_rows(Check, extended)
    Check.objects.filter(pk__in=in_list(over)).update(is_current=False)
    insert_rows(Check, begun)


def _create_tags(ids: Sequence[int], said: _Observations, now: datetime) -> list[int]:
    """Notes the labels that did not stand before; returns the numbers, one for each label."""
    stands = set(Tag.objects.standing().filter(number__in=in_list(ids)).values_list("number_id", "engine_id"))
    new = [
        {
            "account_id": account,
            "number_id": number,
            "engine_id": engine,
            "label": observation.label[:80],
            "detected_at": now,
            "proof": observation.proof,
        }
        for (number, engine), (account, observation) in said.items()
        if observation.tagged and (number, engine) not in stands
    ]
    insert_rows(Tag, new, ignore_conflicts=True)
    numbers = [row["number_id"] for row in new]
    audit.record_changes(
        Tag.objects.standing().filter(number__in=in_list(numbers), detected_at=now, case__isnull=True),
        context=Context.system(now),
        what="tag.detected",
        label=F("number__e164"),
        after="label",
        reason=F("engine__name"),
    )
    return numbers


def _end_cleared_tags(ids: Sequence[int], said: _Observations, now: datetime) -> list[int]:
    """Ends the labels that an engine no longer shows; returns the numbers, one for each label."""
    clean = {pair for pair, (_, observation) in said.items() if not observation.tagged}
    gone = [
        (pk, number)
        for pk, number, engine in Tag.objects.standing()
        .filter(number__in=in_list(ids))
        .values_list("pk", "number_id", "engine_id")
        if (number, engine) in clean
    ]
    ending = Tag.objects.filter(pk__in=in_list(pk for pk, _ in gone))
    # Ended before it is noted: webhooks say whether the number carries other labels, and two may end at once.
    ending.update(ended_at=now, ended_because=Tag.Ended.CLEARED)
    audit.record_changes(
        ending,
        context=Context.system(now),
        what="tag.cleared",
        label=F("number__e164"),
        before="label",
        reason=F("engine__name"),
    )
    return [number for _, number in gone]
