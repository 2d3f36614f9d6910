"""Add, change and remove the telephones that test calls go to, and prove that they show labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from portal.models import Account
from portal.phone.numbers import parse_number
from reputation.models import Telephone
from reputation.test_calls.networks import find_network
from reputation.test_calls.setup import STEPS

FIELDS = ("name", "carrier", "plan", "make", "system", "phone_app", "protection")


class TelephoneExists(Exception):
    """The account has a telephone with this number already."""


def get_telephones(account: Account) -> list[Telephone]:
    """The account's telephones, by name."""
    return list(Telephone.objects.for_account(account).in_use())


def add_telephone(account: Account, number: str, values: Mapping[str, Any], *, context: Context) -> Telephone:
    """Adds a telephone. Raises InvalidPhoneNumber, TelephoneExists, or ValidationError about one of the values.

    `values` has those of FIELDS that are known; the name and the network are required.
    """
    telephone = Telephone(account=account, e164=parse_number(number).e164, added_at=context.now)
    _fill(telephone, values)
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        if Telephone.objects.for_account(account).in_use().filter(e164=telephone.e164).exists():
            raise TelephoneExists(f"{telephone.number_text} is a telephone of yours already.")
        telephone.save()
        _record("telephone.added", telephone, context, after=str(telephone))
    return telephone


def change_telephone(telephone: Telephone, values: Mapping[str, Any], *, context: Context) -> None:
    """Changes the given ones of FIELDS. Another network, plan, system, make or app needs another proof.

    Calls that were made keep their network.

    Raises ValidationError about one of the values, and changes nothing then.
    """
    before = str(telephone)
    display = ("network", "plan", "system", "make", "phone_app")
    shown_by = [getattr(telephone, field) for field in display]
    _fill(telephone, values)
    if [getattr(telephone, field) for field in display] != shown_by:
        telephone.proven_until = None
    with transaction.atomic():
        telephone.save()
        _record("telephone.changed", telephone, context, before=before, after=str(telephone))


def remove_telephone(telephone: Telephone, *, context: Context) -> None:
    """Removes the telephone from the list. What it showed is kept."""
    with transaction.atomic():
        _record("telephone.removed", telephone, context, before=str(telephone))
        Telephone.objects.filter(pk=telephone.pk, removed_at__isnull=True).update(removed_at=context.now)


def confirm_label_seen(telephone: Telephone, seen_at: datetime, *, context: Context | None = None) -> None:
    """Somebody saw the label of any caller on the telephone: it is proven from then on.

    With a context, the audit trail says who confirmed it.
    """
    with transaction.atomic():
        prove({telephone.pk: seen_at})
        if context:
            _record("telephone.proven", telephone, context, after=str(telephone))


def prove(seen_at_by_id: Mapping[int, datetime]) -> None:
    """These telephones displayed a label at these times. An earlier time never shortens a proof."""
    telephones = Telephone.objects.filter(pk__in=in_list(seen_at_by_id))
    proven = []
    for telephone in telephones.select_for_update().order_by("pk") if seen_at_by_id else ():
        until = get_proven_until(telephone, seen_at_by_id[telephone.pk])
        if telephone.proven_until != until:
            telephone.proven_until = until
            proven.append(telephone)
    Telephone.objects.bulk_update(proven, ["proven_until"])


def get_proven_until(telephone: Telephone, seen_at: datetime) -> datetime:
    """Until when the telephone is proven once it displayed a label at this time."""
    until = seen_at + timedelta(days=settings.TEST_CALLS.proven_days)
    return max(telephone.proven_until or until, until)


def get_reason_not_counted(telephone: Telephone, now: datetime) -> str:
    """Why a *no label* on this telephone does not count; empty if it does."""
    reasons = []
    if telephone.plan != Telephone.Plan.POSTPAID:
        reasons.append("Some networks label postpaid lines only: this line shows labels, but never that there is none.")
    if not telephone.is_proven(now):
        days = settings.TEST_CALLS.proven_days
        reasons.append(
            f"This telephone has displayed no caller's label in the last {days} days, so it may not show labels."
        )
    return " ".join(reasons)


def _fill(telephone: Telephone, values: Mapping[str, Any]) -> None:
    for field in FIELDS:
        if field in values:
            value = values[field]
            setattr(telephone, field, value.strip() if isinstance(value, str) else value)
    telephone.protection = _keep_known(telephone.protection.items())
    telephone.network = find_network(telephone.account, telephone.carrier)
    telephone.clean_fields(exclude=["account", "e164"])


def _keep_known(protection: Iterable[tuple[str, Any]]) -> dict[str, bool]:
    codes = {step.code for step in STEPS}
    return {code: is_on for code, is_on in protection if code in codes and isinstance(is_on, bool)}


def _record(code: str, telephone: Telephone, context: Context, before: str = "", after: str = "") -> None:
    audit.record_event(
        account=telephone.account, context=context, code=code, subject=telephone, before=before, after=after
    )
