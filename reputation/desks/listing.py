"""Lists of requests for pages: counts by desk, the groups of a desk's requests, and a page of one, due first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, F, Min, Q

from portal.db.in_list import in_list
from portal.models import Account
from reputation.desks.new_requests import get_earliest
from reputation.desks.your_turn import describe_turn, describe_wait
from reputation.models import Case, Desk, DeskRegistration, DeskRequest, Tag
from reputation.models.desks import DeskRequestQuerySet, done_in_vain, your_turn

State = DeskRequest.State
PAGE_SIZE = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WITHOUT_DATE = "-"
# What pages show of a request.
RELATED = ("number", "number__campaign", "desk", "engine", "account", "former", "claimed_by")
_ENDINGS: dict[str, str] = {
    State.REFUSED: "The desk refused. Fix what led to it, then ask again.",
    State.WITHDRAWN: "Nobody asks any more.",
}

# The groups of requests, by name in the query string. "turn" is the account's turn.
GROUPS = {
    "turn": "Your turn",
    "mine": "You hold",
    "later": "To be sent later",
    "waiting": "Waiting for the desk",
    "done": "Desk says done",
    "refused": "Refused",
    "ended": "Ended",
}
# Those who may not act hold no requests, and it is never their turn.
GROUPS_OF_VIEWERS = {"turn": "To be done"} | {
    name: words for name, words in GROUPS.items() if name not in ("turn", "mine")
}


def get_condition(group: str, *, user_id: int, now: datetime) -> Q:
    """Which requests are in the group. A refused request is listed until somebody asks again or its case ends."""
    is_later = Q(state=State.TO_SEND, not_before__gt=now)
    open_ones = Q(closed_at__isnull=True)
    refused = Q(state=State.REFUSED, later__isnull=True, case__state__in=(*Case.UNFINISHED, Case.State.FAILED))
    conditions = {
        "turn": your_turn(now),
        "mine": open_ones & Q(claimed_by=user_id, claimed_until__gt=now),
        "later": open_ones & is_later,
        "waiting": open_ones & Q(state__in=(State.SENT, State.ACKNOWLEDGED)),
        "done": open_ones & Q(state=State.DONE) & ~done_in_vain(),
        "refused": refused,
    }
    return conditions[group] if group in conditions else Q(closed_at__isnull=False) & ~Q(state=State.REFUSED)


@dataclass(frozen=True)
class DeskCounts:
    """A desk with the account's requests. `due_at` is the first date by which it is the account's turn."""

    desk: Desk
    counts: dict[str, int]
    due_at: datetime | None

    @property
    def turn(self) -> int:
        return self.counts["turn"]


def get_desk_counts(account: Account, *, user_id: int, now: datetime, desk: Desk | None = None) -> list[DeskCounts]:
    """The desks to which the account has requests, or this one. Those where it is the account's turn are first.

    Two queries.
    """
    conditions = {group: get_condition(group, user_id=user_id, now=now) for group in GROUPS}
    requests = DeskRequest.objects.for_account(account)
    if desk:
        requests = requests.filter(desk=desk)
    rows: dict[int, dict[str, Any]] = {
        row["desk"]: dict(row)
        for row in requests.order_by()
        .values("desk")
        .annotate(
            **{f"in_{group}": Count("pk", filter=condition, distinct=True) for group, condition in conditions.items()},
            due=Min("due_at", filter=conditions["turn"]),
        )
    }
    desks = [
        DeskCounts(desk, {group: rows[desk.pk][f"in_{group}"] for group in GROUPS}, rows[desk.pk]["due"])
        for desk in Desk.objects.filter(pk__in=list(rows)).order_by("name")
    ]
    far = now + timedelta(days=36_500)
    return sorted(desks, key=lambda one: (not one.turn, one.due_at or far, one.desk.name))


@dataclass(frozen=True)
class RequestRow:
    """A request with the labels of its number, and its registration at the engine. None: not registered."""

    request: DeskRequest
    labels: list[Tag]
    registration: DeskRegistration | None
    turn: str  # whose turn it is, or how it ended


@dataclass(frozen=True)
class RequestPage:
    """Rows of one page. `next` and `previous` are the values of `?after=` and `?before=`; empty without such a page."""

    rows: list[RequestRow]
    next: str = ""
    previous: str = ""
    ids: list[int] = field(default_factory=list)


def get_page(
    requests: DeskRequestQuerySet, params: Mapping[str, str], *, now: datetime, page_size: int = PAGE_SIZE
) -> RequestPage:
    """The page of these requests that the query string asks for, due first. Three queries."""
    is_backwards = bool(params.get("before"))
    cursor = _read_cursor(params.get("before") or params.get("after") or "")
    if cursor:
        requests = requests.filter(_get_rest(*cursor, is_backwards=is_backwards))
    due = F("due_at")
    order = (due.desc(nulls_first=True), "-pk") if is_backwards else (due.asc(nulls_last=True), "pk")
    found = list(requests.select_related(*RELATED).order_by(*order)[: page_size + 1])
    has_more, found = len(found) > page_size, found[:page_size]
    if is_backwards:
        found.reverse()
    has_next = has_more if not is_backwards else True
    has_previous = bool(cursor) if not is_backwards else has_more
    return RequestPage(
        rows=build_rows(found, now),
        next=_write_cursor(found[-1]) if found and has_next else "",
        previous=_write_cursor(found[0]) if found and has_previous else "",
        ids=[request.pk for request in found],
    )


def build_rows(requests: Sequence[DeskRequest], now: datetime) -> list[RequestRow]:
    """The requests, loaded with RELATED, with their labels and registrations. Two queries."""
    numbers = {request.number_id for request in requests}
    labels: dict[int, list[Tag]] = defaultdict(list)
    tags = Tag.objects.active().filter(number__in=in_list(numbers)).select_related("engine").defer("raw_response")
    for tag in tags.order_by("detected_at", "pk"):
        labels[tag.number_id].append(tag)
    registrations = {
        (registration.number_id, registration.engine_id): registration
        for registration in DeskRegistration.objects.filter(number__in=in_list(numbers)).defer("reply")
    }
    return [
        RequestRow(
            request,
            labels[request.number_id],
            registrations.get((request.number_id, request.engine_id)),
            _describe_turn(request, labels[request.number_id], now),
        )
        for request in requests
    ]


def _describe_turn(request: DeskRequest, labels: Sequence[Tag], now: datetime) -> str:
    if request.closed_at:
        if earliest := get_earliest(request):
            return describe_wait(request, earliest, now)
        return _ENDINGS.get(request.state, "The case ended, or it was asked again.")
    is_still_seen = any(
        label.engine_id == request.engine_id and label.last_seen_at and label.last_seen_at > request.state_since
        for label in labels
    )
    return describe_turn(request, now, is_still_seen=is_still_seen).sentence


def count_unregistered(requests: Sequence[DeskRequest]) -> int:
    """How many of these numbers are not known to be registered at the engine that the request is about. One query."""
    registered = set(
        DeskRegistration.objects.filter(
            number__in=in_list({request.number_id for request in requests}), state=DeskRegistration.State.CONFIRMED
        ).values_list("number", "engine")
    )
    return sum((request.number_id, request.engine_id) not in registered for request in requests)


def _get_rest(due_at: datetime | None, pk: int, *, is_backwards: bool) -> Q:
    """The requests behind this position, or before it. Those without a due date are last."""
    without = Q(due_at__isnull=True)
    if is_backwards:
        before = Q(due_at__isnull=True, pk__lt=pk)
        return (
            before | Q(due_at__isnull=False) if due_at is None else Q(due_at__lt=due_at) | Q(due_at=due_at, pk__lt=pk)
        )
    if due_at is None:
        return without & Q(pk__gt=pk)
    return without | Q(due_at__gt=due_at) | Q(due_at=due_at, pk__gt=pk)


def _write_cursor(request: DeskRequest) -> str:
    if request.due_at is None:
        return f"{_WITHOUT_DATE}~{request.pk}"
    return f"{(request.due_at - _EPOCH) // timedelta(microseconds=1)}~{request.pk}"


def _read_cursor(text: str) -> tuple[datetime | None, int] | None:
    match = re.fullmatch(r"(-|[0-9]{1,17})~([0-9]{1,18})", text)
    if not match:
        return None
    due_at = None if match[1] == _WITHOUT_DATE else _EPOCH + timedelta(microseconds=int(match[1]))
    return due_at, int(match[2])
