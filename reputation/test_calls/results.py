"""Results of test calls, and how they become observations.

A result is held while it may be undone: until its round ends, or for `hold_minutes`. Then it counts. So a slip of the
finger opens no case and sends no webhook. The result of a call that was being made when its round ended is held for
`hold_minutes`, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery

from portal.audit import Context
from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED
from reputation.models import Connection, LabelPhoto, Telephone, TestCall
from reputation.monitoring.observations import apply_observations
from reputation.monitoring.severity import classify_label
from reputation.providers.handset import HandsetProvider
from reputation.providers.protocol import Evidence, Observation, Verdict
from reputation.test_calls import reports
from reputation.test_calls.blocking import find_blocked
from reputation.test_calls.telephones import get_proven_until, get_reason_not_counted, prove
from reputation.test_calls.validity import get_valid_days

Result = TestCall.Result
State = TestCall.State
CHUNK = 500
# The result was given before its round ended.
_SETTLED_BY_ROUND = Q(round__ended_at__isnull=False, answered_at__lte=F("round__ended_at"))


class ResultRefused(Exception):
    """Nothing was stored; the message says why and what to do."""


def record_result(
    call: TestCall, result: str, *, now: datetime, label: str = "", name: str = "", photo: LabelPhoto | None = None
) -> None:
    """Stores what the call showed. `call` is as take_call returned it. Raises ResultRefused.

    A label needs its text. `name` is the name that was shown.
    """
    if result not in Result.values:
        raise ResultRefused(f"{result} is no result of a call.")
    label = label.strip()[:80] if result == Result.LABEL else ""
    if result == Result.LABEL and not label:
        raise ResultRefused("Type the label that the telephone showed.")
    if photo is not None and photo.account_id != call.account_id:
        raise ResultRefused("The photo belongs to another account.")
    held = TestCall.objects.filter(pk=call.pk, state=State.PLANNED, lease_token=call.lease_token)
    stored = held.exclude(lease_token="").update(
        state=State.DONE,
        result=result,
        label=label,
        name=name.strip()[:80],
        photo=photo,
        answered_at=now,
        network=Subquery(Telephone.objects.filter(pk=OuterRef("telephone")).values("network")),
    )
    if not stored:
        raise ResultRefused("The call was taken by somebody else, has a result already, or its round ended.")
    call.refresh_from_db()


def undo_result(call: TestCall, *, now: datetime) -> None:
    """Takes the result back, and gives the call to the same person again. Raises ResultRefused once it counts."""
    lease = timedelta(minutes=settings.TEST_CALLS.claim_minutes)
    held = TestCall.objects.filter(~_SETTLED_BY_ROUND, pk=call.pk, state=State.DONE, lease_token=call.lease_token)
    undone = held.update(
        state=State.PLANNED, result="", label="", name="", photo=None, answered_at=None, lease_until=now + lease
    )
    if not undone:
        raise ResultRefused("The result counts already. If it is wrong, call the number again tomorrow.")
    call.refresh_from_db()


def is_held(call: TestCall) -> bool:
    """Whether the result may still be undone: it does not count yet, and its round did not end since."""
    ended_at = call.round.ended_at
    return call.state == State.DONE and not (ended_at and call.answered_at and call.answered_at <= ended_at)


def count_results(now: datetime) -> int:
    """Turns one chunk of results that are no longer held into observations; returns how many.

    The calls are marked as counted in the transaction of their observations, so a repeated run counts none twice.
    """
    connection = Connection.objects.filter(provider=HandsetProvider.name, account__isnull=True).first()
    if connection is None:  # PROVIDERS lacks handset. Results wait until it has it.
        return 0
    held_until = now - timedelta(minutes=settings.TEST_CALLS.hold_minutes)
    due = TestCall.objects.filter(_SETTLED_BY_ROUND | Q(answered_at__lte=held_until), state=State.DONE)
    with transaction.atomic():
        locked = due.select_for_update(of=("self",)).order_by("answered_at", "pk")
        calls = list(locked.select_related("number", "telephone")[:CHUNK])
        if not calls:
            return 0
        TestCall.objects.filter(pk__in=in_list(call.pk for call in calls)).update(state=State.COUNTED, **RELEASED)
        _note_proofs(calls, now)
        for account_id in sorted({call.account_id for call in calls}):
            observations = _observe([call for call in calls if call.account_id == account_id], now)
            for layer in _split_by_source(observations):
                apply_observations(layer, connection=connection, now=now, account_id=account_id)
        reports.confirm_by_calls([call for call in calls if call.result == Result.LABEL], context=Context.system(now))
    return len(calls)


def _note_proofs(calls: Sequence[TestCall], now: datetime) -> None:
    """Notes which calls were to a telephone that was proven by then, and proves those that displayed a label.

    `calls` are in the order of their answers. A label proves its telephone from that call on, not for earlier calls.
    Each call gets its telephone as it was then.
    """
    telephones = Telephone.objects.in_bulk({call.telephone_id for call in calls})
    seen_at: dict[int, datetime] = {}
    proving = []
    for call in calls:
        answered_at = call.answered_at or now
        # What a telephone showed before it changed its network proves nothing about the new one.
        if call.result == Result.LABEL and call.network == telephones[call.telephone_id].network:
            seen_at[call.telephone_id] = answered_at
            telephones[call.telephone_id].proven_until = get_proven_until(telephones[call.telephone_id], answered_at)
        call.telephone = copy(telephones[call.telephone_id])
        if call.network == call.telephone.network and call.telephone.proves_absence(answered_at):
            proving.append(call.pk)
    prove(seen_at)
    TestCall.objects.filter(pk__in=in_list(proving)).update(proves_absence=True)


def count_round(round_id: int, now: datetime) -> None:
    """Counts the results of a round that has just ended, without waiting for the sweep."""
    while TestCall.objects.filter(_SETTLED_BY_ROUND, round=round_id, state=State.DONE).exists() and count_results(now):
        pass


def _observe(calls: Sequence[TestCall], now: datetime) -> list[Observation]:
    """The observation of each call. The number of queries does not depend on that of the calls."""
    valid_days = get_valid_days({call.number_id for call in calls}, now)
    blocked = find_blocked(calls)
    pairs = {_get_display(call) for call in calls}
    engines = {pair: reports.get_engine_slug(*pair) for pair in pairs}
    observations = []
    for call in calls:
        at = call.answered_at or now
        verdict, why = _get_verdict(call, is_blocked=call.pk in blocked)
        observations.append(
            Observation(
                call.number.e164,
                engines[_get_display(call)],
                verdict,
                call.label,
                classify_label(call.label) if verdict is Verdict.LABELLED else None,
                call.network,
                Evidence.HANDSET,
                raw_response={
                    "result": call.result,
                    "name": call.name,
                    "telephone": call.telephone.name,
                    "call": call.pk,
                    "not_counted": why,
                },
                observed_at=at,
                expires_at=at + timedelta(days=valid_days[call.number_id]) if verdict is Verdict.CLEAN else None,
            )
        )
    return observations


def _get_display(call: TestCall) -> tuple[str, str]:
    """Carrier and make of the telephone, by which its engine is found. After a change only its network is known."""
    has_changed = call.network != call.telephone.network
    return (call.network if has_changed else call.telephone.carrier), call.telephone.make


def _get_verdict(call: TestCall, *, is_blocked: bool) -> tuple[Verdict, str]:
    """What the call says about its number, and why it says nothing if that needs a reason."""
    if call.result == Result.LABEL:
        return Verdict.LABELLED, ""
    if call.result == Result.NOT_ARRIVED and is_blocked:
        return Verdict.BLOCKED, ""
    if call.result in TestCall.WITHOUT_LABEL and call.answered_at:
        why = get_reason_not_counted(call.telephone, call.answered_at)
        return (Verdict.UNKNOWN, why) if why else (Verdict.CLEAN, "")
    return Verdict.UNKNOWN, ""


def _split_by_source(observations: Iterable[Observation]) -> list[list[Observation]]:
    """The observations in lists that have each number once: two telephones of a network may show different things, and
    the later must not replace the other unseen."""
    layers: list[list[Observation]] = []
    seen: dict[str, int] = {}
    for observation in observations:
        place = seen.get(observation.number, 0)
        seen[observation.number] = place + 1
        if place == len(layers):
            layers.append([])
        layers[place].append(observation)
    return layers
