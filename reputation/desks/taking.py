"""Taking requests to send: no more than the desk takes today, the most used numbers first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from portal.db.in_list import in_list
from portal.models import Account, User
from portal.text import join_names, pluralize
from reputation.desks.letters import get_room_today
from reputation.desks.packets import choose_requests
from reputation.desks.requests import claim
from reputation.models import Desk, DeskRequest

State = DeskRequest.State
# Why a request cannot be sent now.
_LATER = "to be sent on a later date"
_ENDED = "ended"
_REASONS: dict[str, str] = {
    State.SENT: "sent already",
    State.ACKNOWLEDGED: "acknowledged by the desk",
    State.QUESTION: "with a question to answer",
    State.DONE: "called done by the desk",
    State.SILENT: "without an answer, to be asked again or withdrawn",
}


@dataclass(frozen=True)
class Taken:
    """The ids of the requests that the user holds now, of `wanted` that could be sent. `left` says why not others."""

    ids: list[int]
    wanted: list[int]
    left: list[str]


def take(account: Account, desk: Desk, ids: Sequence[int], *, user: User, now: datetime) -> Taken:
    """Claims these requests for the user. Leaves out those that cannot be sent now, those that others hold, and those
    beyond what the desk takes today."""
    selected = DeskRequest.objects.for_account(account).filter(pk__in=in_list(ids), desk=desk)
    may_send = Q(not_before__isnull=True) | Q(not_before__lte=now)
    sendable = list(selected.open().filter(may_send, state=State.TO_SEND).due_first())
    left = []
    if len(sendable) < len(set(ids)):
        others = selected.exclude(pk__in=in_list(request.pk for request in sendable))
        left.append(_describe_unsendable(list(others.only("state", "closed_at"))))
    free = [request for request in sendable if not request.is_claimed_by_other(user.pk, now)]
    room = _get_room(account, desk, free, now)
    chosen = free if room is None else choose_requests(account, desk, free, limit=room, now=now)
    if len(chosen) < len(free):
        left.append(_describe_limit(desk, len(free) - len(chosen)))
    taken = claim(account, [request.pk for request in chosen], user=user, now=now)
    chosen_ids = {request.pk for request in chosen}
    left_free = {request.pk for request in free} - chosen_ids
    return Taken(taken, [request.pk for request in sendable if request.pk not in left_free], left)


def _get_room(account: Account, desk: Desk, free: Sequence[DeskRequest], now: datetime) -> int | None:
    """How many more the desk takes today, without those that people hold already. None: any number."""
    room = get_room_today(account, desk, now)
    if room is None:
        return None
    held = DeskRequest.objects.for_account(account).open().filter(desk=desk, state=State.TO_SEND, claimed_until__gt=now)
    return max(room - held.exclude(pk__in=in_list(request.pk for request in free)).count(), 0)


def _describe_limit(desk: Desk, count: int) -> str:
    limit = pluralize(desk.daily_limit or 0, "number")
    return (
        f"{pluralize(count, 'request')} left for another day: {desk} takes {limit} a day, with those that are sent or "
        "held today. The most used numbers come first."
    )


def _describe_unsendable(requests: Sequence[DeskRequest]) -> str:
    """Such as "3 requests cannot be sent now: 2 sent already and 1 with a question to answer."."""
    reasons = Counter(_get_reason(request) for request in requests)
    counts = join_names([f"{count:,} {reason}" for reason, count in reasons.most_common()])
    return f"{pluralize(len(requests), 'request')} cannot be sent now: {counts}."


def _get_reason(request: DeskRequest) -> str:
    return _ENDED if request.closed_at else _REASONS.get(request.state, _LATER)
