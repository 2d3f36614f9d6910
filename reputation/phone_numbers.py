"""The numbers of an account: added, changed, removed, and brought back with their history."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import F

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from portal.models import Account
from portal.phone.numbers import InvalidPhoneNumber, ParsedNumber, parse_number
from reputation import campaigns
from reputation.matching import daily_limit
from reputation.models import Campaign, PhoneNumber
from reputation.monitoring import capability

# A personal (500) or premium-rate (900) number cannot be called back at the ordinary rate, so none may be shown.
CALLER_ID_ERRORS = {
    "premium": "This is a premium-rate number. Callers would pay to call it back, so it cannot be a caller ID.",
    "personal": "This is a personal number, which follows its holder. It cannot be a caller ID.",
}


@dataclass(frozen=True)
class AddResult:
    """What became of a number that somebody added: `now_is` is added, brought_back, or there (it was already)."""

    number: PhoneNumber
    now_is: str


def parse_caller_id(text: str, *, letters: bool = False) -> ParsedNumber:
    """Like portal.phone.numbers.parse_number, for a number shown to called people: raises NotANumber for others."""
    parsed = parse_number(text, letters=letters)
    if parsed.kind in CALLER_ID_ERRORS:
        raise InvalidPhoneNumber(CALLER_ID_ERRORS[parsed.kind])
    return parsed


def clean_label(text: str) -> str:
    """A label is one line of text: what would break or hide in one becomes a space."""
    return text.strip() if text.isprintable() else re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text).strip()


def add(
    *,
    account: Account,
    parsed: ParsedNumber,
    label: str = "",
    source: str = PhoneNumber.Source.NATIVE,
    campaign: Campaign | None = None,
    context: Context,
) -> AddResult:
    """Adds the number; one that was removed comes back with its history, and one that is there is left as it is.

    Of several who add it at the same moment, one adds it: the database keeps a number once in an account.
    """
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)  # an import of this account waits, and then sees it
        mine = PhoneNumber.objects.filter(account=account, e164=parsed.e164).select_for_update()
        number = mine.first()
        if number is None:
            try:
                with transaction.atomic():
                    number = PhoneNumber.objects.create(
                        account=account,
                        e164=parsed.e164,
                        region=parsed.region,
                        kind=parsed.kind,
                        area_code=parsed.area_code,
                        label=clean_label(label),
                        source=source,
                        campaign=campaign,
                        added_at=context.now,
                        capability_since=context.now,
                    )
            except IntegrityError:
                return AddResult(mine.get(), "there")
            audit.record_event(
                account=account, context=context, what="number.added", subject=number, after=number.label
            )
            return AddResult(number, "added")
        if number.removed_at is None:
            return AddResult(number, "there")
        _restore(number, label=label, source=source, campaign=campaign, context=context)
        return AddResult(number, "brought_back")


def _restore(number: PhoneNumber, *, label: str, source: str, campaign: Campaign | None, context: Context) -> None:
    """Its history and, where none is given, its label are what they were; monitoring stays off."""
    number.label, number.source, number.campaign = clean_label(label) or number.label, source, campaign
    number.removed_at, number.added_at = None, context.now
    number.save(update_fields=["label", "source", "campaign", "removed_at", "added_at"])
    daily_limit.recompute(PhoneNumber.objects.filter(pk=number.pk), account_id=number.account_id, now=context.now)
    audit.record_event(
        account=number.account, context=context, what="number.restored", subject=number, after=number.label
    )


def change(number: PhoneNumber, *, label: str, source: str, campaign: Campaign | None, context: Context) -> bool:
    """Changes label, source and campaign, with an audit event for each that differs; False if none did."""
    with transaction.atomic():
        before = PhoneNumber.objects.select_for_update().get(pk=number.pk)
        label = clean_label(label)
        for was, will_be in (
            (before.label, label),
            (before.get_source_display(), PhoneNumber.Source(source).label),
        ):
            if was != will_be:
                audit.record_event(
                    account=before.account,
                    context=context,
                    what="number.changed",
                    subject=before,
                    before=was,
                    after=will_be,
                )
        changed = PhoneNumber.objects.filter(pk=before.pk).exclude(label=label, source=source)
        is_changed = bool(changed.update(label=label, source=source))
        if campaign:
            moved = campaigns.assign([before.pk], campaign=campaign, context=context)
        else:
            moved = campaigns.unassign([before.pk], account_id=before.account_id, context=context)
    return is_changed or bool(moved)


def remove(ids: Sequence[int], *, context: Context) -> list[int]:
    """Takes these numbers (a chunk) out of the account and returns those that were there. The history stays.

    Monitoring stops, open cases are cancelled, and campaigns call from them no more, nor show them as the default.
    """
    with transaction.atomic():
        present = PhoneNumber.objects.present().filter(pk__in=in_list(ids))
        removed = list(present.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
        capability.disable(removed, context=context, reason="The number was removed.")
        campaigns.clear_default_numbers(removed, context=context)
        numbers = PhoneNumber.objects.filter(pk__in=removed)
        audit.record_changes(numbers, context=context, what="number.removed", label="e164", before=F("label"))
        numbers.update(removed_at=context.now, campaign=None)
    return removed
