"""What a desk asks for and the portal does not know, with the page where it is completed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from portal.text import join_names, pluralize
from reputation.desks.packets.content import Business, Missing, PacketNumber, Source

COMPANY_FIELDS = {
    "legal_name": "legal business name",
    "street": "street address",
    "city": "city",
    "state": "state",
    "zip_code": "ZIP code",
    "website": "website",
    "phone_company": "phone company",
}
CONTACT_FIELDS = {"contact_name": "name", "contact_phone": "phone", "contact_email": "e-mail address"}
CALL_FIELDS = {"use_case": "main purpose", "use_case_details": "what the calls are about"}


def find_missing(source: Source, *, labels: bool = True, consent: bool = False) -> tuple[Missing, ...]:
    """What all desks ask for. `labels`: also which label was seen; `consent`: how people agreed to be called."""
    found = [*_find_in_enrollment(source), *_find_authorization(source.business)]
    if consent and not source.business.consent:
        found.append(
            Missing(
                "The consent practice",
                "The desk asks how people agreed to be called. The enrollment confirms no such practice.",
                "Answer the questions on dialing practices",
                "enrollment-practices",
            )
        )
    if labels:
        found.extend(_find_labels(source.numbers))
    return tuple(found)


def _find_in_enrollment(source: Source) -> Iterator[Missing]:
    business = source.business
    for group, fields in (
        ("The company", COMPANY_FIELDS),
        ("The contact person", CONTACT_FIELDS),
        ("The calls", CALL_FIELDS),
    ):
        empty = [words for name, words in fields.items() if not getattr(business, name)]
        if empty:
            yield _in_form(group, f"The enrollment form does not name: {join_names(empty)}.")
    if not business.calls_per_day and all(number.calls is None for number in source.numbers):
        yield _in_form("The volume", "No dialer asks the portal, and the enrollment form does not say how many calls.")


def _in_form(what: str, why: str) -> Missing:
    return Missing(what, why, "Complete the enrollment form", "enrollment-business")


def _find_authorization(business: Business) -> Iterator[Missing]:
    if business.calls_for_others:
        yield Missing(
            "The right sender",
            "The enrollment says that you call for other businesses. Most desks refuse third parties: the business "
            "whose calls these are has to send the request, or to authorize you in writing.",
            "See the enrollment form",
            "enrollment-business",
        )


def _find_labels(numbers: Iterable[PacketNumber]) -> Iterator[Missing]:
    unseen = [number for number in numbers if not number.labels]
    if unseen:
        yield Missing(
            f"The label of {_name(unseen)}",
            "Which label was seen is not known, or it is gone. A desk asks for it.",
            f"Open {unseen[0].national}",
            "number",
            unseen[0].pk,
        )
    unlocated = [number for number in numbers if number.labels and not any(label.carrier for label in number.labels)]
    if unlocated:
        yield Missing(
            f"The carrier of {_name(unlocated)}",
            "On which carrier the label was seen is not known. A test call shows it.",
            f"Open {unlocated[0].national}",
            "number",
            unlocated[0].pk,
        )


def _name(numbers: list[PacketNumber]) -> str:
    return numbers[0].national if len(numbers) == 1 else pluralize(len(numbers), "number")
