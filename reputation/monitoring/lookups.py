"""Look-ups: asking about the monitored numbers, in rounds.

A round asks each provider that looks up once. A number is asked about over its account's own connection to the
provider, or else over the operator's. If a provider fails, or leaves something out, the number stays in the round and
only that provider is asked again, so an outage causes no extra calls to the others.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Case as SQLCase
from django.db.models import DateTimeField, Exists, F, OuterRef, Q, Value, When

from portal.db.bulk import update_rows
from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED, claim
from reputation.models import Case, Check, Connection, EngineRole, PhoneNumber, Registration, Submission
from reputation.monitoring.observations import UNKNOWN_ENGINE, apply_observations
from reputation.providers.client import ProviderClient
from reputation.providers.connections import Connections
from reputation.providers.protocol import Verdict
from reputation.service_clock import days

logger = logging.getLogger(__name__)

# Numbers that are looked up together.
CHUNK = 500

# Days of the service's clock.
INTERVAL_DAYS = 1
# While an engine works on a case of the number.
INTERVAL_DAYS_DURING_CASE = 1 / 4
# Before a number is looked up again that a provider left out, or is still looking at. Doubles with each time.
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
    numbers = _start_rounds(ids, token, now)
    client = ProviderClient(now)
    retry_at: dict[int, datetime] = {}
    answer_count = 0
    changes: dict[str, int] = defaultdict(int)
    for connection, missing in _group_by_connection(numbers).items():
        requested = sorted({numbers[pk].e164 for pk in missing})
        result = client.call(connection, "look_up", requested)
        for change, count in apply_observations(result.answers, connection=connection, now=now).items():
            changes[change] += count
        answer_count += len(result.answers)
        answered = {
            (answer.number, answer.engine or UNKNOWN_ENGINE)
            for answer in result.answers
            if answer.verdict is not Verdict.PENDING
        }
        refused = dict(result.refused)
        for pk, engines in missing.items():
            number = numbers[pk]
            if number.e164 not in refused and any((number.e164, engine) not in answered for engine in engines):
                again_at = result.retry_at or now + days(OMITTED_RETRY_DAYS * 2 ** max(number.attempts - 1, 0))
                retry_at[pk] = min(retry_at.get(pk, again_at), again_at, number.round_ends_at)
        for e164, reason in refused.items():
            logger.warning("%s refuses to look up %s: %s", connection, e164, reason)
    _release(ids, token, retry_at, now)
    summary = "".join(f", {count} {change}" for change, count in changes.items())
    logger.info("look up: %s numbers, %s answers%s", len(ids), answer_count, summary)
    return len(ids)


class _Number(NamedTuple):
    account_id: int
    e164: str
    attempts: int
    round_started_at: datetime

    @property
    def round_ends_at(self) -> datetime:
        return self.round_started_at + days(INTERVAL_DAYS)


def _start_rounds(ids: Sequence[int], token: str, now: datetime) -> dict[int, _Number]:
    """The claimed numbers by id. Starts a round of those that are in none.

    A round that lasts for a day ends: a provider that leaves something out every time must not keep the others from
    being asked.
    """
    claimed = PhoneNumber.objects.filter(pk__in=in_list(ids), lease_token=token)
    without_round = Q(lookup_round_started_at__isnull=True) | Q(lookup_round_started_at__lte=now - days(INTERVAL_DAYS))
    claimed.filter(without_round).update(lookup_round_started_at=now, attempts=1)
    rows = claimed.values_list("pk", "account_id", "e164", "attempts", "lookup_round_started_at")
    return {
        pk: _Number(account_id, e164, attempts, started_at or now)
        for pk, account_id, e164, attempts, started_at in rows
    }


def _group_by_connection(numbers: Mapping[int, _Number]) -> dict[Connection, dict[int, list[str]]]:
    """For each connection: the ids of the numbers to ask about, with the slugs of the engines to answer.

    Those are the engines that the provider looks up and has not answered for in this round. Leaves out an engine with
    which it has not registered a number yet, and a provider without a connection for the number's account.
    """
    connections = Connections.load(number.account_id for number in numbers.values())
    missing = _find_missing_answers(numbers)
    by_connection: dict[Connection, dict[int, list[str]]] = {connection: {} for connection in connections}
    for pk, sources in missing.items():
        for provider, engine in sources:
            if connection := connections.get(provider, numbers[pk].account_id):
                by_connection[connection].setdefault(pk, []).append(engine)
    return {connection: missing for connection, missing in by_connection.items() if missing}


def _find_missing_answers(numbers: Mapping[int, _Number]) -> dict[int, list[tuple[str, str]]]:
    """The sources, as provider and slug of the engine, that have not answered in the round of each number."""
    ids = list(numbers)
    sources = list(
        EngineRole.objects.filter(role=EngineRole.Role.LOOK_UP, engine__in_use=True)
        .order_by("pk")
        .values_list("engine_id", "provider", "engine__slug")
    )
    # The times are compared here: in a join, PostgreSQL without statistics reads all checks once for each number.
    checks = Check.objects.filter(number__in=in_list(ids), is_current=True).exclude(verdict=Check.Verdict.PENDING)
    answered = {
        (pk, engine, provider)
        for pk, engine, provider, received_at in checks.values_list("number_id", "engine_id", "provider", "received_at")
        if received_at >= numbers[pk].round_started_at
    }
    # Another provider may look the engine up all the same.
    not_accepted = set(
        Registration.objects.filter(number__in=in_list(ids), engine__roles__role=EngineRole.Role.REGISTER)
        .exclude(state=Registration.State.ACCEPTED)
        .values_list("number_id", "engine_id", "engine__roles__provider")
    )
    done = answered | not_accepted
    return {
        pk: [(provider, slug) for engine, provider, slug in sources if (pk, engine, provider) not in done] for pk in ids
    }


def _release(ids: Sequence[int], token: str, retry_at: dict[int, datetime], now: datetime) -> None:
    """Releases the claim. Ends the round of the numbers that every provider answered; others continue at retry_at."""
    with transaction.atomic():
        locked = PhoneNumber.objects.filter(pk__in=in_list(ids), lease_token=token).select_for_update().order_by("pk")
        rounds = dict(locked.values_list("pk", "lookup_round_started_at"))
        locked_ids = rounds.keys()
        # Without a round, request_lookup was called meanwhile: the next sweep asks all again, and does not wait.
        unfinished = [
            {"id": pk, "next_action_at": again_at if rounds[pk] else now, **RELEASED}
            for pk, again_at in retry_at.items()
            if pk in locked_ids
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
