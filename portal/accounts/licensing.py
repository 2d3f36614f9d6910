"""What each product includes, and changes of licences. Source: *Requirements* in the specification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from portal import audit, signals
from portal.audit import Context
from portal.models import Account, Licence, Product

# Each covers the numbers in outbound dialer campaigns, without a seat of the SKU.
CAMPAIGN_PRODUCTS = frozenset({Product.CONTACT_CENTER_PREMIUM, Product.CONTACT_CENTER_ELITE, Product.AUTO_DIALER})
# Any other number needs one of these products and a free seat of the SKU.
BASE_PRODUCTS = frozenset(Product) - {Product.MONITORING_SKU, Product.OWN_INSTALLATION}
SEAT_PRODUCT = Product.MONITORING_SKU
# Covers every number, in campaigns or not, without a seat. For a business that runs the portal for itself.
OWN_PRODUCT = Product.OWN_INSTALLATION

# Counts the numbers that lose their monitoring if an account has these licences instead of its own.
CoverageCheck = Callable[[Account, Sequence[Licence], datetime], int]
_checks: list[CoverageCheck] = []


def register_coverage_check(check: CoverageCheck) -> None:
    """Register the check of a change of licences. For apps that import this one."""
    _checks.append(check)


def count_losing_monitoring(account: Account, licences: Sequence[Licence], now: datetime) -> int:
    """For how many numbers monitoring ends if the account has these licences instead of its own."""
    return sum(check(account, licences, now) for check in _checks)


def save_licence(licence: Licence, context: Context) -> None:
    """Store a licence that is new or changed, with its audit event."""
    stored = Licence.objects.filter(pk=licence.pk).first() if licence.pk else None
    signals.licences_changing.send(sender=Licence, account=licence.account, context=context)
    licence.save()
    audit.record_event(
        account=licence.account,
        context=context,
        code="licence.changed" if stored else "licence.added",
        subject=licence,
        before=_describe_licence(stored) if stored else "",
        after=_describe_licence(licence),
    )


def delete_licence(licence: Licence, context: Context) -> None:
    """Delete a licence, and record that in the audit trail."""
    account, before = licence.account, _describe_licence(licence)
    signals.licences_changing.send(sender=Licence, account=account, context=context)
    audit.record_event(account=licence.account, context=context, code="licence.removed", subject=licence, before=before)
    licence.delete()


def _describe_licence(licence: Licence) -> str:
    until = f"until {licence.valid_until:%Y-%m-%d}" if licence.valid_until else "without end"
    return f"{licence}, from {licence.valid_from:%Y-%m-%d}, {until}"
