"""Add, change, remove and restore the numbers of an account."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.db import IntegrityError, transaction
from django.db.models import F

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from portal.models import Account
from portal.phone.numbers import InvalidPhoneNumber, ParsedNumber, parse_number
from reputation import campaigns
from reputation.matching import daily_limit
from reputation.models import Campaign, Case, PhoneNumber
from reputation.monitoring import capability, coverage
from reputation.monitoring.eligibility import get_coverage
from reputation.remediation import cases
from reputation.remediation.retiring import get_reason_to_retire

# Calls to a personal (500) or premium-rate (900) number cost more than a normal call, so neither can be a caller ID.
CALLER_ID_ERRORS = {
    "premium": "This is a premium-rate number. Callers would pay to call it back, so it cannot be a caller ID.",
    "personal": "This is a personal number, which follows its holder. It cannot be a caller ID.",
}


class MonitoringWouldEnd(Exception):
    """Nothing was changed: the number would leave its campaign, and no seat is free for it."""


class NotRetirable(Exception):
    """Nothing was changed; the message says why."""


@dataclass(frozen=True)
class AddResult:
    """The number, and the outcome of adding it. An existing number is left as it is."""

    number: PhoneNumber
    outcome: Literal["added", "restored", "existing"]


def parse_caller_id(text: str, *, allow_letters: bool = False, country: str = "") -> ParsedNumber:
    """Parse a number as parse_number does. Raises InvalidPhoneNumber also for numbers that cannot be caller IDs."""
    parsed = parse_number(text, allow_letters=allow_letters, country=country)
    if parsed.kind in CALLER_ID_ERRORS:
        raise InvalidPhoneNumber(CALLER_ID_ERRORS[parsed.kind])
    return parsed


def clean_label(text: str) -> str:
    """Return the label as one line of text: control characters and line breaks become spaces."""
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
    """Add a number, or restore it with its history if it was removed.

    Several people may add the same number at once: the unique constraint lets one of them add it.
    """
    with transaction.atomic():
        # Wait for a chunk of an import of this account, which adds numbers, too.
        Account.objects.select_for_update().get(pk=account.pk)
        same_number = PhoneNumber.objects.filter(account=account, e164=parsed.e164).select_for_update()
        number = same_number.first()
        if number is None:
            number = _create(account, parsed, label=label, source=source, campaign=campaign, context=context)
            return AddResult(number, "added") if number else AddResult(same_number.get(), "existing")
        if number.removed_at is None:
            return AddResult(number, "existing")
        _restore(number, label=label, source=source, campaign=campaign, context=context)
        return AddResult(number, "restored")


def _create(
    account: Account, parsed: ParsedNumber, *, label: str, source: str, campaign: Campaign | None, context: Context
) -> PhoneNumber | None:
    """Insert the number. Returns None if somebody else added it at the same time."""
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
        return None
    audit.record_event(account=account, context=context, code="number.added", subject=number, after=number.label)
    return number


def _restore(number: PhoneNumber, *, label: str, source: str, campaign: Campaign | None, context: Context) -> None:
    """Restore a removed number. It keeps its history, and its label if none is given; monitoring stays off."""
    number.label, number.source, number.campaign = clean_label(label) or number.label, source, campaign
    number.removed_at, number.added_at = None, context.now
    number.save(update_fields=["label", "source", "campaign", "removed_at", "added_at"])
    daily_limit.recompute(PhoneNumber.objects.filter(pk=number.pk), account_id=number.account_id, now=context.now)
    audit.record_event(
        account=number.account, context=context, code="number.restored", subject=number, after=number.label
    )


def change(
    number: PhoneNumber,
    *,
    label: str,
    source: str,
    campaign: Campaign | None,
    context: Context,
    end_monitoring: bool = False,
) -> bool:
    """Change label, source and campaign, with an audit event for each difference. Returns False if there is none.

    Raises MonitoringWouldEnd if the number would lose its monitoring, unless `end_monitoring` says that it may.
    """
    with transaction.atomic():
        account = coverage.lock_account(number.account_id)
        before = PhoneNumber.objects.select_for_update().get(pk=number.pk)
        before.account = account
        if before.campaign_id and before.capability in PhoneNumber.MONITORED and not (campaign or end_monitoring):
            leaving = PhoneNumber.objects.filter(pk=before.pk)
            if coverage.count_ending(leaving, get_coverage(account, context.now)):
                raise MonitoringWouldEnd
        label = clean_label(label)
        for old, new in (
            (before.label, label),
            (before.get_source_display(), PhoneNumber.Source(source).label),
        ):
            if old != new:
                audit.record_event(
                    account=before.account,
                    context=context,
                    code="number.changed",
                    subject=before,
                    before=old,
                    after=new,
                )
        changed = PhoneNumber.objects.filter(pk=before.pk).exclude(label=label, source=source)
        is_changed = bool(changed.update(label=label, source=source))
        if campaign:
            moved = campaigns.assign([before.pk], campaign=campaign, context=context)
        else:
            moved = campaigns.unassign([before.pk], account_id=before.account_id, context=context)
    return is_changed or bool(moved)


def retire(ids: Sequence[int], *, account_id: int, context: Context) -> list[int]:
    """Stop using these numbers of the account, and return the ids of those that were present. The history stays.

    Monitoring stops, and campaigns no longer call from the numbers or show them as default. They stay in the account,
    labelled when last seen.
    """
    with transaction.atomic():
        coverage.lock_account(account_id)
        present = PhoneNumber.objects.for_account(account_id).present().filter(pk__in=in_list(ids))
        retired = list(present.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
        numbers = PhoneNumber.objects.filter(pk__in=in_list(retired))
        audit.record_changes(numbers, context=context, code="number.retired", label="e164")
        capability.disable(retired, context=context, reason="The number was retired.")
        campaigns.clear_default_numbers(retired, context=context)
        campaigns.unassign(retired, account_id=account_id, context=context)
    return retired


def retire_of_case(case: Case, *, context: Context) -> None:
    """Retire the number of the failed case. Raises NotRetirable if asking again still makes sense."""
    if case.state != Case.State.FAILED or not get_reason_to_retire(case.number_id):
        raise NotRetirable(
            "A number is retired after its case failed, and after several refusals or relapses. Nothing was changed."
        )
    retire([case.number_id], account_id=case.account_id, context=context)


def remove(ids: Sequence[int], *, context: Context) -> list[int]:
    """Remove these numbers (at most a chunk) and return the ids of those that were present. The history stays.

    Monitoring stops, open cases are cancelled, and campaigns no longer call from the numbers or show them as default.
    """
    with transaction.atomic():
        present = PhoneNumber.objects.present().filter(pk__in=in_list(ids))
        removed = list(present.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
        capability.disable(removed, context=context, reason="The number was removed.")
        cases.withdraw_requests(removed, now=context.now)
        campaigns.clear_default_numbers(removed, context=context)
        numbers = PhoneNumber.objects.filter(pk__in=removed)
        audit.record_changes(numbers, context=context, code="number.removed", label="e164", before=F("label"))
        numbers.update(removed_at=context.now, campaign=None)
    return removed
