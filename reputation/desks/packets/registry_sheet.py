"""The registry's form, which TNS and Verizon use, too: fields about the company, and a sheet of numbers."""

from __future__ import annotations

from reputation.desks.packets.content import Field, Packet, Source, build_csv, describe_volume
from reputation.desks.packets.missing import find_missing

# The form has a field for this many numbers. More go into a sheet.
MAX_TYPED = 20


def build(source: Source) -> Packet:
    """The sheet has the ten digits of a number, and the business's name as its second column."""
    business = source.business
    fields = [
        Field("Contact e-mail", business.contact_email, "Read there: the desk sends a code and its answers to it."),
        Field("Category", source.purpose, "Choose the nearest of the form's list."),
        Field("Contact name", business.contact_name),
        Field("Contact phone", business.contact_phone),
        Field("Company name", business.legal_name),
        Field("Address", business.street),
        Field("City", business.city),
        Field("State", business.state),
        Field("ZIP", business.zip_code),
        Field("Company URL", business.website),
        Field("Service provider", business.phone_company),
        describe_volume(source),
    ]
    if len(source.numbers) <= MAX_TYPED:
        fields.append(Field("Phone numbers", ", ".join(number.ten_digits for number in source.numbers)))
    rows = [
        ("phone number", "business name"),
        *((number.ten_digits, business.trade_name or business.legal_name) for number in source.numbers),
    ]
    return Packet(
        fields=fields,
        text="\n".join(f"{field.name}: {field.value}" for field in fields),
        file_name=source.file_name("numbers"),
        file_content=build_csv(rows),
        missing=find_missing(source, labels=False),
    )
