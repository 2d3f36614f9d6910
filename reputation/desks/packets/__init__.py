"""Packets: what is sent to a desk, in the form that it wants, filled from enrollment, evidence and volume.

A packet is for one purpose. The numbers of a campaign are used for one, which is the declared purpose of the calls with
the campaign's name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from portal.models import Account
from reputation.desks.packets import block_redress, hiya_text, one_by_one, purpose_csv, registry_sheet
from reputation.desks.packets.content import Field, Missing, NumberFields, Packet, Source
from reputation.desks.packets.reading import count_calls, read_source
from reputation.models import Campaign, Desk, DeskRequest

__all__ = [
    "Field",
    "Missing",
    "NumberFields",
    "Packet",
    "PurposeGroup",
    "build_packet",
    "choose_requests",
    "split_by_purpose",
]

BUILDERS: dict[str, Callable[[Source], Packet]] = {
    Desk.Form.REGISTRY_SHEET: registry_sheet.build,
    Desk.Form.HIYA_TEXT: hiya_text.build,
    Desk.Form.PURPOSE_CSV: purpose_csv.build,
    Desk.Form.ONE_BY_ONE: one_by_one.build,
    Desk.Form.BLOCK_REDRESS: block_redress.build,
}


# So many numbers are on one page of fields to copy.
MAX_ONE_BY_ONE = 50


@dataclass(frozen=True)
class PurposeGroup:
    """Requests whose numbers are used for one purpose: those of a campaign, or of none."""

    campaign: Campaign | None
    requests: tuple[DeskRequest, ...]

    @property
    def key(self) -> int:
        return self.campaign.pk if self.campaign else 0

    @property
    def name(self) -> str:
        return self.campaign.name if self.campaign else "In no campaign"


def split_by_purpose(requests: Sequence[DeskRequest]) -> list[PurposeGroup]:
    """The requests by purpose, the largest group first. They have their numbers and campaigns loaded."""
    by_campaign: dict[int, list[DeskRequest]] = defaultdict(list)
    for request in requests:
        by_campaign[request.number.campaign_id or 0].append(request)
    groups = [PurposeGroup(members[0].number.campaign, tuple(members)) for members in by_campaign.values()]
    return sorted(groups, key=lambda group: (-len(group.requests), group.name.lower()))


def choose_requests(
    account: Account, desk: Desk, requests: Sequence[DeskRequest], *, limit: int | None, now: datetime
) -> list[DeskRequest]:
    """The requests that one packet may have, of those given: for a desk with a daily limit the most used first."""
    if desk.form == Desk.Form.ONE_BY_ONE:
        limit = min(MAX_ONE_BY_ONE, MAX_ONE_BY_ONE if limit is None else limit)
    chosen = list(requests)
    if desk.form == Desk.Form.ONE_BY_ONE or desk.daily_limit:
        calls = count_calls(account, [request.number_id for request in chosen], now)
        chosen.sort(key=lambda request: -calls.get(request.number_id, 0))
    return chosen if limit is None else chosen[:limit]


def build_packet(account: Account, desk: Desk, group: PurposeGroup, *, now: datetime) -> Packet:
    """The packet for these requests, in their order. Reads only."""
    source = read_source(account, desk, group.campaign, group.requests, now)
    return replace(BUILDERS[desk.form](source), mailbox=source.business.contact_email)
