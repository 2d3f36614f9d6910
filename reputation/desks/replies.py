"""Replies of desks: kept verbatim, with the state that somebody reads from them.

That a desk says *done* is a claim. It puts the number first in the next round of test calls, and ends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from portal.audit import Context
from portal.db.in_list import in_list
from portal.models import Account
from reputation.desks import transitions
from reputation.desks.deadlines import add_business_days, get_send_by
from reputation.models import DeskReply, DeskRequest

State = DeskRequest.State
# What a reply can say.
REPLY_STATES = (State.ACKNOWLEDGED, State.QUESTION, State.DONE, State.REFUSED)


class ReplyRefused(Exception):
    """Nothing was stored; the message says why and what to do."""


def record_reply(
    account: Account,
    ids: Sequence[int],
    *,
    state: str,
    text: str,
    received_at: datetime,
    due_at: datetime | None = None,
    refusal: str = "",
    context: Context,
) -> DeskReply:
    """Stores one reply of a desk to these requests, and moves those that are open. All or nothing: raises ReplyRefused.

    A reply to requests that have ended is kept all the same. `due_at` is the date that the desk names for the answer
    to its question.
    """
    with transaction.atomic():
        requests = transitions.lock(DeskRequest.objects.for_account(account).filter(pk__in=in_list(ids)))
        _check(requests, set(ids), state=state, text=text, received_at=received_at, refusal=refusal, now=context.now)
        reply = DeskReply.objects.create(
            account=account,
            text=text,
            state=state,
            received_at=received_at,
            recorded_by=context.actor.user,
            recorded_at=context.now,
        )
        reply.requests.add(*requests)
        open_ones = [request for request in requests if request.is_open]
        is_refused = state == State.REFUSED
        transitions.move(
            open_ones,
            to=State(state),
            context=context,
            due_at=_get_due_dates(open_ones, State(state), received_at, due_at),
            refusal=refusal if is_refused else "",
            closed_at=context.now if is_refused else None,
        )
    return reply


def _check(
    requests: Sequence[DeskRequest],
    ids: set[int],
    *,
    state: str,
    text: str,
    received_at: datetime,
    refusal: str,
    now: datetime,
) -> None:
    if not requests or len(requests) < len(ids):
        raise ReplyRefused("Some of these requests do not exist any more. Open the list again; nothing was stored.")
    if len({request.desk_id for request in requests}) > 1:
        raise ReplyRefused("A reply comes from one desk. Record those of other desks separately.")
    if state not in REPLY_STATES:
        raise ReplyRefused("Choose what the reply says: acknowledged, a question, done, or refused.")
    if state == State.REFUSED and refusal not in DeskRequest.Refusal.values:
        raise ReplyRefused("Choose why the desk refused. If it gave no reason, choose that.")
    if not text.strip():
        raise ReplyRefused("Enter the desk's words exactly as they came.")
    if received_at > now:
        raise ReplyRefused("The reply cannot have come in the future.")
    for request in requests:
        if not request.sent_at:
            raise ReplyRefused(f"{request.number} was not sent to {request.desk} yet. Record first that it was sent.")


def _get_due_dates(
    requests: Sequence[DeskRequest], state: DeskRequest.State, received_at: datetime, due_at: datetime | None
) -> dict[int, datetime]:
    """Until when the desk answers, or the account. A desk that says done, or refuses, answers no more."""
    if state == State.QUESTION:
        return {request.pk: due_at or get_send_by(request.account, received_at) for request in requests}
    if state == State.ACKNOWLEDGED:
        return {
            request.pk: add_business_days(received_at, request.desk.answer_days, request.account.time_zone)
            for request in requests
        }
    return {}
