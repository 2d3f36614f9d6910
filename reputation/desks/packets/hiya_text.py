"""Hiya's form: all numbers in one text, and a description with the context of each."""

from __future__ import annotations

from collections.abc import Iterator

from reputation.desks.packets.content import Field, Packet, Source, describe_number, describe_volume
from reputation.desks.packets.missing import find_missing


def build(source: Source) -> Packet:
    business = source.business
    numbers = ", ".join(number.ten_digits for number in source.numbers)
    text = "\n".join(_write_description(source))
    fields = [
        Field("E-mail", business.contact_email),
        Field("Type", "Business"),
        Field("Business name", business.name),
        Field("Website", business.website),
        Field("Phone numbers", numbers),
        Field("Name", business.contact_name),
    ]
    return Packet(fields=fields, text=text, missing=find_missing(source, consent=True))


def _write_description(source: Source) -> Iterator[str]:
    business = source.business
    yield f"We are {business.name}, {business.website}, and use these numbers ourselves. Please review their labels."
    yield ""
    yield f"Phone numbers: {', '.join(number.ten_digits for number in source.numbers)}"
    yield f"Use: {source.purpose}. {business.use_case_details}".strip()
    volume = describe_volume(source)
    yield f"Volume: {volume.value} calls per month. {volume.note}".strip()
    yield f"Consent: {' '.join(business.consent)}".strip()
    yield ""
    yield "Labels seen:"
    for number in source.numbers:
        yield f"- {number.ten_digits}: {describe_number(source, number)}"
