"""Requests to desks: claimed by one person at a time, asked again, withdrawn, and closed.

One request of a number is open at a desk. Each function takes any number of requests with the same number of queries.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Case as SQLCase
from django.db.models import Exists, F, OuterRef, Q, Value, When

from portal.audit import Context
from portal.db.bulk import update_rows
from portal.db.in_list import in_list
from portal.models import Account, User
from reputation.desks import transitions
from reputation.desks.new_requests import build_row, get_earliest, insert
from reputation.desks.submissions import update_submissions
from reputation.models import Case, DeskRequest, Tag
from reputation.models.desks import DeskRequestQuerySet

State = DeskRequest.State


class NotAskable(Exception):
    """Nothing was changed; the message says why and what to do."""


def claim(account: Account, ids: Sequence[int], *, user: User, now: datetime) -> list[int]:
    """Keeps these open requests for the user for `claim_minutes`; returns the ids of those that nobody else has."""
    until = now + timedelta(minutes=settings.DESKS.claim_minutes)
    with transaction.atomic():
        free = DeskRequest.objects.for_account(account).open().unclaimed(user.pk, now).filter(pk__in=in_list(ids))
        claimed = list(free.select_for_update().order_by("pk").values_list("pk", flat=True))
        DeskRequest.objects.filter(pk__in=in_list(claimed)).update(claimed_by=user, claimed_until=until)
    return claimed


def release(account: Account, ids: Sequence[int], *, user: User) -> None:
    """Ends the user's claims on these requests."""
    mine = DeskRequest.objects.for_account(account).filter(pk__in=in_list(ids), claimed_by=user)
    mine.update(**transitions.UNCLAIMED)


def ask_again(
    account: Account,
    ids: Sequence[int],
    *,
    what_changed: str = "",
    not_before: datetime | None = None,
    context: Context,
) -> list[int]:
    """Opens requests that refer to these, which were refused, withdrawn, not answered, or called done although the
    label still shows; returns the ids of the requests to send. All or nothing: raises NotAskable.

    For a request that is still to be sent, stores the date and what changed. The sweep of cases opens failed cases
    again.
    """
    now, what_changed = context.now, what_changed.strip()
    with transaction.atomic():
        requests = transitions.lock(DeskRequest.objects.for_account(account).filter(pk__in=in_list(ids)))
        if len(requests) < len(set(ids)) or not requests:
            raise NotAskable("Some of these requests do not exist any more. Open the list again.")
        _check_askable(requests, what_changed)
        waiting = [request for request in requests if request.is_open and request.state == State.TO_SEND]
        _change_waiting(waiting, what_changed, not_before, now)
        asked = [request for request in requests if request not in waiting]
        DeskRequest.objects.open().filter(pk__in=in_list(request.pk for request in asked)).update(
            closed_at=now, due_at=None, **transitions.UNCLAIMED
        )
        rows = [
            build_row(
                account,
                request,
                request.desk_id,
                request,
                now=now,
                not_before=not_before,
                what_changed=what_changed,
            )
            for request in asked
        ]
        added = insert(rows, context=context)
        update_submissions({request.case_id for request in requests}, now=now)
    return sorted([*added, *(request.pk for request in waiting)])


def _check_askable(requests: Sequence[DeskRequest], what_changed: str) -> None:
    ids = in_list(request.pk for request in requests)
    rows = DeskRequest.objects.filter(pk__in=ids)
    labels = Tag.objects.active().filter(number=OuterRef("number"), engine=OuterRef("engine"))
    labelled = set(rows.filter(Exists(labels)).values_list("pk", flat=True))
    still_seen = labels.filter(last_seen_at__gt=OuterRef("state_since"))
    seen_since = set(rows.filter(Exists(still_seen)).values_list("pk", flat=True))
    later = DeskRequest.objects.filter(number=OuterRef("number"), desk=OuterRef("desk"), pk__gt=OuterRef("pk"))
    followed = set(rows.filter(Exists(later)).values_list("pk", flat=True))
    for request in requests:
        name = f"{request.number} at {request.desk}"
        if request.pk in followed:
            raise NotAskable(f"{name} was asked again already. Nothing was changed.")
        if request.case.state not in (*Case.UNFINISHED, Case.State.FAILED) or request.pk not in labelled:
            raise NotAskable(f"The label of {name} is gone, or its case has ended. There is nothing to ask for.")
        if request.is_open and request.state in DeskRequest.WITH_DESK:
            raise NotAskable(f"{name} is not answered yet. Wait for the answer, or withdraw the request first.")
        if request.is_open and request.state == State.DONE and request.pk not in seen_since:
            raise NotAskable(f"{request.desk} says that {name} is done. Ask again only if a call shows the label.")
        refused = request.former if request.was_never_sent else request
        if refused and get_earliest(refused) and not (what_changed or request.what_changed):
            raise NotAskable(f"{request.desk} refused {request.number} because of how it is used. Say what changed.")


def _change_waiting(
    requests: Sequence[DeskRequest], what_changed: str, not_before: datetime | None, now: datetime
) -> None:
    """Stores the note and the date of requests that are still to be sent. A date never comes before the rule's."""
    rows = []
    for request in requests:
        row = build_row(
            request.account,
            request,
            request.desk_id,
            request.former,
            now=now,
            not_before=not_before or request.not_before,
        )
        note = what_changed or request.what_changed
        rows.append({"id": request.pk, "what_changed": note, "not_before": row["not_before"], "due_at": row["due_at"]})
    update_rows(DeskRequest, rows)


def withdraw(account: Account, ids: Sequence[int], *, context: Context) -> list[int]:
    """The account no longer asks for these; returns the ids of those that were open.

    Somebody has to tell the desk what it has already. A case without another request fails.
    """
    with transaction.atomic():
        requests = DeskRequest.objects.for_account(account).open().filter(pk__in=in_list(ids))
        open_ones = [request for request in transitions.lock(requests) if request.is_open]
        transitions.move(open_ones, to=State.WITHDRAWN, context=context, closed_at=context.now)
    return [request.pk for request in open_ones]


def close_for_cases(case_ids: Collection[int], *, now: datetime) -> None:
    """Closes the open requests of cases that ended."""
    close(DeskRequest.objects.filter(case__in=in_list(case_ids)), now=now)


def close_without_label(number_ids: Collection[int], *, now: datetime) -> None:
    """Closes the open requests about these numbers whose engine no longer labels the number."""
    labels = Tag.objects.active().filter(case=OuterRef("case"), engine=OuterRef("engine"))
    close(DeskRequest.objects.filter(~Exists(labels), number__in=in_list(number_ids)), now=now)


def close_for_engine(engine_id: int, *, now: datetime) -> None:
    """Closes the open requests about labels of this engine: another provider asks it from now on."""
    close(DeskRequest.objects.filter(engine=engine_id), now=now)


def close(requests: DeskRequestQuerySet, *, now: datetime) -> None:
    """Closes those that are open, in the transaction of the reason. Only those never sent change their state."""
    unsent = Q(state=State.TO_SEND)
    requests.open().update(
        state=SQLCase(When(unsent, then=Value(State.WITHDRAWN)), default=F("state")),
        state_since=SQLCase(When(unsent, then=Value(now)), default=F("state_since")),
        closed_at=now,
        due_at=None,
        **transitions.UNCLAIMED,
    )
