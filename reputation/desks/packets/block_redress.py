"""The text for redress of blocked calls: for each number one blocked call, with Call-ID and Reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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


# What the carrier needs to find a blocked call, as the text names it.
REQUIRED = ("Called number", "Time", "Call-ID", "Reason")
_CALLER = "Caller ID"


def find_incomplete(text: str, e164s: Iterable[str]) -> dict[str, list[str]]:
    """What the text lacks of each of these numbers, by number. Complete numbers are left out."""
    calls = {}
    for caller, lines in _split_by_caller(text):
        if caller:
            calls[_digits(caller)] = _read_values(lines)
    lacking = {e164: [name for name in REQUIRED if not calls.get(_digits(e164), {}).get(name)] for e164 in e164s}
    return {e164: names for e164, names in lacking.items() if names}


def leave_out(text: str, e164s: Iterable[str]) -> str:
    """The text without the calls of these numbers."""
    left = {_digits(e164) for e164 in e164s}
    kept = [lines for caller, lines in _split_by_caller(text) if not caller or _digits(caller) not in left]
    return "\n".join(line for lines in kept for line in lines)


def _split_by_caller(text: str) -> Iterator[tuple[str, list[str]]]:
    """The lines of each call with its caller ID, and the lines between with an empty one. An empty line ends a call."""
    caller, lines = "", list[str]()
    for line in text.splitlines():
        name, _, value = line.partition(":")
        is_caller = name.strip() == _CALLER
        if is_caller or (caller and not line.strip()):
            yield caller, lines
            caller, lines = value.strip() if is_caller else "", []
        lines.append(line)
    yield caller, lines


def _read_values(lines: Sequence[str]) -> dict[str, str]:
    """The values by name. A value may go on in the next lines, as a folded Reason header does."""
    values: dict[str, str] = {}
    current = ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in (_CALLER, *REQUIRED):
            current = name.strip()
            values[current] = value.strip()
        elif current:
            values[current] = f"{values[current]} {line.strip()}".strip()
    return values


def _digits(number: str) -> str:
    """The ten digits of a number of +1, however it is written."""
    return "".join(filter(str.isdigit, number))[-10:]


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
