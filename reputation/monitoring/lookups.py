"""Look-ups: asking the engines about the monitored numbers, in rounds.

A round asks every provider once. If one fails, the number stays in the round and only that provider is asked again, so
an outage causes no extra calls to the others.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Case as SQLCase
from django.db.models import DateTimeField, Exists, F, OuterRef, Value, When

from portal.db.bulk import update_rows
from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED, claim
from reputation.models import Case, Check, Engine, PhoneNumber, Registration, Submission
from reputation.monitoring.observations import apply_observations
from reputation.providers.client import ProviderClient
from reputation.providers.registry import get_providers
from reputation.service_clock import days

logger = logging.getLogger(__name__)

# Numbers that are looked up together.
CHUNK = 500

# Days of the service's clock.
INTERVAL_DAYS = 1
# While an engine works on a case of the number.
INTERVAL_DAYS_DURING_CASE = 1 / 4
# Before a number is looked up again that a provider omitted from its answer.
OMITTED_RETRY_DAYS = 1 / 8

# An engine works on the removal or claims that it is done. Labels that end by themselves are not urgent.
ACTIVE_SUBMISSION_STATES = (
    Submission.State.WAITING,
    Submission.State.SUBMITTED,
    Submission.State.IN_REVIEW,
    Submission.State.DISPUTED,
    Submission.State.DONE,
)


def look_up_due(now: datetime) -> int:
    """Looks one chunk of due numbers up at every provider; returns how many numbers."""
    token, ids = claim(PhoneNumber.objects.looked_up().filter(next_action_at__lte=now), now=now, limit=CHUNK)
    if not ids:
        return 0
    claimed = PhoneNumber.objects.filter(pk__in=in_list(ids), lease_token=token)
    claimed.filter(lookup_round_started_at__isnull=True).update(lookup_round_started_at=now)
    numbers = dict(claimed.values_list("pk", "e164"))
    ids_by_provider = _numbers_by_provider(list(numbers))
    client = ProviderClient(get_providers(), now)
    retry_at: dict[int, datetime] = {}
    answer_count = 0
    changes: dict[str, int] = defaultdict(int)
    for name in client.providers:
        requested = {pk: numbers[pk] for pk in ids_by_provider[name]}
        result = client.call(name, "look_up", sorted(set(requested.values())))
        for change, count in apply_observations(result.answers, now=now).items():
            changes[change] += count
        answer_count += len(result.answers)
        answered = {observation.number for observation in result.answers} | {item for item, _ in result.refused}
        for pk, e164 in requested.items():
            if e164 not in answered:
                again_at = result.retry_at or now + days(OMITTED_RETRY_DAYS)
                retry_at[pk] = min(retry_at.get(pk, again_at), again_at)
        for e164, reason in result.refused:
            logger.warning("%s refuses to look up %s: %s", name, e164, reason)
    _release(ids, token, retry_at, now)
    summary = "".join(f", {count} {change}" for change, count in changes.items())
    logger.info("look up: %s numbers, %s answers%s", len(ids), answer_count, summary)
    return len(ids)


def _numbers_by_provider(ids: Sequence[int]) -> dict[str, list[int]]:
    """The ids of the numbers to look up at each provider: those without an answer of one of its engines in this round.

    Skips an engine for the numbers that it has not accepted.
    """
    provider_by_engine = {engine.pk: engine.provider for engine in Engine.objects.filter(in_use=True)}
    missing: dict[int, set[int]] = {pk: set(provider_by_engine) for pk in ids}
    answered = Check.objects.filter(
        number__in=in_list(ids), is_current=True, received_at__gte=F("number__lookup_round_started_at")
    ).values_list("number_id", "engine_id")
    not_accepted = Registration.objects.filter(number__in=in_list(ids)).exclude(state=Registration.State.ACCEPTED)
    for number, engine in (*answered, *not_accepted.values_list("number_id", "engine_id")):
        missing[number].discard(engine)
    ids_by_provider: dict[str, list[int]] = defaultdict(list)
    for pk, engines in missing.items():
        for name in {provider_by_engine[engine] for engine in engines}:
            ids_by_provider[name].append(pk)
    return ids_by_provider


def _release(ids: Sequence[int], token: str, retry_at: dict[int, datetime], now: datetime) -> None:
    """Releases the claim. Ends the round of the numbers that every provider answered; others continue at retry_at."""
    with transaction.atomic():
        locked = PhoneNumber.objects.filter(pk__in=in_list(ids), lease_token=token).select_for_update().order_by("pk")
        locked_ids = set(locked.values_list("pk", flat=True))
        unfinished = [
            {"id": pk, "next_action_at": again_at, **RELEASED} for pk, again_at in retry_at.items() if pk in locked_ids
        ]
        update_rows(PhoneNumber, unfinished)
        active_submissions = Submission.objects.filter(
            case__number=OuterRef("pk"),
            case__state__in=Case.UNFINISHED,
            state__in=ACTIVE_SUBMISSION_STATES,
        )
        PhoneNumber.objects.filter(pk__in=in_list(locked_ids - retry_at.keys())).update(
            lookup_round_started_at=None,
            attempts=0,
            # A null start means that request_lookup was called meanwhile: keep its next_action_at.
            next_action_at=SQLCase(
                When(lookup_round_started_at__isnull=True, then=F("next_action_at")),
                When(Exists(active_submissions), then=Value(now + days(INTERVAL_DAYS_DURING_CASE))),
                default=Value(now + days(INTERVAL_DAYS)),
                output_field=DateTimeField(),
            ),
            **RELEASED,
        )
