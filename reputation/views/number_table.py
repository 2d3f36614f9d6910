"""The table of numbers, which several pages show."""

from __future__ import annotations

from portal.accounts.access import MemberRequest
from portal.db.keyset import parse_ids
from reputation.bulk_actions.labels import ACTION_LABELS
from reputation.models import BulkAction, Campaign
from reputation.number_table.scope import NumberScope
from reputation.number_table.table import PAGE_SIZE, NumberTable, get_number_table


def read_number_table(request: MemberRequest, scope: NumberScope) -> NumberTable:
    """The page of the table that the request asks for.

    An open page that looks for changes sends the ids of its rows in the header X-Shown-Rows.
    """
    shown_ids = parse_ids(request.headers.get("X-Shown-Rows", "").split(",")[:PAGE_SIZE])
    return get_number_table(request.GET, scope=scope, now=request.context.now, shown_ids=shown_ids)


def get_bulk_buttons(*actions: BulkAction.Action, campaign: Campaign | None = None) -> dict[str, object]:
    """The buttons for bulk actions above the table: `bulk` in `reputation/_number_table.html`."""
    return {"actions": [(action, ACTION_LABELS[action]) for action in actions], "campaign": campaign}
