"""What tests of registrations share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from portal.audit import Context
from portal.models import Account
from reputation.desks import registrations
from reputation.desks.registrations import RegistrationDraft
from reputation.models import Desk, DeskLetter, DeskRegistration, PhoneNumber


def get_registry() -> Desk:
    return Desk.objects.get(slug="free-caller-registry")


def send(account: Account, numbers: Sequence[PhoneNumber], context: Context, **values: Any) -> DeskLetter:
    """Record that these numbers were sent to the registry."""
    draft = {
        "text": "Company: Cascade Solar LLC",
        "file_name": "numbers.csv",
        "file_content": "phone number,business name\n",
        "attested_by": "Ada Park",
        "mailbox": "numbers@example.com",
    } | values
    ids = [number.pk for number in numbers]
    return registrations.send(account, get_registry(), ids, RegistrationDraft(**draft), context=context)


def get_states(number: PhoneNumber) -> dict[str, str]:
    """The states of the number's registrations by slug of the engine."""
    return dict(DeskRegistration.objects.filter(number=number).values_list("engine__slug", "state"))
