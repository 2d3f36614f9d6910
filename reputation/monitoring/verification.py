"""Verification: every engine for which a provider registers numbers is asked to monitor one, which may take days.

Each registration stores when its engine is asked next. A number is on when all its registrations are accepted, and has
failed when one is refused. A new engine is also asked about numbers that are already on; their capability stays.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, Max, OuterRef, Q, Subquery

from portal.audit import Context
from portal.db.bulk import update_rows
from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED, claim
from portal.text import pluralize
from reputation.models import EngineRole, PhoneNumber, Registration
from reputation.monitoring import capability
from reputation.providers.client import CallResult, ProviderClient
from reputation.providers.connections import group_by_connection
from reputation.providers.protocol import EngineResponse, Stage
from reputation.providers.withdrawal import withdraw_chunk
from reputation.service_clock import days

logger = logging.getLogger(__name__)

CHUNK = 500
State = Registration.State

# The registrations that a verification waits for: a provider in use registers numbers with their engine.
_COUNTS = Q(engine__in_use=True, engine__roles__role=EngineRole.Role.REGISTER)

# How often an engine that has not answered is asked, in days of the service's clock.
POLL_INTERVAL_DAYS = 1 / 8

STATE_BY_STAGE = {
    Stage.NOT_YET: State.WAITING,
    Stage.DONE: State.ACCEPTED,
    Stage.REFUSED: State.REFUSED,
    Stage.WITHDRAWN: State.WITHDRAWN,
}


def verify_due(now: datetime) -> int:
    """Sends or polls one chunk of due registrations, and completes their numbers' verification; returns how many."""
    due = Registration.objects.filter(state__in=Registration.UNANSWERED, next_action_at__lte=now)
    token, ids = claim(due, now=now, limit=CHUNK)
    if not ids:
        return 0
    claimed = list(Registration.objects.filter(pk__in=ids).select_related("engine", "number").order_by("pk"))
    client = ProviderClient(now)
    responses: dict[int, EngineResponse] = {}
    retry_at: dict[int, datetime] = {}
    for connection, registrations in group_by_connection(claimed, EngineRole.Role.REGISTER).items():
        for operation, by_item in (("verify", _to_verify(registrations)), ("poll", _to_poll(registrations))):
            result = client.call(connection, operation, list(by_item))
            responses |= _match_responses(result, operation, by_item)
            if result.retry_at:
                retry_at |= {
                    registration.pk: result.retry_at
                    for registrations in by_item.values()
                    for registration in registrations
                }
    rows = [
        _registration_row(registration, responses.get(registration.pk), retry_at.get(registration.pk), now)
        for registration in claimed
    ]
    with transaction.atomic():
        # A number that is disabled at this moment is locked first, too, and then its registrations.
        PhoneNumber.objects.filter(pk__in=in_list({registration.number_id for registration in claimed})).lock()
        locked = Registration.objects.filter(pk__in=ids, lease_token=token).select_for_update(of=("self",))
        locked_ids = set(locked.values_list("pk", flat=True))
        update_rows(Registration, [row for row in rows if row["id"] in locked_ids])
        number_ids = {registration.number_id for registration in claimed if registration.pk in locked_ids}
        accepted, failed = complete_verifications(number_ids, now=now)
    logger.info("verify: %s due, %s answered, %s numbers on, %s failed", len(ids), len(responses), accepted, failed)
    return len(ids)


def _to_verify(registrations: Iterable[Registration]) -> dict[str, list[Registration]]:
    """The registrations to send, by number. A number has several: one for each engine and account."""
    by_number = defaultdict(list)
    for registration in registrations:
        if registration.state == State.WAITING or not registration.reference:
            by_number[registration.number.e164].append(registration)
    return by_number


def _to_poll(registrations: Iterable[Registration]) -> dict[str, list[Registration]]:
    """The registrations to poll, by reference."""
    by_reference = defaultdict(list)
    for registration in registrations:
        if registration.state == State.PENDING and registration.reference:
            by_reference[registration.reference].append(registration)
    return by_reference


def _match_responses(
    result: CallResult, operation: str, by_item: dict[str, list[Registration]]
) -> dict[int, EngineResponse]:
    """The responses by registration id."""
    responses: dict[int, EngineResponse] = {}
    for answer in result.answers:
        item = answer.number if operation == "verify" else answer.reference
        for registration in by_item.get(item, ()):
            if operation == "poll" or registration.engine.slug == answer.engine:
                responses[registration.pk] = answer
    for item, refusal in result.iter_refusals():
        responses |= {registration.pk: refusal for registration in by_item[item]}
    return responses


