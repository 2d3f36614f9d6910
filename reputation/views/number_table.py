"""The table of numbers, which several pages show."""

from __future__ import annotations

from datetime import datetime

from portal.accounts.access import MemberRequest
from portal.db.keyset import parse_ids
from reputation.bulk_actions.labels import ACTION_LABELS
from reputation.models import BulkAction, Campaign, PhoneNumber, Registration
from reputation.number_table.scope import NumberScope
from reputation.number_table.table import PAGE_SIZE, NumberTable, get_number_table
from reputation.work.waiting import find_due_registration


def read_number_table(request: MemberRequest, scope: NumberScope) -> NumberTable:
    """The page of the table that the request asks for.

    An open page that looks for changes sends the ids of its rows in the header X-Shown-Rows.
    """
    shown_ids = parse_ids(request.headers.get("X-Shown-Rows", "").split(",")[:PAGE_SIZE])
    return get_number_table(request.GET, scope=scope, now=request.context.now, shown_ids=shown_ids)


def get_bulk_buttons(*actions: BulkAction.Action, campaign: Campaign | None = None) -> dict[str, object]:
    """The buttons for bulk actions above the table: `bulk` in `reputation/_number_table.html`."""
    return {"actions": [(action, ACTION_LABELS[action]) for action in actions], "campaign": campaign}


def find_due_verification(table: NumberTable, now: datetime) -> datetime | None:
    """Since when the verification of a number on the page is due, and no worker is at it. One query at most."""
    numbers = [row.number for row in table.rows]
    verifying = [number.pk for number in numbers if number.capability == PhoneNumber.Capability.VERIFYING]
    return find_due_registration(Registration.objects.filter(number__in=verifying), now) if verifying else None
