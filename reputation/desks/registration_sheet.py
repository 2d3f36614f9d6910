"""What is sent to register numbers: the fields of the desk's form, and the sheet or CSV file of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from portal.models import Account, today_of
from reputation.desks.packets import purpose_csv, registry_sheet
from reputation.desks.packets.content import Packet, PacketNumber, Source
from reputation.desks.packets.missing import find_missing
from reputation.desks.packets.reading import count_calls, describe_purpose, read_business
from reputation.models import Desk


def build_registration(account: Account, desk: Desk, numbers: Sequence[tuple[int, str]], *, now: datetime) -> Packet:
    """The packet for these numbers (id and E.164), in their order. What is missing is named. Two queries.

    A registration is about the business, so no label is asked for.
    """
    business = read_business(account)
    calls = count_calls(account, [pk for pk, _ in numbers], now)
    source = Source(
        desk=desk.name,
        business=business,
        purpose=describe_purpose(business.use_case, None),
        numbers=tuple(PacketNumber(pk, e164, calls=calls.get(pk, 0) if calls else None) for pk, e164 in numbers),
        zone=ZoneInfo(account.time_zone),
        today=today_of(account, now),
    )
    builder = purpose_csv if desk.form == Desk.Form.PURPOSE_CSV else registry_sheet
    packet = builder.build(source)
    text = "\n".join(f"{field.name}: {field.value}" for field in packet.fields)
    return replace(packet, text=text, missing=find_missing(source, labels=False))