def _registration_row(
    registration: Registration, response: EngineResponse | None, retry_at: datetime | None, now: datetime
) -> dict[str, object]:
    """The columns to write. Without a response, the engine is asked at `retry_at`, or after growing intervals."""
    row: dict[str, object] = {
        "id": registration.pk,
        "state": registration.state,
        "reference": registration.reference,
        "reason": registration.reason,
        "asked_at": registration.asked_at,
        "expected_by": registration.expected_by,
        "answered_at": None,
        "next_action_at": retry_at or now + days(POLL_INTERVAL_DAYS * min(max(registration.attempts, 1), 8)),
        **RELEASED,
        "attempts": registration.attempts,
    }
    if response is None:
        return row
    state = STATE_BY_STAGE.get(response.stage, State.PENDING)
    is_answered = state in (State.ACCEPTED, State.REFUSED, State.WITHDRAWN)
    wait = response.wait
    again_at = wait.until if wait and wait.until and wait.until > now else now + days(POLL_INTERVAL_DAYS)
    return row | {
        "state": state,
        "reference": (response.reference or registration.reference)[:120],
        "reason": response.reason[:300],
        "asked_at": registration.asked_at or now,
        "expected_by": response.expected_by or registration.expected_by,
        "answered_at": now if is_answered else None,
        "next_action_at": None if is_answered else again_at,
        "attempts": 0,
    }


def complete_verifications(number_ids: Iterable[int], *, now: datetime) -> tuple[int, int]:
    """Accepts the numbers that every engine accepted and fails those that one refused; returns both counts.

    Only engines for which a provider registers count.
    """
    verifying = PhoneNumber.objects.filter(pk__in=number_ids, capability=PhoneNumber.Capability.VERIFYING)
    registrations = Registration.objects.filter(_COUNTS, number=OuterRef("pk"))
    refusal = registrations.filter(state=State.REFUSED).order_by("answered_at", "pk").values("reason")[:1]
    accepted: list[int] = []
    refused: dict[str, list[int]] = defaultdict(list)
    numbers = verifying.annotate(
        is_refused=Exists(registrations.filter(state=State.REFUSED)),
        refusal=Subquery(refusal),
        is_pending=Exists(registrations.exclude(state=State.ACCEPTED)),
    )
    for pk, is_refused, reason, is_pending in numbers.values_list("pk", "is_refused", "refusal", "is_pending"):
        if is_refused:
            refused[reason or "An engine refused the number."].append(pk)
        elif not is_pending:
            accepted.append(pk)
    on = capability.accept(accepted, context=Context.system(now)) if accepted else []
    failed = [capability.fail(ids, context=Context.system(now), reason=reason) for reason, ids in refused.items()]
    return len(on), sum(map(len, failed))


def fail_overdue(now: datetime) -> int:
    """Fails one chunk of numbers about which an engine did not answer in time; returns how many."""
    overdue = PhoneNumber.objects.filter(capability=PhoneNumber.Capability.VERIFYING, next_action_at__lte=now)
    ids = list(overdue.order_by("next_action_at").values_list("pk", flat=True)[:CHUNK])
    reason = f"Not every engine answered within {capability.VERIFICATION_DEADLINE_DAYS} days. You may enable it again."
    return len(capability.fail(ids, context=Context.system(now), reason=reason)) if ids else 0


def withdraw_due(now: datetime) -> int:
    """Withdraws one chunk of registrations that are no longer needed; returns how many it tried."""
    withdrawing = Registration.objects.filter(state=State.WITHDRAWING)
    return withdraw_chunk(
        withdrawing,
        role=EngineRole.Role.REGISTER,
        now=now,
        limit=CHUNK,
        retry_days=POLL_INTERVAL_DAYS,
        find_shared=_find_shared_registrations,
    )


def _find_shared_registrations(registrations: Sequence[Registration]) -> set[int]:
    """The ids of those that another account needs, which has the number, too, and uses the same connection."""
    references = [registration.reference for registration in registrations]
    needed = Registration.objects.filter(reference__in=references, state__in=(State.PENDING, State.ACCEPTED))
    shared: set[int] = set()
    for together in group_by_connection([*registrations, *needed], EngineRole.Role.REGISTER).values():
        kept = {(row.engine_id, row.reference) for row in together if row.state != State.WITHDRAWING}
        shared.update(row.pk for row in together if (row.engine_id, row.reference) in kept)
    return shared


def get_progress(ids: Sequence[int], now: datetime) -> dict[int, str]:
    """The progress of the verification of each number, such as "1 of 3 engines · up to 3 days"; one query at most."""
    if not ids:
        return {}
    registrations = Registration.objects.filter(_COUNTS, number__in=ids).order_by().values("number")
    progress = registrations.annotate(
        engines=Count("pk"),
        accepted=Count("pk", filter=Q(state=State.ACCEPTED)),
        latest=Max("expected_by", filter=Q(state__in=Registration.UNANSWERED)),
    )
    return {row["number"]: _format_progress(row["accepted"], row["engines"], row["latest"], now) for row in progress}


def _format_progress(accepted: int, engines: int, expected_by: datetime | None, now: datetime) -> str:
    text = f"{accepted} of {pluralize(engines, 'engine')}"
    if expected_by is None:
        return text
    if expected_by <= now:
        return f"{text} · any time now"
    days_left = max(math.ceil((expected_by - now) / settings.SERVICE_DAY), 1)
    return f"{text} · up to {pluralize(days_left, 'day')}"
