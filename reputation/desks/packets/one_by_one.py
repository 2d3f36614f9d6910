"""T-Mobile's form: one number at a time, so a list of fields to copy for each, not a file."""

from __future__ import annotations

from reputation.desks.packets.content import Field, NumberFields, Packet, PacketNumber, Source, describe_number
from reputation.desks.packets.missing import find_missing


def build(source: Source) -> Packet:
    """The text says what was sent for all numbers, in the order of the list."""
    business = source.business
    fields = [
        Field("Business name", business.legal_name),
        Field("Contact name", business.contact_name),
        Field("Contact e-mail", business.contact_email),
        Field("Contact phone", business.contact_phone),
        Field("Website", business.website),
        Field("Use", source.purpose),
    ]
    each = tuple(NumberFields(number, _get_fields(source, number)) for number in source.numbers)
    shared = [f"{field.name}: {field.value}" for field in fields]
    blocks = ["\n".join(f"{field.name}: {field.value}" for field in one.fields) for one in each]
    return Packet(
        fields=fields, text="\n\n".join(["\n".join(shared), *blocks]), missing=find_missing(source), one_by_one=each
    )


def _get_fields(source: Source, number: PacketNumber) -> tuple[Field, ...]:
    return (Field("Phone number", number.ten_digits), Field("Label", describe_number(source, number)))
