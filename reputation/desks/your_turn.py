"""Whose turn it is with the open requests about a number, as sentences for pages, mails and the API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef

from portal.db.in_list import in_list
from portal.text import name_in_sentence
from reputation.desks.new_requests import get_earliest
from reputation.models import DeskRequest, Tag
from reputation.providers.connections import is_anyone_asked_by_people

State = DeskRequest.State

# What is known of the time that desks take. None promises one.
DESK_TIMES = "Desks take 2 to 10 business days, some weeks, and some never answer."


@dataclass(frozen=True)
class Turn:
    """A sentence about one request: what is to be done, or who has to answer. `due_at` is by when, if that is known.

    `summary` has few words, for a badge.
    """

    sentence: str
    is_yours: bool
    due_at: datetime | None
    summary: str = "your turn"


def get_turns(number_ids: Collection[int], now: datetime) -> dict[int, list[Turn]]:
    """The turns of each number with open requests: the account's first, then by date.

    Two queries, one without such requests, and none without desks.
    """
    if not number_ids or not is_anyone_asked_by_people():
        return {}
    open_ids = list(
        DeskRequest.objects.open().filter(number__in=in_list(number_ids)).order_by().values_list("pk", flat=True)
    )
    if not open_ids:
        return {}
    still_seen = Tag.objects.active().filter(
        number=OuterRef("number"), engine=OuterRef("engine"), last_seen_at__gt=OuterRef("state_since")
    )
    requests = DeskRequest.objects.filter(pk__in=in_list(open_ids))
    turns: dict[int, list[Turn]] = defaultdict(list)
    for request in (
        requests.annotate(is_still_seen=Exists(still_seen)).select_related("desk", "account", "former").due_first()
    ):
        turns[request.number_id].append(describe_turn(request, now, is_still_seen=request.is_still_seen))
    return {number: sorted(found, key=lambda turn: not turn.is_yours) for number, found in turns.items()}


def describe_turn(request: DeskRequest, now: datetime, *, is_still_seen: bool) -> Turn:
    """`is_still_seen` tells that the label was found after the last step. Select desk, account and former with it."""
    desk, due_at = request.desk.name, request.due_at
    inside = name_in_sentence(desk)
    by = f" by {format_day(due_at, request, now)}" if due_at else ""
    late = " This is late." if due_at and due_at < now else ""
    match request.state:
        case State.TO_SEND if request.not_before and request.not_before > now:
            day = format_day(request.not_before, request, now)
            return Turn(f"{desk} is not asked again before {day}.", False, request.not_before, f"to be sent from {day}")
        case State.TO_SEND if request.former and get_earliest(request.former) and not request.what_changed:
            return Turn(f"Your turn: note what changed, and send the request to {inside}{by}.{late}", True, due_at)
        case State.TO_SEND:
            return Turn(f"Your turn: send the request to {inside}{by}.{late}", True, due_at)
        case State.QUESTION:
            return Turn(f"Your turn: answer {_possessive(inside)} question{by}.{late}", True, due_at)
        case State.SILENT:
            return Turn(f"Your turn: {inside} did not answer. Ask again or withdraw{by}.{late}", True, due_at)
        case State.DONE if is_still_seen:
            return Turn(f"Your turn: {inside} said done, but the label was seen again. Ask again.", True, None)
        case State.DONE:
            sentence = f"{desk} says done. Only test calls or look-ups without the label end the case."
            return Turn(sentence, False, None, f"{desk} says done")
    until = f" until {format_day(due_at, request, now)}" if due_at else ""
    return Turn(f"Waiting for {inside}{until}.", False, due_at, f"waiting for {inside}")


def describe_wait(request: DeskRequest, earliest: datetime, now: datetime) -> str:
    """What follows a refusal because of how the number is used. `earliest` is when it may be sent again."""
    return (
        f"{request.desk.name} refused because of how the number is used. Fix what led to it, then ask again: the "
        f"request is sent on {format_day(earliest, request, now)} at the earliest."
    )


def address(sentence: str, *, may_act: bool) -> str:
    """The sentence for a member, or the words of a badge: it is never the turn of one who may not act."""
    if may_act:
        return sentence
    sentence = sentence.replace("Your turn:", "Waits for an owner or admin:")
    return sentence.replace("Your turn", "Waits for an admin").replace("your turn", "waits for an admin")


def join_sentences(turns: Iterable[Turn]) -> str:
    return " ".join(turn.sentence for turn in turns)


def format_day(at: datetime, request: DeskRequest, now: datetime) -> str:
    """Such as "3 Dec", or "8 Jan 2027" in another year, in the account's time zone."""
    zone = ZoneInfo(request.account.time_zone)
    day = at.astimezone(zone)
    year = "" if day.year == now.astimezone(zone).year else f" {day.year}"
    return f"{day.day} {day:%b}{year}"


def _possessive(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"
