"""The text for redress of blocked calls: for each number one blocked call, with Call-ID and Reason."""

from __future__ import annotations

from collections.abc import Iterator

from reputation.desks.packets.content import Field, Missing, Packet, PacketNumber, Source
from reputation.desks.packets.missing import find_missing


def build(source: Source) -> Packet:
    """Only the dialer knows Call-ID and Reason, so the sender types them."""
    business = source.business
    fields = [
        Field("Company name", business.legal_name),
        Field("Contact name", business.contact_name),
        Field("Contact e-mail", business.contact_email),
        Field("Contact phone", business.contact_phone),
    ]
    return Packet(
        fields=fields,
        text="\n".join(_write(source)),
        missing=(*find_missing(source, labels=False), *_find_missing_calls(source)),
    )


def _write(source: Source) -> Iterator[str]:
    business = source.business
    yield f"{business.name} asks for redress for blocked calls under 47 CFR 64.1200(k)(8)."
    for number in source.numbers:
        call = number.blocked_call
        yield ""
        yield f"Caller ID: {number.e164}"
        yield f"Called number: {call.called if call else ''}".strip()
        yield f"Time: {source.time(call.at) if call else ''}".strip()
        yield "Call-ID:"
        yield "Reason:"
    yield ""
    yield f"Use: {source.purpose}. {business.use_case_details}".strip()
    yield f"Attestation: {business.legal_name} itself uses these numbers."
    yield f"Contact: {business.contact_name}, {business.contact_phone}, {business.contact_email}"


def _find_missing_calls(source: Source) -> Iterator[Missing]:
    yield Missing("Call-ID and Reason", "Only your dialer's log has them. Copy the whole Reason header.", "Type them")
    unknown: list[PacketNumber] = [number for number in source.numbers if number.blocked_call is None]
    if unknown:
        names = ", ".join(number.national for number in unknown[:3]) + (" and others" if len(unknown) > 3 else "")
        yield Missing("An example call", f"No blocked call is known of {names}.", "Type number and time")
