"""Verification: every engine in use is asked to take a number on, which may last days.

Each registration carries the time at which its engine is to be asked next; numbers are then settled by what their
registrations say. An engine that is new is asked about the numbers that are already on, too, without switching them.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, Max, OuterRef, Q, Subquery

from portal.audit import Context
from portal.db.bulk import update_rows
from portal.jobs.claims import claim
from reputation.models import PhoneNumber, Registration
from reputation.monitoring import capability
from reputation.providers.client import CallResult, ProviderClient
from reputation.providers.protocol import EngineResponse, Stage
from reputation.providers.registry import get_providers
from reputation.service_clock import days

logger = logging.getLogger(__name__)

CHUNK = 500
State = Registration.State

# How often an engine that has not answered is asked, in days of the service's clock.
POLL_INTERVAL_DAYS = 1 / 8

STATE_BY_STAGE = {
    Stage.NOT_YET: State.WAITING,
    Stage.DONE: State.ACCEPTED,
    Stage.REFUSED: State.REFUSED,
    Stage.WITHDRAWN: State.WITHDRAWN,
}


def verify_due(now: datetime) -> int:
    """One chunk: registrations that are due are asked for at their provider, or asked about; the numbers that all
    engines now accepted are on, those that one refused have failed. Returns how many registrations were looked at."""
    due = Registration.objects.filter(state__in=Registration.UNANSWERED, next_action_at__lte=now)
    token, ids = claim(due, now=now, most=CHUNK)
    if not ids:
        return 0
    claimed = list(Registration.objects.filter(pk__in=ids).select_related("engine", "number").order_by("pk"))
    asking = ProviderClient(get_providers(), now)
    answers: dict[int, EngineResponse | str] = {}
    retry_at: dict[int, datetime] = {}
    for name in asking.providers:
        mine = [one for one in claimed if one.engine.provider == name]
        for operation, about in (("verify", _to_verify(mine)), ("poll", _to_poll(mine))):
            asked = asking.ask(name, operation, list(about))
            answers |= _match_responses(asked, operation, about)
            if asked.retry_at:
                retry_at |= {one.pk: asked.retry_at for ones in about.values() for one in ones}
    rows = [_registration_row(one, answers.get(one.pk), retry_at.get(one.pk), now) for one in claimed]
    with transaction.atomic():
        held = Registration.objects.filter(pk__in=ids, lease_token=token).select_for_update(of=("self",))
        mine = set(held.values_list("pk", flat=True))
        update_rows(Registration, [row for row in rows if row["id"] in mine])
        accepted, failed = complete_verifications({one.number_id for one in claimed if one.pk in mine}, now=now)
    logger.info("verify: %s asked, %s answered, %s numbers on, %s failed", len(ids), len(answers), accepted, failed)
    return len(ids)


def _to_verify(registrations: Sequence[Registration]) -> dict[str, list[Registration]]:
    """Those to be asked for, by number: its provider answers for each of its engines, and two accounts may hold it."""
    about = defaultdict(list)
    for one in registrations:
        if one.state == State.WAITING or not one.reference:
            about[one.number.e164].append(one)
    return about


def _to_poll(registrations: Sequence[Registration]) -> dict[str, list[Registration]]:
    """Those to be asked about, by reference."""
    about = defaultdict(list)
    for one in registrations:
        if one.state == State.PENDING and one.reference:
            about[one.reference].append(one)
    return about


def _match_responses(
    asked: CallResult, operation: str, about: dict[str, list[Registration]]
) -> dict[int, EngineResponse | str]:
    """The answers by registration: an answer, or why the call was refused for it."""
    answers: dict[int, EngineResponse | str] = {}
    for answer in asked.answers:
        item = answer.number if operation == "verify" else answer.reference
        for one in about.get(item, ()):
            if operation == "poll" or one.engine.slug == answer.engine:
                answers[one.pk] = answer
    for item, reason in asked.refused:
        answers |= {one.pk: reason for one in about[item]}
    return answers


def _registration_row(
    one: Registration, answer: EngineResponse | str | None, retry_at: datetime | None, now: datetime
) -> dict[str, object]:
    """What is written to the registration. Without an answer it is asked again: when its provider may be, or as usual,
    later with each time."""
    row: dict[str, object] = {
        "id": one.pk,
        "state": one.state,
        "reference": one.reference,
        "reason": one.reason,
        "asked_at": one.asked_at,
        "expected_by": one.expected_by,
        "answered_at": None,
        "next_action_at": retry_at or now + days(POLL_INTERVAL_DAYS * min(max(one.attempts, 1), 8)),
        "lease_until": None,
        "lease_token": "",
        "attempts": one.attempts,
    }
    if answer is None:
        return row
    if isinstance(answer, str):
        answer = EngineResponse(Stage.REFUSED, reason=answer)
    state = STATE_BY_STAGE.get(answer.stage, State.PENDING)
    answered = state in (State.ACCEPTED, State.REFUSED, State.WITHDRAWN)
    wait = answer.wait
    again_at = wait.until if wait and wait.until and wait.until > now else now + days(POLL_INTERVAL_DAYS)
    return row | {
        "state": state,
        "reference": (answer.reference or one.reference)[:120],
        "reason": answer.reason[:300],
        "asked_at": one.asked_at or now,
        "expected_by": answer.expected_by or one.expected_by,
        "answered_at": now if answered else None,
        "next_action_at": None if answered else again_at,
        "attempts": 0,
    }


def complete_verifications(number_ids: set[int] | Sequence[int], *, now: datetime) -> tuple[int, int]:
    """Of these numbers, those that every engine in use accepted are on, and those that one refused have failed, with
    its reason. Returns how many of each."""
    verifying = PhoneNumber.objects.filter(pk__in=number_ids, capability=PhoneNumber.Capability.VERIFYING)
    registrations = Registration.objects.filter(number=OuterRef("pk"), engine__in_use=True)
    refusal = registrations.filter(state=State.REFUSED).order_by("answered_at", "pk").values("reason")[:1]
    accepted, refused = [], defaultdict(list)
    numbers = verifying.annotate(
        is_refused=Exists(registrations.filter(state=State.REFUSED)),
        why=Subquery(refusal),
        is_open=Exists(registrations.exclude(state=State.ACCEPTED)) | ~Exists(registrations),
    )
    for pk, is_refused, why, is_open in numbers.values_list("pk", "is_refused", "why", "is_open"):
        if is_refused:
            refused[why or "An engine refused the number."].append(pk)
        elif not is_open:
            accepted.append(pk)
    on = capability.accept(accepted, context=Context.system(now)) if accepted else []
    failed = [capability.fail(ids, context=Context.system(now), reason=reason) for reason, ids in refused.items()]
    return len(on), sum(map(len, failed))


def fail_overdue(now: datetime) -> int:
    """One chunk: numbers that an engine left without an answer for too long have failed."""
    late = PhoneNumber.objects.filter(capability=PhoneNumber.Capability.VERIFYING, next_action_at__lte=now)
    ids = list(late.order_by("next_action_at").values_list("pk", flat=True)[:CHUNK])
    reason = f"Not every engine answered within {capability.VERIFICATION_DEADLINE_DAYS} days. You may enable it again."
    return len(capability.fail(ids, context=Context.system(now), reason=reason)) if ids else 0


def withdraw_due(now: datetime) -> int:
    """One chunk: tells the engines which numbers need no watching any more. Repeated until they have answered."""
    due = Registration.objects.filter(state=State.WITHDRAWING, next_action_at__lte=now).select_related("engine")
    leaving = list(due.order_by("next_action_at", "pk")[:CHUNK])
    if not leaving:
        return 0
    # Two accounts may hold the same number: the engine goes on watching it for the other.
    others = Registration.objects.filter(state__in=(State.PENDING, State.ACCEPTED))
    kept = set(
        others.filter(reference__in=[one.reference for one in leaving]).values_list("engine_id", "reference").distinct()
    )
    told = {one.pk for one in leaving if (one.engine_id, one.reference) in kept}
    asking = ProviderClient(get_providers(), now)
    for name in {one.engine.provider for one in leaving}:
        about: dict[str, list[int]] = defaultdict(list)
        for one in leaving:
            if one.engine.provider == name and one.pk not in told:
                about[one.reference].append(one.pk)
        if name not in asking.providers:  # nobody is left who could be told
            told.update(pk for pks in about.values() for pk in pks)
            continue
        asked = asking.ask(name, "withdraw", list(about))
        for reference in [answer.reference for answer in asked.answers] + [item for item, _ in asked.refused]:
            told.update(about.get(reference, ()))
    rows = Registration.objects.filter(pk__in=[one.pk for one in leaving], state=State.WITHDRAWING)
    rows.filter(pk__in=told).update(state=State.WITHDRAWN, next_action_at=None)
    rows.update(next_action_at=now + days(POLL_INTERVAL_DAYS))
    logger.info("withdraw: %s of %s registrations withdrawn", len(told), len(leaving))
    return len(leaving)


def get_progress(ids: Sequence[int], now: datetime) -> dict[int, str]:
    """How far the verification of each of these numbers is, in words: 1 of 3 engines, up to 3 days. One query."""
    registrations = Registration.objects.filter(number__in=ids, engine__in_use=True).order_by().values("number")
    counted = registrations.annotate(
        engines=Count("pk"),
        accepted=Count("pk", filter=Q(state=State.ACCEPTED)),
        by=Max("expected_by", filter=Q(state__in=Registration.UNANSWERED)),
    )
    return {row["number"]: _format_progress(row["accepted"], row["engines"], row["by"], now) for row in counted}


def _format_progress(accepted: int, engines: int, by: datetime | None, now: datetime) -> str:
    said = f"{accepted} of {engines} {'engine' if engines == 1 else 'engines'}"
    if by is None:
        return said
    left = max(math.ceil((by - now) / settings.SERVICE_DAY), 1) if by - now > timedelta(0) else 0
    return f"{said} · up to {left} {'day' if left == 1 else 'days'}" if left else f"{said} · any time now"
