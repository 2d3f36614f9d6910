"""What a person answers about the call that they took, on the page of a round: its result, or that it is undone.

Every answer carries the token of its claim. A second tap, a stale page, and an answer after somebody else took the
call are refused with the reason, and change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO

from django.conf import settings
from django.db.models import Q, QuerySet

from portal.phone.numbers import parse_number
from portal.text import pluralize
from reputation.models import ControlCall, TestCall, TestRound
from reputation.test_calls import results
from reputation.test_calls.blocking import add_control_call
from reputation.test_calls.photos import store_photo
from reputation.test_calls.results import ResultRefused
from reputation.test_calls.rounds import Caller, renew_call

State = TestCall.State
# So many of a person's last results are shown, to be undone.
RECENT = 5


@dataclass(frozen=True)
class Answer:
    """What the telephone showed. `name` is the name that was shown; `photo` is a file."""

    result: str
    label: str = ""
    name: str = ""
    photo: IO[bytes] | None = None


def record_answer(call: TestCall, token: str, answer: Answer, *, now: datetime) -> None:
    """Stores the result with its photo. Raises ResultRefused, or PhotoRefused, and stores neither then."""
    _check_claim(call, token, now)
    photo = (
        store_photo(call.account, answer.photo, now=now, name=getattr(answer.photo, "name", ""))
        if answer.photo
        else None
    )
    try:
        results.record_result(call, answer.result, now=now, label=answer.label, name=answer.name, photo=photo)
    except ResultRefused:
        if photo:
            photo.file.delete(save=False)
            photo.delete()
        raise


def undo_answer(call: TestCall, token: str, *, now: datetime) -> None:
    """Takes the result back. Raises ResultRefused."""
    if call.state == State.PLANNED:
        raise ResultRefused("This result was undone already. Nothing was changed.")
    if call.state == State.DONE and call.lease_token != token:
        raise ResultRefused("The page was out of date: somebody recorded this call again. Nothing was changed.")
    results.undo_result(call, now=now)


def note_control_call(call: TestCall, number: str, *, now: datetime) -> ControlCall:
    """Another number rang the telephone now, right after this call did not arrive.

    Raises ResultRefused if that would show nothing, or InvalidPhoneNumber.
    """
    minutes = settings.TEST_CALLS.control_minutes
    if call.result != TestCall.Result.NOT_ARRIVED or not call.answered_at:
        raise ResultRefused("A control call is for a call that did not arrive. Nothing was changed.")
    if not results.is_held(call):
        raise ResultRefused("The result counts already, so a control call comes too late. Nothing was changed.")
    if now - call.answered_at > timedelta(minutes=minutes):
        raise ResultRefused(
            f"More than {pluralize(minutes, 'minute')} passed since the call did not arrive, so a control call shows "
            "nothing. Nothing was changed."
        )
    e164 = parse_number(number).e164
    if e164 == call.number.e164:
        raise ResultRefused("This is the number that did not arrive. Call from another one. Nothing was changed.")
    if has_control_call(call, now):
        raise ResultRefused("A control call is noted already. Nothing was changed.")
    return add_control_call(call.telephone, e164, now)


def has_control_call(call: TestCall, now: datetime) -> bool:
    """Whether another number rang the telephone since this call did not arrive."""
    since = call.answered_at or now
    return ControlCall.objects.filter(telephone=call.telephone_id, rang_at__range=(since, now)).exists()


def needs_control_call(call: TestCall, now: datetime) -> bool:
    """Whether a control call now would help to tell a block from a telephone that cannot be reached."""
    minutes = timedelta(minutes=settings.TEST_CALLS.control_minutes)
    if call.result != TestCall.Result.NOT_ARRIVED or not results.is_held(call):
        return False
    is_recent = bool(call.answered_at and now - call.answered_at <= minutes)
    return is_recent and not has_control_call(call, now)


def get_recent_calls(calls: QuerySet[TestCall], caller: Caller) -> list[TestCall]:
    """The last calls to which this person gave a result, the newest first."""
    mine = calls.filter(state__in=TestCall.ANSWERED, claimed_by=caller.user, tester=caller.tester)
    return list(mine.select_related("number", "telephone", "round").order_by("-answered_at", "-pk")[:RECENT])


def get_calls_in_progress(test_round: TestRound, now: datetime) -> list[TestCall]:
    """The calls of the round that somebody makes now, and those of all rounds that a tester waits for."""
    taken = TestCall.objects.filter(account=test_round.account_id, state=State.PLANNED, lease_until__gt=now)
    shown = taken.filter(Q(round=test_round) | Q(tester__isnull=False))
    return list(shown.select_related("number", "telephone", "claimed_by", "tester").order_by("position"))


def _check_claim(call: TestCall, token: str, now: datetime) -> None:
    if call.state in TestCall.ANSWERED:
        raise ResultRefused(f"This call has a result already: {call.get_result_display()}. Nothing was changed.")
    if call.state == State.DROPPED:
        raise ResultRefused("The round has ended, so this call was not made. Nothing was changed.")
    if not token or call.lease_token != token:
        raise ResultRefused("This call was given back, or somebody else took it meanwhile. Nothing was changed.")
    if call.lease_until and call.lease_until > now:
        return
    minutes = pluralize(settings.TEST_CALLS.claim_minutes, "minute")
    if not call.round.is_open:
        raise ResultRefused(
            f"You took this call more than {minutes} ago, and the round has ended since. Nothing was changed. "
            "The number may be in the next round."
        )
    if renew_call(call, now=now):
        raise ResultRefused(
            f"You took this call more than {minutes} ago, so nothing was stored. Nobody else needed it: it is yours "
            f"for {minutes} more. If the result belongs to this call, tap it again."
        )
    raise ResultRefused(
        f"You took this call more than {minutes} ago, and somebody else calls this telephone now. Nothing was changed."
    )
