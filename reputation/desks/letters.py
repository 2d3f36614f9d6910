"""Letters to desks: what somebody sent, exactly, for one request or many. All or nothing, and each request once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.db import transaction

from portal.audit import Context
from portal.db.in_list import in_list
from portal.models import Account, today_of
from portal.text import join_names, pluralize
from reputation.desks import transitions
from reputation.desks.deadlines import add_business_days
from reputation.desks.new_requests import get_earliest
from reputation.models import Desk, DeskLetter, DeskReply, DeskRequest

State = DeskRequest.State
# So many numbers are named in a message about several.
_NAMED = 3


class NotSendable(Exception):
    """Nothing was stored; the message says why and what to do."""


@dataclass(frozen=True)
class LetterDraft:
    """What was sent to the desk. `attested_by` declared that the business itself uses the numbers."""

    desk_id: int
    text: str
    attested_by: str
    file_name: str = ""
    file_content: str = ""
    reference: str = ""
    mailbox: str = ""


def send(account: Account, ids: Sequence[int], draft: LetterDraft, *, context: Context) -> DeskLetter:
    """Stores that these requests were sent with this letter. The desk then has its business days to answer.

    Raises NotSendable. A second click with the same ids changes nothing.
    """
    with transaction.atomic():
        requests = _lock(account, ids, draft)
        desk = requests[0].desk
        _check_sendable(requests, desk, context)
        _check_limits(account, requests, desk, context.now)
        letter = _build_letter(account, draft, context)
        letter.save()
        _wait_for_answer(requests, desk, to=State.SENT, context=context, letter=letter, sent_at=context.now)
    return letter


def answer(account: Account, ids: Sequence[int], draft: LetterDraft, *, context: Context) -> list[DeskLetter]:
    """Stores the answer to the desk's questions about these requests, and waits for the desk again.

    A letter answers one question, so the answer to several is stored once for each. Raises NotSendable.
    """
    with transaction.atomic():
        requests = _lock(account, ids, draft)
        for request in requests:
            if not request.is_open or request.state != State.QUESTION:
                raise NotSendable(f"{request.desk} asks nothing about {request.number} now. Nothing was stored.")
            _check_claim(request, context)
        letters = [_build_letter(account, draft, context, answers=question) for question in _get_questions(requests)]
        DeskLetter.objects.bulk_create(letters)
        _wait_for_answer(requests, requests[0].desk, to=State.ACKNOWLEDGED, context=context)
    return letters


def get_room_today(account: Account, desk: Desk, now: datetime) -> int | None:
    """How many more numbers the desk takes from the account today. None: any number."""
    if desk.daily_limit is None:
        return None
    today = datetime.combine(today_of(account, now), time.min, tzinfo=ZoneInfo(account.time_zone))
    sent = DeskRequest.objects.for_account(account).filter(desk=desk, sent_at__gte=today).count()
    return max(desk.daily_limit - sent, 0)


def _lock(account: Account, ids: Sequence[int], draft: LetterDraft) -> list[DeskRequest]:
    """The requests. The account is locked as well, so that two people cannot exceed the desk's daily limit."""
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    requests = transitions.lock(DeskRequest.objects.for_account(account).filter(pk__in=in_list(ids)))
    if not requests or len(requests) < len(set(ids)):
        raise NotSendable("Some of these requests do not exist any more. Open the list again; nothing was stored.")
    if any(request.desk_id != draft.desk_id for request in requests):
        raise NotSendable("A letter goes to one desk. Send the requests to other desks separately.")
    if not draft.text.strip():
        raise NotSendable("Enter the text exactly as you sent it.")
    if not draft.attested_by.strip():
        raise NotSendable("Name the person who declares that your business itself uses these numbers.")
    return requests


def _check_sendable(requests: Sequence[DeskRequest], desk: Desk, context: Context) -> None:
    sent = [request for request in requests if request.state != State.TO_SEND]
    if sent and len(sent) == len(requests):
        at = next((request.sent_at for request in sent if request.sent_at), None)
        when = f" on {at.astimezone(ZoneInfo(requests[0].account.time_zone)):%d %b %Y}" if at else ""
        raise NotSendable(f"This was stored as sent to {desk} already{when}. Nothing was changed.")
    if sent:
        raise NotSendable(f"{_name(sent)} cannot be sent to {desk} now: sent already, or withdrawn. Leave out these.")
    for request in requests:
        _check_claim(request, context)
        if request.not_before and request.not_before > context.now:
            date = request.not_before.astimezone(ZoneInfo(request.account.time_zone))
            raise NotSendable(f"{request.number} is not to be sent to {desk} before {date:%d %b %Y}.")
        if request.former and get_earliest(request.former) and not request.what_changed:
            raise NotSendable(
                f"{desk} refused {request.number} because of how it is used. Note first what changed since then."
            )


def _check_claim(request: DeskRequest, context: Context) -> None:
    user = context.actor.user
    if request.is_claimed_by_other(user.pk if user else None, context.now):
        holder = request.claimed_by.get_full_name() if request.claimed_by else "Somebody else"
        raise NotSendable(f"{holder} works on {request.number} at {request.desk}. Nothing was stored.")


def _check_limits(account: Account, requests: Sequence[DeskRequest], desk: Desk, now: datetime) -> None:
    if desk.batch_limit is not None and len(requests) > desk.batch_limit:
        raise NotSendable(f"{desk} takes {pluralize(desk.batch_limit, 'number')} a letter. Choose fewer.")
    room = get_room_today(account, desk, now)
    if room is not None and len(requests) > room:
        raise NotSendable(
            f"{desk} takes {pluralize(desk.daily_limit or 0, 'number')} a day, and today {room:,} more. "
            f"Send the others on another day."
        )


def _name(requests: Sequence[DeskRequest]) -> str:
    names = [str(request.number) for request in requests[:_NAMED]]
    more = len(requests) - len(names)
    return join_names([*names, f"{more:,} more"] if more else names)


def _get_questions(requests: Sequence[DeskRequest]) -> list[int | None]:
    """The ids of the last question about each of these requests, each once; one query. None: it was not kept."""
    about = DeskReply.requests.through.objects.filter(
        deskrequest__in=in_list(request.pk for request in requests), deskreply__state=State.QUESTION
    )
    last = dict(about.order_by("deskreply").values_list("deskrequest", "deskreply"))
    return list(dict.fromkeys(last.get(request.pk) for request in requests))


def _build_letter(account: Account, draft: LetterDraft, context: Context, answers: int | None = None) -> DeskLetter:
    return DeskLetter(
        account=account,
        desk_id=draft.desk_id,
        text=draft.text,
        file_name=draft.file_name[:120],
        file_content=draft.file_content,
        reference=draft.reference.strip()[:120],
        mailbox=draft.mailbox.strip(),
        sent_by=context.actor.user,
        attested_by=draft.attested_by.strip()[:120],
        answers_id=answers,
        sent_at=context.now,
    )


def _wait_for_answer(
    requests: Sequence[DeskRequest], desk: Desk, *, to: DeskRequest.State, context: Context, **values: object
) -> None:
    due_at = add_business_days(context.now, desk.answer_days, requests[0].account.time_zone)
    transitions.move(
        requests, to=to, context=context, due_at=dict.fromkeys((request.pk for request in requests), due_at), **values
    )
