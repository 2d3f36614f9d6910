"""First Orion's form: a CSV file of numbers and call purposes, and the business's data."""

from __future__ import annotations

from reputation.desks.packets.content import Field, Packet, Source, build_csv, describe_number
from reputation.desks.packets.missing import find_missing


def build(source: Source) -> Packet:
    business = source.business
    fields = [
        Field("Company name", business.legal_name),
        Field("Trade name", business.trade_name),
        Field("Address", business.street),
        Field("City", business.city),
        Field("State", business.state),
        Field("ZIP", business.zip_code),
        Field("Website", business.website),
        Field("Contact name", business.contact_name),
        Field("Contact e-mail", business.contact_email),
        Field("Contact phone", business.contact_phone),
        Field("Call purpose", source.purpose),
    ]
    lines = [
        f"{business.name} asks for the review of the labels of these numbers, which it uses itself for: "
        f"{source.purpose}.",
        "",
        *(f"{number.ten_digits}: {describe_number(source, number)}" for number in source.numbers),
    ]
    rows = [("number", "call purpose"), *((number.ten_digits, source.purpose) for number in source.numbers)]
    return Packet(
        fields=fields,
        text="\n".join(lines),
        file_name=source.file_name("purposes"),
        file_content=build_csv(rows),
        missing=find_missing(source),
    )
