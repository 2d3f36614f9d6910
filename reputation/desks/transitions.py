"""Changes of requests' states: the one path for one request and many, with an audit event for each.

Call these in a transaction. Cases are locked before their requests, in the order of their ids, as the sweep of cases
locks them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import F, QuerySet, Value
from django.db.models.expressions import Combinable

from portal import audit
from portal.audit import Context
from portal.db.bulk import update_rows
from portal.db.in_list import in_list
from reputation.desks.submissions import update_submissions
from reputation.models import Case, DeskRequest

# What a request has that nobody works on.
UNCLAIMED: Final[dict[str, Any]] = {"claimed_by": None, "claimed_until": None}


def lock(requests: QuerySet[DeskRequest]) -> list[DeskRequest]:
    """The requests with their number, desk, account and former request, locked with their cases; three queries."""
    pairs = dict(requests.order_by("pk").values_list("pk", "case_id"))
    cases = Case.objects.filter(pk__in=in_list(set(pairs.values())))
    list(cases.select_for_update().order_by("pk").values_list("pk", flat=True))
    locked = DeskRequest.objects.filter(pk__in=in_list(pairs)).select_for_update(of=("self",))
    return list(locked.select_related("number", "desk", "account", "former", "case", "engine").order_by("pk"))


def move(
    requests: Sequence[DeskRequest],
    *,
    to: DeskRequest.State,
    context: Context,
    due_at: Mapping[int, datetime] | None = None,
    **values: Any,
) -> None:
    """Moves the locked requests, updates the submissions of their cases, and ends claims.

    `due_at` has the new due date by the request's id; without it, they have none. `values` are more columns.
    """
    if not requests:
        return
    rows = DeskRequest.objects.filter(pk__in=in_list(request.pk for request in requests))
    record(rows, to=to, before=F("state"), context=context)
    rows.update(state=to, state_since=context.now, due_at=None, **UNCLAIMED, **values)
    if due_at:
        update_rows(DeskRequest, [{"id": pk, "due_at": due} for pk, due in due_at.items()])
    update_submissions({request.case_id for request in requests}, now=context.now)


def record(requests: QuerySet[DeskRequest], *, to: DeskRequest.State, before: Combinable, context: Context) -> None:
    """Records an audit event about each of the requests, with the name of its desk."""
    audit.record_changes(
        requests,
        context=context,
        code=f"desk_request.{to}",
        label=F("number__e164"),
        before=before,
        after=Value(str(to)),
        reason=F("desk__name"),
    )
