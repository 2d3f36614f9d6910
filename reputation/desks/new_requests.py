"""New requests to desks, whoever opens them: their columns, and the one INSERT."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from django.conf import settings
from django.db.models import Value

from portal.audit import Context
from portal.db.bulk import insert_rows
from portal.db.in_list import in_list
from portal.models import Account
from reputation.desks import transitions
from reputation.desks.deadlines import get_send_by
from reputation.models import DeskRequest, Tag

State = DeskRequest.State


class NewRequest(TypedDict):
    account_id: int
    number_id: int
    desk_id: int
    case_id: int | None
    engine_id: int
    former_id: int | None
    state: State
    state_since: datetime
    what_changed: str
    not_before: datetime | None
    due_at: datetime
    created_at: datetime


def build_row(
    account: Account,
    label: Tag | DeskRequest,
    desk_id: int,
    former: DeskRequest | None,
    *,
    now: datetime,
    not_before: datetime | None = None,
    what_changed: str = "",
) -> NewRequest:
    """A request about the same number, engine and case as `label`, due some business days after it may be sent.

    It refers to the last one that the desk got: a former that was never sent changes nothing about when it may be
    asked. Select the former of `former` with it.
    """
    if former and former.was_never_sent:
        former = former.former
    dates = [date for date in (not_before, former and get_earliest(former)) if date and date > now]
    earliest = max(dates, default=None)
    return {
        "account_id": account.pk,
        "number_id": label.number_id,
        "desk_id": desk_id,
        "case_id": label.case_id,
        "engine_id": label.engine_id,
        "former_id": former.pk if former else None,
        "state": State.TO_SEND,
        "state_since": now,
        "what_changed": what_changed,
        "not_before": earliest,
        "due_at": get_send_by(account, earliest or now),
        "created_at": now,
    }


def get_earliest(former: DeskRequest) -> datetime | None:
    """When it may be asked again after this request. None: at once.

    After a refusal because of how the number is used, the desk looks again only once calls have changed for a while.
    """
    if former.state != State.REFUSED or former.refusal != DeskRequest.Refusal.BEHAVIOUR:
        return None
    return former.state_since + timedelta(days=settings.DESKS.behaviour_wait_days)


def insert(rows: Sequence[NewRequest], *, context: Context) -> list[int]:
    """Inserts those that are not open already; returns their ids."""
    if not rows:
        return []
    insert_rows(DeskRequest, rows, ignore_conflicts=True)
    added = DeskRequest.objects.open().filter(
        number__in=in_list({row["number_id"] for row in rows}),
        desk__in=in_list({row["desk_id"] for row in rows}),
        created_at=context.now,
        state=State.TO_SEND,
    )
    transitions.record(added, to=State.TO_SEND, before=Value(""), context=context)
    return list(added.order_by("pk").values_list("pk", flat=True))
